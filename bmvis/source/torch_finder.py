"""Whether the Python that builds models has PyTorch, for the mode `auto`. Nothing is imported. Internal."""

from __future__ import annotations

import importlib.util
import sysconfig
from functools import cache

from bmvis.worker.interpreter import is_this_python

_TIMEOUT = 60
"""Seconds for the start of a Python."""
_FIND = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"


@cache
def has_torch(python: str) -> bool:
    """Return whether a Python finds the package torch; also True if the Python does not start, which is an error later.

    Args:
        python: the path of the interpreter.
    """
    if is_this_python(python):
        return importlib.util.find_spec("torch") is not None
    import subprocess  # most sites build models in the Python of the build

    try:
        done = subprocess.run([python, "-c", _FIND], timeout=_TIMEOUT, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode != 1


def environment(python: str) -> str:
    """Return what a message calls the environment of a Python: its path, unless it is the one that runs the build."""
    return "this environment" if is_this_python(python) else python


def install_folders() -> tuple[str, ...]:
    """Return the folders of this Python in which PyTorch may be installed later."""
    return tuple(dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib")))
