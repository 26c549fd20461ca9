"""Dependencies about the Python that builds models, and about this one. Nothing is started or imported."""

from __future__ import annotations

import os
import sys
import sysconfig
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
