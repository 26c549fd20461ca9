"""Evaluate and compare the dependencies that a model depends on: files, folders, links, entries, environment variables.

A model is out of date if the value of a dependency has changed. Values are digests of content, not times, because an
unpacked archive has old files with new content. Internal.

Files that factories wrote have `is_written`: they are compared with the state after the last build. Thus a log file
does not make a model out of date, but a manual edit does.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from bmvis.errors import BmvisError
from bmvis.lazy_regex import lazy_regex
from bmvis.source import fingerprint, syntax
from bmvis.source.module_folders import ModuleFolders, modules_in
from bmvis.source.pyproject import Project, read_project
from bmvis.untrusted.file_names import utf8
from bmvis.worker.protocol import Dependency, DependencyKey, DependencyKind

MAX_STAT_BYTES = 2**26
"""Size in bytes above which a file that was checked with `os.stat`, but not opened, counts only as existing."""
FOLDERS = ":"
"""The `of` of an entry dependency that covers only the folders that the table sets. It is not a valid name."""
ARGUMENTS = ":arguments"
"""The `of` of an entry dependency that covers the default arguments of all factories."""
CHECKS = ":checks"
"""The `of` of an entry dependency that covers with which snapshot a reference is compared, and what is ignored then."""
_UNLISTED = lazy_regex(
    r"__pycache__|\.git|\.cache|\..*_cache|\.ipynb_checkpoints|\.doctrees|\.coverage.*|\.DS_Store|\..*sw[a-p]|\.#.*|\.nfs.*"
)
"""Bytecode, caches of tools, and files that editors and file systems leave in folders."""


def value_of(
    dependency: Dependency,
    folders: ModuleFolders | None = None,
    digest_of: Callable[[str], str] = fingerprint.of_installed,
) -> str:
    """Return the current value of a dependency.

    Args:
        dependency: the dependency.
        folders: the folders in which modules were found before.
        digest_of: returns the digest of the distributions in a `site-packages` folder.
    """
    if dependency.kind == "installed":
        return digest_of(dependency.path)
    if dependency.kind == "modules":
        return modules_in(dependency.path, dependency.of.split(), folders or ModuleFolders())
    if dependency.kind == "search":
        return (folders or ModuleFolders()).on_path(dependency.of, dependency.path)
    return _VALUES[dependency.kind](dependency)


def with_value(dependency: Dependency, folders: ModuleFolders | None = None) -> Dependency:
    """Return a dependency with its current value; the arguments are as of `value_of`."""
    return msgspec.structs.replace(dependency, value=value_of(dependency, folders))


class CurrentValues:
    """The current values of dependencies, each of which is read once.

    Args:
        digest_of: returns the digest of the distributions in a `site-packages` folder.
    """

    def __init__(self, digest_of: Callable[[str], str] = fingerprint.of_installed) -> None:
        self._digest_of = digest_of
        self._folders = ModuleFolders()
        self._known: dict[DependencyKey, str] = {}

    def of(self, dependency: Dependency) -> str:
        """Return the value of a dependency when it was first asked for."""
        key = dependency.key
        if key not in self._known:
            self._known[key] = value_of(dependency, self._folders, self._digest_of)
        return self._known[key]

    def first_change(self, dependencies: Iterable[Dependency]) -> Dependency | None:
        """Return the first dependency whose value has changed, or None."""
        return next((one for one in dependencies if is_changed(one, self.of(one))), None)


def is_changed(dependency: Dependency, value: str) -> bool:
    """Return whether the current value of a dependency is another one, and for a source also the syntax tree."""
    return value != dependency.value and not (dependency.kind == "source" and syntax.is_same(dependency, value))


def with_written_files(dependencies: Iterable[Dependency]) -> tuple[Dependency, ...]:
    """Return dependencies with the current values of files that factories wrote."""
    return tuple(with_value(one) if one.is_written else one for one in dependencies)


def files_in(dependencies: Iterable[Dependency]) -> tuple[str, ...]:
    """Return the existing files among dependencies that no factory wrote."""
    return tuple(
        sorted(
            {one.path for one in dependencies if one.kind in ("file", "source") and one.value and not one.is_written}
        )
    )


def file_dependencies(files: Iterable[str]) -> tuple[Dependency, ...]:
    """Return the dependencies of files that the docs build itself has read."""
    return tuple(Dependency("file", file, fingerprint.of_file(file)) for file in files)


def watched(dependency: Dependency) -> set[str]:
    """Return the paths that a preview server has to watch: a file, or the folder in which a file may be created."""
    if dependency.is_written or dependency.kind in ("installed", "variable", "git", "search"):
        return set()
    path = Path(dependency.path)
    if (dependency.kind == "link" and dependency.value) or not path.exists():
        path = next((folder for folder in path.parents if folder.is_dir()), path)
    return {str(path), os.path.realpath(path)} if path.is_symlink() else {str(path)}


def with_changed_paths(dependencies: Iterable[Dependency], change: Callable[[str], str]) -> tuple[Dependency, ...]:
    """Return dependencies with changed paths, but for the names of environment variables.

    Args:
        dependencies: the dependencies of one model.
        change: returns the new path for a path.
    """
    return tuple(
        one if one.kind == "variable" else msgspec.structs.replace(one, path=change(one.path)) for one in dependencies
    )


def entry_dependency(file: Path, name: str) -> Dependency:
    """Return the dependency of a name in `[tool.bmvis.models]`, which includes the folders that the table sets.

    Args:
        file: the pyproject.toml.
        name: the name of a model; '' for the list of all models, or a constant of this module.
    """
    return with_value(Dependency("entry", str(file), of=name))


def is_large(path: str) -> bool:
    """Return whether a file that no Python code has opened counts only by its size."""
    try:
        return Path(path).stat().st_size > MAX_STAT_BYTES
    except (OSError, ValueError):
        return False


def _exists(dependency: Dependency) -> str:
    try:
        found = Path(dependency.path).stat()
    except (OSError, ValueError):
        return ""
    if stat.S_ISREG(found.st_mode) and found.st_size > MAX_STAT_BYTES:
        return f"file of {found.st_size} bytes"
    return "folder" if stat.S_ISDIR(found.st_mode) else "file"


def _time(dependency: Dependency) -> str:
    try:
        return str(Path(dependency.path).stat().st_mtime_ns)
    except (OSError, ValueError):
        return ""


def _mode(dependency: Dependency) -> str:
    try:
        return "executable" if Path(dependency.path).stat().st_mode & 0o111 else "not executable"
    except (OSError, ValueError):
        return ""


def _names(dependency: Dependency) -> str:
    try:
        with os.scandir(dependency.path) as entries:
            names = sorted(
                os.fsencode(entry.name) + b"/" * entry.is_dir() for entry in entries if is_listed(entry.name)
            )
    except (OSError, ValueError):
        return ""
    return fingerprint.of_bytes(b"\0".join(names))


def is_listed(name: str) -> bool:
    """Return whether a name in a folder is part of its dependency: not bytecode, a cache, or a file of an editor."""
    return not _UNLISTED.fullmatch(name)


def _link(dependency: Dependency) -> str:
    try:
        return utf8(os.readlink(dependency.path))  # noqa: PTH115  # twice as fast, and most paths are looked up so
    except (OSError, ValueError):
        return ""


def _entry(dependency: Dependency) -> str:
    try:
        project = read_project(Path(dependency.path).parent)
        if dependency.of == ARGUMENTS:
            return fingerprint.of_bytes(repr(project.arguments).encode()) if project.arguments else ""
        found = _part_of(project, dependency.of)
    except (BmvisError, OSError, ValueError):
        return ""
    folders = (*project.path, str(project.snapshots))
    where = [utf8(os.path.relpath(folder, project.folder)) for folder in folders]
    return fingerprint.of_bytes(repr((found, where)).encode())


def _part_of(project: Project, of: str) -> object:
    """Return what an entry dependency covers, apart from the folders.

    Raises:
        ProjectError: no model has this name.
    """
    if of == FOLDERS:
        return bool(project.shared_path)
    if of == CHECKS:
        names = [(name, model.reference, model.device) for name, model in project.models.items()]
        return names, project.patterns, project.ignored
    return project.find(of) if of else (tuple(project.models), project.patterns)


def _variable(dependency: Dependency) -> str:
    from bmvis.source.environment import variable_digest  # few models read variables

    return variable_digest(dependency.path)


_VALUES: Mapping[DependencyKind, Callable[[Dependency], str]] = {
    "file": lambda dependency: fingerprint.of_file(dependency.path),
    "source": lambda dependency: fingerprint.of_file(dependency.path),
    "exists": _exists,
    "names": _names,
    "link": _link,
    "entry": _entry,
    "variable": _variable,
    "time": _time,
    "mode": _mode,
    "git": lambda dependency: fingerprint.of_repository(dependency.path),
}
