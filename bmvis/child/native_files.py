"""Find the files that native code opens, of which Python reports nothing.

Runs in the child process. The readers of some libraries are wrapped. Files that are mapped into memory when the model
has been built are listed: shared libraries with their dependencies, and memory-mapped tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

READERS = ("safetensors._safetensors_rust", "tokenizers", "tokenizers.tokenizers")
"""Modules with classes that read files without Python."""
_MAPS = Path("/proc/self/maps")


def watch_readers(module: ModuleType, note: Callable[[object], None]) -> None:
    """Wrap the readers of a module in `READERS`; `note` is called with each path that they open."""
    if opener := getattr(module, "safe_open", None):
        # It has no `__init__`, so Python calls this one after the file is opened.
        opener.__init__ = lambda self, filename=None, *_, **__: note(filename)
    if tokenizer := getattr(module, "Tokenizer", None):
        tokenizer.from_file = staticmethod(_noting(tokenizer.from_file, note))


def _noting(reader: Callable[..., Any], note: Callable[[object], None]) -> Callable[..., Any]:
    def read(path: object) -> Any:
        note(path)
        return reader(path)

    return read


def mapped_files() -> Iterator[str]:
    """Yield the files that are mapped into memory. Linux only.

    https://man7.org/linux/man-pages/man5/proc_pid_maps.5.html
    """
    try:
        lines = _MAPS.read_bytes().splitlines()
    except OSError:
        return
    for path in {line.split(maxsplit=5)[5] for line in lines if b"/" in line}:
        yield path.decode(errors="surrogateescape")
