"""Dependencies about the Python that builds models, and about this one. Nothing is started or imported."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from bmvis.untrusted.file_names import utf8


def is_this_python(python: str) -> bool:
    """Return whether an interpreter is the one of this process."""
    return os.path.abspath(python) == os.path.abspath(sys.executable)


def own_path() -> list[str]:
    """Return `sys.path` without the working directory and the folder of the script, which Python adds by itself."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    script = {"", os.getcwd(), *([os.path.dirname(os.path.abspath(main))] if main else [])}
    return [utf8(entry) for entry in sys.path if entry not in script]


def joined_path(own: Sequence[str], given: Sequence[str]) -> list[str]:
    """Return the entries of `sys.path` for user code.

    A process that starts later than another one can have more entries, such as those of a `.pth` file that was
    installed meanwhile. Each one comes after the same entry as in the process itself.

    Args:
        own: the entries that a process has by itself.
        given: those of the process that starts it; none for the default path.
    """
    path = list(given)
    place = 0
    for entry in own:
        if entry in path:
            place = max(place, path.index(entry) + 1)
        else:
            path.insert(place, entry)
            place += 1
    return path


def has_distributions(entry: str) -> bool:
    """Return whether an entry of `sys.path` is the standard library, or has installed distributions."""
    if entry in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")):
        return True
    if Path(entry).name in ("site-packages", "dist-packages"):
        return True
    try:
        return any(name.endswith((".dist-info", ".egg-info")) for name in os.listdir(entry))  # noqa: PTH208  # the entry may not be a folder
    except OSError:
        return False  # a zip file, or a missing folder
