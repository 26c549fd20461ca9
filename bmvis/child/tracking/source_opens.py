"""Distinguish code that imports a source from code that reads it. Runs in the child process.

https://docs.python.org/3/reference/import.html#loaders
"""

from __future__ import annotations

import pathlib
from types import CodeType, FrameType

_LOADERS = "<frozen importlib._bootstrap_external>"


def is_import(frame: FrameType, own_file: str) -> bool:
    """Return whether a file is opened to run it as a module: its text is seen by the compiler alone.

    Args:
        frame: the frame that opens the file.
        own_file: the file of bmvis with another `get_code`.
    """
    if _name(frame.f_code) != (_LOADERS, "get_data"):
        return False
    caller = frame.f_back
    is_compiled = False
    while caller is not None and _name(caller.f_code) in ((_LOADERS, "get_code"), (own_file, "get_code")):
        caller, is_compiled = caller.f_back, True
    return is_compiled and caller is not None and _name(caller.f_code) == (_LOADERS, "exec_module")


def is_resolving(frame: FrameType) -> bool:
    """Return whether `Path.resolve` reads the state of a path, to find loops of links, and shows it to no code."""
    caller = frame.f_back
    is_stat = _name(frame.f_code) == (pathlib.__file__, "stat")
    return is_stat and caller is not None and _name(caller.f_code) == (pathlib.__file__, "resolve")


def _name(code: CodeType) -> tuple[str, str]:
    return code.co_filename, code.co_name
