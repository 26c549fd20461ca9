"""Collect what forks of a model process access, such as the workers of `multiprocessing`. Linux only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from bmvis.worker.protocol import Kind

_getpid, _write, _lseek, _read = os.getpid, os.write, os.lseek, os.read
_create = getattr(os, "memfd_create", None)
_MAX_BYTES = 10_000_000


class ForkLog:
    """A file in memory that forks append to. It is created before the first fork."""

    def __init__(self) -> None:
        self._owner = 0
        """The process that builds the model; 0 before it has started."""
        self._file = -1

    @property
    def has_begun(self) -> bool:
        """Return whether a model process has started; a template runs no code of a project."""
        return self._owner != 0

    def begin(self) -> None:
        """Take this process as the one whose forks are logged."""
        self._owner = _getpid()
        os.register_at_fork(before=self._open)

    def is_fork(self) -> bool:
        """Return whether this process is a fork of the one that builds the model."""
        return self._owner not in (0, _getpid())

    def write(self, kind: Kind, path: str, *, is_written: bool) -> None:
        """Log one access of a fork."""
        try:
            _write(self._file, f"{kind}\0{path}\0{'w' if is_written else 'r'}\0".encode(errors="surrogateescape"))
        except OSError:
            pass  # there is no file, or user code has closed it

    def read(self) -> Iterator[tuple[Kind, str, bool]]:
        """Yield the accesses of all forks: kind, path, and whether it was written."""
        if self._file < 0:
            return
        try:
            _lseek(self._file, 0, os.SEEK_SET)
            parts = _read(self._file, _MAX_BYTES).decode(errors="surrogateescape").split("\0")
        except OSError:
            return
        for kind, path, mode in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
            if kind in ("file", "exists", "names", "link"):
                yield cast("Kind", kind), path, mode == "w"

    def _open(self) -> None:
        if self._file < 0 and self._owner == _getpid() and _create is not None:
            try:
                self._file = _create("bmvis")
            except OSError:
                pass  # user code has set a limit on open files
