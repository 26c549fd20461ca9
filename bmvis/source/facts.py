"""Evaluate and compare the facts that a model depends on: files, folders, links, entries, environment variables.

A model is out of date if the value of a fact has changed. Values are digests of content, not times, because an unpacked
archive has old files with new content. Internal.

Facts of files that factories wrote have `left`: they are compared with the state after the last build. Thus a log file
does not make a model out of date, but a manual edit does.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from bmvis.errors import BmvisError
from bmvis.source import fingerprint, syntax
from bmvis.source.pyproject import read_project
from bmvis.untrusted.file_names import utf8
from bmvis.worker.protocol import Fact, Kind

MAX_STAT_BYTES = 2**26
"""Size in bytes above which a file that was checked with `os.stat`, but not opened, counts only as existing."""
FOLDERS = ":"
"""The `of` of an entry fact that covers only the folders that the table sets. It is not a valid name."""
ARGUMENTS = ":arguments"
"""The `of` of an entry fact that covers the default arguments of all factories."""
_MODULE_SUFFIXES = (".py", ".so", ".pyd", ".pyc")


def value_of(fact: Fact) -> str:
    """Return the current value of a fact."""
    return _VALUES[fact.kind](fact)


def first_change(facts: Iterable[Fact], known: dict[tuple[str, str, str], str]) -> Fact | None:
    """Return the first fact whose value has changed, or None.

    Args:
        facts: the facts of one model.
        known: values that were looked up in this build; new ones are added.
    """
    for fact in facts:
        key = (fact.kind, fact.path, fact.of)
        if key not in known:
            known[key] = value_of(fact)
        if is_changed(fact, known[key]):
            return fact
    return None


def is_changed(fact: Fact, value: str) -> bool:
    """Return whether the current value of a fact is another one, and for a source also the syntax tree."""
    return value != fact.value and not (fact.kind == "source" and syntax.is_same(fact, value))


def with_written_files(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Return facts with the current values of files that factories wrote."""
    return tuple(msgspec.structs.replace(fact, value=value_of(fact)) if fact.left else fact for fact in facts)


def files_in(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Return the existing files among facts that no factory wrote."""
    return tuple(
        sorted({fact.path for fact in facts if fact.kind in ("file", "source") and fact.value and not fact.left})
    )


def file_facts(files: Iterable[str]) -> tuple[Fact, ...]:
    """Return the facts of files that the docs build itself has read."""
    return tuple(Fact("file", file, fingerprint.of_file(file)) for file in files)


def watched(facts: Iterable[Fact]) -> set[str]:
    """Return the paths that a preview server has to watch: files, and folders in which a file may be created."""
    found = set()
    for fact in facts:
        if fact.left or fact.kind in ("installed", "variable"):
            continue
        path = Path(fact.path)
        if (fact.kind == "link" and fact.value) or not path.exists():
            path = next((folder for folder in path.parents if folder.is_dir()), path)
        found.add(str(path))
        if path.is_symlink():
            found.add(os.path.realpath(path))
    return found


def with_changed_paths(facts: Iterable[Fact], change: Callable[[str], str]) -> tuple[Fact, ...]:
    """Return facts with changed paths, but for the names of environment variables.

    Args:
        facts: the facts of one model.
        change: returns the new path for a path.
    """
    return tuple(
        fact if fact.kind == "variable" else msgspec.structs.replace(fact, path=change(fact.path)) for fact in facts
    )


def entry_fact(file: Path, name: str) -> Fact:
    """Return the fact of a name in `[tool.bmvis.models]`, which includes the folders that the table sets.

    Args:
        file: the pyproject.toml.
        name: the name of a model; '' for the list of all models, `FOLDERS` for the folders only.
    """
    fact = Fact("entry", str(file), of=name)
    return msgspec.structs.replace(fact, value=value_of(fact))


def is_large(path: str) -> bool:
    """Return whether a file that no Python code has opened counts only by its size."""
    try:
        return Path(path).stat().st_size > MAX_STAT_BYTES
    except (OSError, ValueError):
        return False


def _exists(fact: Fact) -> str:
    try:
        found = Path(fact.path).stat()
    except (OSError, ValueError):
        return ""
    if stat.S_ISREG(found.st_mode) and found.st_size > MAX_STAT_BYTES:
        return f"file of {found.st_size} bytes"
    return "folder" if stat.S_ISDIR(found.st_mode) else "file"


def _time(fact: Fact) -> str:
    try:
        return str(Path(fact.path).stat().st_mtime_ns)
    except (OSError, ValueError):
        return ""


def _names(fact: Fact) -> str:
    try:
        with os.scandir(fact.path) as entries:
            names = sorted(
                os.fsencode(entry.name) + b"/" * entry.is_dir() for entry in entries if is_listed(entry.name)
            )
    except (OSError, ValueError):
        return ""
    return fingerprint.of_bytes(b"\0".join(names))


def is_listed(name: str) -> bool:
    """Return whether a name in a folder is part of its fact: not bytecode, and not a hidden file."""
    return not name.startswith(".") and name != "__pycache__"


def _link(fact: Fact) -> str:
    try:
        return utf8(os.readlink(fact.path))  # noqa: PTH115  # twice as fast, and most paths are looked up so
    except (OSError, ValueError):
        return ""


def _modules(fact: Fact) -> str:
    """Return the files and folders in which a folder has the imported names.

    A new file can shadow an installed module. A package or an extension shadows a module with the same name. A folder
    without `__init__.py` shadows nothing, but counts for a name with a slash, of which there is no other module.
    """
    names = fact.of.split()
    known = {name.removesuffix("/") for name in names}
    try:
        with os.scandir(fact.path) as entries:
            there = [entry for entry in entries if entry.name.partition(".")[0] in known]
            found = [utf8(entry.name) for entry in there if _is_module(entry, f"{entry.name}/" in names)]
    except (OSError, ValueError):
        return ""
    return " ".join(sorted(found))


def _is_module(entry: os.DirEntry[str], is_any_folder: bool) -> bool:
    if not entry.is_dir():
        return entry.name.endswith(_MODULE_SUFFIXES)
    return "." not in entry.name and (is_any_folder or Path(entry.path, "__init__.py").is_file())


def _entry(fact: Fact) -> str:
    try:
        project = read_project(Path(fact.path).parent)
        if fact.of == ARGUMENTS:
            return fingerprint.of_bytes(repr(project.arguments).encode()) if project.arguments else ""
        found: object = () if fact.of == FOLDERS else (tuple(project.models), project.patterns)
        if fact.of not in ("", FOLDERS):
            found = project.find(fact.of)
    except (BmvisError, OSError, ValueError):
        return ""
    folders = (*project.path, str(project.snapshots))
    where = [utf8(os.path.relpath(folder, project.folder)) for folder in folders]
    return fingerprint.of_bytes(repr((found, where)).encode())


_VALUES: Mapping[Kind, Callable[[Fact], str]] = {
    "file": lambda fact: fingerprint.of_file(fact.path),
    "source": lambda fact: fingerprint.of_file(fact.path),
    "exists": _exists,
    "names": _names,
    "link": _link,
    "modules": _modules,
    "entry": _entry,
    "installed": lambda fact: fingerprint.of_installed(fact.path),
    "variable": lambda fact: fingerprint.of_variable(fact.path),
    "time": _time,
}
