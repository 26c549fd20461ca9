"""Start the process that builds the next model ahead, where processes cannot be forked. Internal.

After each build of a preview server, a process imports torch and waits; the first model of the next build uses it. It
ends with the process of the server, after `IDLE` seconds, or if it was started in another state.
"""

from __future__ import annotations

import atexit
import threading
from pathlib import Path

from bmvis.errors import WorkerError
from bmvis.worker.single_process import SingleProcess

IDLE = 900.0
"""Seconds after which a process that no build used ends."""


class Spares:
    """The processes that wait, at most one for each Python and working directory."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, Path], tuple[str, SingleProcess, threading.Timer]] = {}
        self._lock = threading.Lock()
        atexit.register(self.end)

    def prepare(self, python: str, cwd: Path, state: str) -> None:
        """Start a process that waits, unless there is one.

        Args:
            python: the Python interpreter.
            cwd: the working directory of the process.
            state: a digest of all that the process takes over from this one.
        """
        with self._lock:
            if (python, cwd) in self._waiting:
                return
            try:
                process = SingleProcess(python, cwd, "ahead")
            except WorkerError:
                return  # the next build reports it
            timer = threading.Timer(IDLE, self._end_one, (python, cwd))
            timer.daemon = True
            timer.start()
            self._waiting[python, cwd] = (state, process, timer)

    def take(self, python: str, cwd: Path, state: str) -> SingleProcess | None:
        """Return the process that waits, if it was started in this state; one of another state is ended."""
        with self._lock:
            found = self._waiting.pop((python, cwd), None)
        if found is None:
            return None
        known, process, timer = found
        timer.cancel()
        if known == state and process.is_alive():
            return process
        process.end()
        return None

    def processes(self) -> list[int]:
        """Return the IDs of the processes that wait."""
        return [process.pid for _, process, _ in self._waiting.values()]

    def end(self) -> None:
        """End all processes that wait."""
        for python, cwd in list(self._waiting):
            self._end_one(python, cwd)

    def _end_one(self, python: str, cwd: Path) -> None:
        self.take(python, cwd, "")


SPARES = Spares()
"""Those of this process, which is the preview server."""
