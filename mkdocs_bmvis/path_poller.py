"""Notice that files and folders change, by their times.

The observer of a preview server compares the times of all files in a folder, twice a second. A site depends on the
names in folders that can have thousands of files, such as the one above the project, and a folder has a time itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

_INTERVAL = 0.5
"""Seconds between two looks, as for the observer of MkDocs."""
_RECENT = 2.0
"""Seconds in which a second change can leave a time as it is: file systems round times, FAT to two seconds."""
_State = tuple[int, int, int]


class PathPoller:
    """A thread that looks at paths.

    Args:
        notice: is called with a path that has changed or was removed, also more than once for one change.
    """

    def __init__(self, notice: Callable[[str], None]) -> None:
        self._notice = notice
        self._states: dict[str, _State | None] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="bmvis-watcher", daemon=True).start()

    def add(self, path: str) -> None:
        """Look at a path from now on; a folder changes with the names in it."""
        state = _state(path)
        with self._lock:
            self._states[path] = state

    def remove(self, path: str) -> None:
        """Do not look at a path any more."""
        with self._lock:
            self._states.pop(path, None)

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(_INTERVAL):
            for path in self._changed():
                self._notice(path)

    def _changed(self) -> list[str]:
        with self._lock:
            states = {path: (before, _state(path)) for path, before in self._states.items()}
            self._states.update((path, now) for path, (_, now) in states.items())
        return [path for path, (before, now) in states.items() if now != before or _is_recent(now)]


def _state(path: str) -> _State | None:
    """Return what changes with a path; None if there is nothing."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _is_recent(state: _State | None) -> bool:
    return state is not None and abs(time.time() - max(state[1:]) / 1e9) < _RECENT
