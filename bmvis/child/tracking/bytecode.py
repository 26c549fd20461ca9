"""Load the bytecode of project code only if it certainly belongs to the source. Runs in the child process."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
from collections.abc import Callable
from types import CodeType

_stat = os.stat
"""The function before it is wrapped: bmvis reads the state of sources itself."""


def recompile_uncertain_bytecode(is_project: Callable[[str], bool]) -> None:
    """Compile project code from source if its bytecode may be out of date.

    Python compares the modification time and size of the source with those in the bytecode
    (https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation). Both can be equal although the
    content differs: unpacked archives restore times. The change time of the inode (ctime) cannot be set back.
    """
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        file = self.get_filename(fullname)
        if not is_project(file) or _is_older(file):
            return original(self, fullname)
        code: CodeType = self.source_to_code(self.get_data(file), file)
        return code

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[assignment,method-assign]


def _is_older(file: str) -> bool:
    """Return whether a file is older than its bytecode, or has no bytecode."""
    try:
        bytecode = _stat(importlib.util.cache_from_source(file))
    except (OSError, NotImplementedError):
        return True
    changed = max(_stat(file).st_ctime_ns, _stat(file, follow_symlinks=False).st_ctime_ns)  # a link can lead elsewhere
    return changed < bytecode.st_mtime_ns
