"""Find the files of the project that commands and native code open, by asking the kernel. Linux only.

Runs in the child process. inotify reports opened files of watched folders, but not by which process: a file that the
docs build or an editor opens at the same time counts too, which at most builds a model again. It does not report
files that were looked for and are not there (`bmvis.child.tracking.command_files`).
https://man7.org/linux/man-pages/man7/inotify.7.html
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Iterator

from bmvis.child.tracking.project_paths import source_path

_OPENED, _WRITTEN, _CREATED, _IS_FOLDER = 0x20, 0x2 | 0x8, 0x100 | 0x80, 0x40000000
"""`IN_OPEN`, `IN_MODIFY` with `IN_CLOSE_WRITE`, `IN_CREATE` with `IN_MOVED_TO`, and `IN_ISDIR`."""
_EVENT = struct.Struct("iIII")
"""The watch, the mask, a cookie, and the length of the name after them."""
_BYTES = 2**16
_MAX_FOLDERS = 2000
_MAX_ENTRIES = 100_000
"""Folders and entries after which no more folders are watched: a data set can have millions."""
_SKIPPED = frozenset(("node_modules", "site-packages", "dist-packages"))
_read = os.read


class OpenedFiles:
    """The files that any process opens below some folders, from `start` on."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._folders: dict[int, str] = {}
        """The paths of folders by their watches."""
        self._opened: set[str] = set()
        self._listed: set[str] = set()
        self._written: set[str] = set()

    def start(self, roots: Iterable[str]) -> None:
        """Watch folders with those below them. A second call does nothing."""
        if self._descriptor >= 0 or sys.platform != "linux":
            return
        libc = ctypes.CDLL(None)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            return  # all instances of the user are in use
        for folder in _folders(roots):
            watch = libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _OPENED | _WRITTEN | _CREATED)
            if watch < 0:
                break  # all watches of the user are in use
            self._folders[watch] = folder
        self.forget()

    def collect(self) -> None:
        """Read what the kernel has noticed: its queue has a limit."""
        while data := self._next():
            position = 0
            while position < len(data):
                watch, mask, _, length = _EVENT.unpack_from(data, position)
                name = data[position + _EVENT.size : position + _EVENT.size + length].rstrip(b"\0")
                position += _EVENT.size + length
                self._note(os.path.join(self._folders.get(watch, ""), os.fsdecode(name)), mask)

    def forget(self) -> None:
        """Leave out what bmvis itself has opened since `collect`."""
        while self._next():
            pass

    def files(self) -> list[str]:
        """Return the files that were opened, and that nobody has written since `start`, sorted."""
        self.collect()
        return sorted(path for path in map(source_path, self._opened) if path not in self._written)

    def data_folders(self) -> list[str]:
        """Return the folders that were listed, sorted, without those that Python lists to import modules."""
        return sorted(folder for folder in {path.rstrip(os.sep) for path in self._listed} if not _has_modules(folder))

    def _next(self) -> bytes:
        try:
            return _read(self._descriptor, _BYTES) if self._descriptor >= 0 else b""
        except OSError:
            return b""  # nothing happened, or user code has closed it

    def _note(self, path: str, mask: int) -> None:
        if mask & (_WRITTEN | _CREATED):
            self._written.add(path)
        elif mask & _OPENED:
            (self._listed if mask & _IS_FOLDER else self._opened).add(path)


def _folders(roots: Iterable[str]) -> Iterator[str]:
    """Yield folders and those below them, outer ones first, without those of installed packages and hidden ones."""
    pending = [os.path.abspath(root) for root in roots]
    entries = 0
    for count, folder in enumerate(pending):
        if count >= _MAX_FOLDERS or entries > _MAX_ENTRIES:
            return
        yield folder
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    entries += 1
                    if not entry.name.startswith(".") and entry.name not in _SKIPPED:
                        pending += [entry.path] * entry.is_dir(follow_symlinks=False)
        except OSError:
            continue


def _has_modules(folder: str) -> bool:
    """Return whether a folder or one in it has a module, or `sys.path` names it."""
    if folder in sys.path:
        return True
    inner = (os.path.join(folder, name) for name in _names(folder) if "." not in name)
    return any(name.endswith(".py") for one in (folder, *inner) for name in _names(one))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # names suffice
    except OSError:
        return []
