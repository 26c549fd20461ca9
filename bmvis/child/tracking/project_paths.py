"""Decide which paths that user code accesses belong to the project. Runs in the child process."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bmvis.child.tracebacks import is_foreign
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
        self.outside: set[tuple[DependencyKind, str]] = set()
        """Paths that were accessed and are not in the project: files, and listed folders."""
        self._temporary = os.path.join(os.environ.get(MARK) or "\0", "")
        """The folder of the worker, which can be in the project; it is another one in each build."""
        self._in_scope: dict[str, bool] = {}
        self._real_folders: dict[str, str] = {}

    def set_roots(self, folders: Iterable[str]) -> None:
        """Set the folders of the project."""
        roots = tuple(os.path.join(os.path.abspath(folder), "") for folder in folders)
        if roots != self.roots:
            self.roots = roots
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
        if not path.startswith(self.roots):
            self.outside.add(("file", path))
            return False
        known = self._in_scope.get(path)
        if known is None:
            root = max((root for root in self.roots if path.startswith(root)), key=len)
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
