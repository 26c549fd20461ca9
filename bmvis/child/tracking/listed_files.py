"""Notice the files whose state user code reads while it lists a folder: no audit event reports `os.DirEntry.stat`.

Runs in the child process, which `watch` changes until it ends.
https://docs.python.org/3/library/os.html#os.DirEntry
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import Any, Protocol


class Note(Protocol):
    """Called with the path of a file whose state is read, or with `follows=False` if only that of a link is."""

    def __call__(self, path: object, *, follows: bool = True) -> None:
        """Note the path."""


def watch_entries(note: Note) -> None:
    """Let `os.scandir` return entries that call `note` with the path of each file whose state is read."""
    original = os.scandir

    @functools.wraps(original)
    def watched(path: Any = ".") -> Any:
        found = original(path)
        return found if isinstance(path, int) else _Entries(found, note)

    if original in os.supports_fd:
        os.supports_fd.add(watched)
    os.scandir = watched


class _Entries:
    """What `os.scandir` returns: an iterator, and a context that closes it."""

    def __init__(self, found: Any, note: Note) -> None:
        self._found = found
        self._note = note
        self.close = found.close

    def __iter__(self) -> Iterator[_FolderEntry]:
        return self

    def __next__(self) -> _FolderEntry:
        return _FolderEntry(next(self._found), self._note)

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _FolderEntry:
    """An `os.DirEntry`, also for `isinstance`."""

    __slots__ = ("_entry", "_note", "name", "path")

    def __init__(self, entry: os.DirEntry[Any], note: Note) -> None:
        self._entry = entry
        self._note = note
        self.name = entry.name
        self.path = entry.path

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return os.DirEntry

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Read the state of the file."""
        self._note(self.path)
        return self._entry.stat(follow_symlinks=follow_symlinks)

    def is_symlink(self) -> bool:
        """Return whether the entry is a link."""
        self._note(self.path, follows=False)
        return self._entry.is_symlink()

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return repr(self._entry)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)
