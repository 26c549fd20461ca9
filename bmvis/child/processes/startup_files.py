"""The files of modules that Python imports when it starts, such as `sitecustomize` of a project.

Runs in the child process. Forks take these modules over, so they are out of date after an edit.
https://docs.python.org/3/library/site.html#module-sitecustomize
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from bmvis.source import fingerprint


class StartupFiles:
    """The source files of all modules that are imported now, without those of Python, installed packages and bmvis."""

    def __init__(self) -> None:
        files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        own = tuple(os.path.join(folder, "") for folder in (str(fingerprint.PACKAGE), *_installed()))
        self._digests = {
            file: fingerprint.of_file(file)
            for file in files
            if isinstance(file, str) and not os.path.abspath(file).startswith(own)
        }

    def have_changed(self) -> bool:
        """Return whether the content of a file has changed."""
        return any(fingerprint.of_file(file) != digest for file, digest in self._digests.items())


def _installed() -> set[str]:
    found = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return found | {entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")}
