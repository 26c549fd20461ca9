"""The private folder of a worker process: its answers, and the temporary files of models. Internal."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bmvis.worker.folder_name import PREFIX, TEMPORARY
from bmvis.worker.process_tree import MARK

_VARIABLES = ("TMPDIR",) if os.name == "posix" else ("TMPDIR", "TEMP", "TMP")
"""https://docs.python.org/3/library/tempfile.html#tempfile.gettempdir"""


class WorkerFolder:
    """A new folder. A process that is killed cannot remove its temporary files, so they are in this folder too."""

    def __init__(self) -> None:
        self._created = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        self.path = Path(self._created.name)
        self._temporary.mkdir()

    @property
    def _temporary(self) -> Path:
        return self.path / TEMPORARY

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables of a process that uses the folder."""
        return {MARK: str(self.path), **dict.fromkeys(_VARIABLES, str(self._temporary))}

    def is_usable(self) -> bool:
        """Return whether the folder is there: user code can remove it."""
        return self.path.is_dir() and not self.path.is_symlink()

    def clear(self) -> bool:
        """Remove all files, because user code could have created anything here; return whether this succeeded."""
        if not self.is_usable():
            return False
        try:
            self.path.chmod(0o700)
            for entry in self.path.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink(missing_ok=True)
            self._temporary.mkdir()
        except OSError:
            return False  # a folder in it is not readable
        return True

    def remove(self) -> None:
        """Remove the folder, with all files in it."""
        self._created.cleanup()
