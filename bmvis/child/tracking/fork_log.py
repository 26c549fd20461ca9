"""Collect what other Python processes of a model access, such as the workers of `multiprocessing`.

Forks write to a file in memory (Linux only), and new interpreters to a file in the folder of the worker
(`bmvis.child.tracking.multiprocessing_reads`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bmvis.child.tracking.multiprocessing_reads import NAME
from bmvis.untrusted.regular_file import read_regular
from bmvis.worker.process_tree import MARK

if TYPE_CHECKING:
    from bmvis.worker.protocol import DependencyKind

_getpid, _write, _lseek, _read = os.getpid, os.write, os.lseek, os.read
_create = getattr(os, "memfd_create", None)
_MAX_BYTES = 10_000_000


class ForkLog:
    """A file in memory that forks append to. It is created before the first fork."""

    def __init__(self) -> None:
        self._owner = 0
        """The process that builds the model; 0 before it has started."""
        self._file = -1
        self._spawned = Path(os.environ.get(MARK) or os.devnull, NAME)

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

    def write(self, kind: DependencyKind, path: str, *, is_written: bool) -> None:
        """Log one access of a fork."""
        try:
            _write(self._file, f"{kind}\0{path}\0{'w' if is_written else 'r'}\0".encode(errors="surrogateescape"))
        except OSError:
            pass  # there is no file, or user code has closed it

    def read(self) -> Iterator[tuple[DependencyKind, str, bool]]:
        """Yield the accesses of all these processes: kind, path, and whether it was written."""
        parts = (self._read_forks() + self._read_spawned()).split("\0")
        for kind, path, mode in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
            if kind in ("file", "exists", "names", "link", "git"):
                yield cast("DependencyKind", kind), path, mode == "w"

    def _read_forks(self) -> str:
        if self._file < 0:
            return ""
        try:
            _lseek(self._file, 0, os.SEEK_SET)
            return _read(self._file, _MAX_BYTES).decode(errors="surrogateescape")
        except OSError:
            return ""

    def _read_spawned(self) -> str:
        try:
            return read_regular(self._spawned, _MAX_BYTES).decode(errors="surrogateescape")
        except (OSError, ValueError):
            return ""

    def _open(self) -> None:
        if self._file < 0 and self._owner == _getpid() and _create is not None:
            try:
                self._file = _create("bmvis")
            except OSError:
                pass  # user code has set a limit on open files
