"""Decide which paths that user code accesses belong to the project. Runs in the child process."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bmvis.child.tracebacks import is_foreign
from bmvis.source.pyproject import project_folder
from bmvis.worker.process_tree import MARK
from bmvis.worker.protocol import DependencyKind

_SKIPPED = frozenset({"__pycache__", ".git", "site-packages", "dist-packages"})
_GIT = frozenset({"HEAD", "packed-refs", "refs"})
"""What names the commits of a repository. The rest of `.git` changes without a change of the project."""
_readlink, _realpath = os.readlink, os.path.realpath


class ProjectPaths:
    """The folders of the project, and the paths below them."""

    def __init__(self) -> None:
        self.roots: tuple[str, ...] = ()
        """Folders of the project, with a trailing separator; files elsewhere do not belong to the project."""
        self._targets: tuple[str, ...] = ()
        """Folders outside the project that its links lead to, with a trailing separator, and files."""
        self.outside: set[tuple[DependencyKind, str]] = set()
        """Paths that were accessed and are not in the project: files, and listed folders."""
        self._temporary = os.path.join(os.environ.get(MARK) or "\0", "")
        """The folder of the worker, which can be in the project; it is another one in each build."""
        self._in_scope: dict[str, bool] = {}
        self._real_folders: dict[str, str] = {}
        self._have_modules: set[str] = set()
        """Folders whose modules were imported, and whose project is known."""

    def set_roots(self, folders: Iterable[str]) -> None:
        """Set the folders of the project."""
        roots = tuple(os.path.join(os.path.abspath(folder), "") for folder in folders)
        if roots != self.roots:
            self.roots, self._targets = roots, ()
            self._in_scope.clear()
            self._have_modules.clear()

    def add_project_of(self, module: str) -> None:
        """Add the project of a module that is imported from elsewhere, such as one that is installed as editable.

        If the module is reached through a link, its code can find other files next to the target.

        Args:
            module: the file of the module.
        """
        file = os.path.abspath(module)
        for path in dict.fromkeys((file, _realpath(file))):
            if not is_foreign(path):
                self._add_project_in(os.path.dirname(path))

    def add_target(self, link: str) -> None:
        """Add the file or folder that a link in the project leads to, which code can open by its real path."""
        target = _realpath(link)
        if target.startswith(self.roots) or Path(target) in _shared_folders() or is_of_system(target):
            return
        found = os.path.join(target, "") if os.path.isdir(target) else target  # noqa: PTH112  # a link can lead to itself
        if found not in self._targets:
            self._targets += (found,)
            self._in_scope.clear()

    def _add_project_in(self, folder: str) -> None:
        if folder in self._have_modules:
            return
        self._have_modules.add(folder)
        found = project_folder(Path(folder))
        is_known = os.path.join(found, "").startswith(self.roots)
        if not is_known and found not in _shared_folders() and not _has_installed(folder):
            real = Path(_realpath(found))
            self.roots += tuple(os.path.join(root, "") for root in dict.fromkeys((found, real)))
            self._in_scope.clear()

    def absolute(self, file: Any) -> str:
        """Return an absolute path; '' if the argument is not a path, such as a file descriptor.

        A path that leads into the project through a link outside it becomes the path in the project: a home folder is
        often such a link.
        """
        if isinstance(file, int):
            return ""
        try:
            path = os.fsdecode(file)
            if not path.isascii():
                os.fsencode(path)  # an error if no file can have this name
            if path.startswith(self.roots) and ".." not in path:
                return path
            path = os.path.abspath(path)
            return path if path.startswith(self.roots) else self._through_links(path)
        except (TypeError, ValueError, OSError):
            return ""

    def is_in_scope(self, path: str) -> bool:
        """Return whether a path is in the project, and not in a folder of installed packages or of the worker.

        Of the folder `.git`, only the files that name commits are in it.
        """
        if path.startswith(self._temporary):
            return False
        roots = self.roots if path.startswith(self.roots) else self._targets
        if not path.startswith(roots):
            self.outside.add(("file", path))
            return False
        known = self._in_scope.get(path)
        if known is None:
            root = max((root for root in roots if path.startswith(root)), key=len)
            below = Path(path[len(root) :]).parts
            if below[:1] == (".git",) and _GIT.intersection(below[1:2]):
                below = below[2:]
            known = self._in_scope[path] = _SKIPPED.isdisjoint(below) and not is_foreign(path)
            self.outside.update([] if known else [("file", path)])
        return known

    def _through_links(self, path: str) -> str:
        if is_of_system(path):
            return path
        folder, name = os.path.split(path)
        real = self._real_folders.get(folder)
        if real is None:
            real = self._real_folders[folder] = _realpath(folder)
        inside = os.path.join(real, name)
        if not inside.startswith(self.roots) and Path(inside).is_symlink():
            inside = _realpath(inside)
        return inside if inside.startswith(self.roots) else path


def _shared_folders() -> tuple[Path, ...]:
    """Return folders with files of many projects and programs."""
    temporary, home = tempfile.gettempdir(), os.path.expanduser("~")  # noqa: PTH111  # as in `project_folder`
    return tuple(Path(folder) for name in (temporary, home) for folder in (name, _realpath(name), Path(name).anchor))


def _has_installed(folder: str) -> bool:
    """Return whether a folder is below one of `sys.path` with installed packages, as of `pip install --target`."""
    for entry in sys.path:
        if isinstance(entry, str) and entry and os.path.join(folder, "").startswith(os.path.join(entry, "")):
            try:
                if any(name.endswith(".dist-info") for name in os.listdir(entry)):  # noqa: PTH208  # names suffice
                    return True
            except OSError:
                continue  # a zip file, or no folder any more
    return False


def is_of_system(path: str) -> bool:
    """Return whether a path is that of the operating system, or of an installed package."""
    return path.startswith(("/proc/", "/sys/", "/dev/")) or is_foreign(path)


def open_folder(descriptor: Any) -> str:
    """Return the path of an open folder; '' if it is unknown. Linux only."""
    try:
        return _readlink(f"/proc/self/fd/{int(descriptor)}")
    except (OSError, TypeError, ValueError):
        return ""


def below(descriptor: Any, path: Any) -> Any:
    """Return a path that is relative to an open folder; -1, which is no path, if it is unknown."""
    folder = open_folder(descriptor)
    return os.path.join(folder, os.fsdecode(path)) if folder and not isinstance(path, int) else -1


def source_path(bytecode: str) -> str:
    """Return the path of the source of a file with bytecode, or the same path if it has none."""
    try:
        return importlib.util.source_from_cache(bytecode)
    except (ValueError, NotImplementedError):
        return bytecode
