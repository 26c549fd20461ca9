"""Start `bmvis.child.server` in any Python, read its output, and end it with its descendants."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path

from bmvis.errors import WorkerError
from bmvis.worker import process_tree
from bmvis.worker.environment import worker_environment
from bmvis.worker.interpreter import has_distributions, is_this_python, own_path
from bmvis.worker.output_tail import OutputTail
from bmvis.worker.worker_folder import WorkerFolder

_CHUNK = 65536
PACKAGE = Path(__file__).parents[1]
LOAD_BMVIS = """\
import importlib.util, sys
spec = importlib.util.spec_from_file_location("bmvis", sys.argv.pop(1) + "/__init__.py")
sys.modules["bmvis"] = bmvis = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bmvis)
"""
"""Imports this copy of bmvis, from the folder in the first argument, in a process that need not find it by itself."""
_START = f"""\
import sys
if sys.version_info < (3, 11): del sys.path[0]  # the working directory, as PYTHONSAFEPATH does from 3.11 on
import json, os, runpy
if json.loads(sys.argv.pop(1)): del os.environ["PYTHONSAFEPATH"]  # processes of user code start as usual
sys.path += [entry for entry in json.loads(sys.argv.pop(1)) if entry not in sys.path]
{LOAD_BMVIS}
runpy.run_module("bmvis.child.server", run_name="__main__", alter_sys=True)
"""
"""Starts this copy of bmvis in any Python. PYTHONPATH is not used, because another Python must not import the packages
that are installed next to bmvis."""


class StartedProcess:
    """A running child process, its private folder, and the end of its output.

    Args:
        python: the Python interpreter.
        cwd: the working directory of the child.
        mode: `forking`, `single` or `ahead` (`bmvis.child.server`).
        descriptor: the file descriptor that the child reads requests from; 0 is a new pipe.
    """

    def __init__(self, python: str, cwd: Path, mode: str, descriptor: int = 0) -> None:
        # The child removes the folder too, if this process was killed.
        self.folder = WorkerFolder()
        self.python = python
        path = own_path() if is_this_python(python) else []
        installed = [entry for entry in path if has_distributions(entry)]
        is_safe_only_here = "PYTHONSAFEPATH" not in os.environ
        arguments = [
            json.dumps(is_safe_only_here),
            json.dumps(installed),
            str(PACKAGE),
            mode,
            str(self.folder.path),
            str(descriptor),
            json.dumps(path),
        ]
        try:
            self.process = subprocess.Popen(
                [python, "-c", _START, *arguments],
                cwd=cwd,
                env=worker_environment(self.folder),
                stdin=subprocess.DEVNULL if descriptor else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
                pass_fds=(descriptor,) if descriptor else (),
            )
        except OSError as error:
            self.folder.remove()
            raise WorkerError(
                f"the worker process could not start: {error}", hint=f"check that {python} names a Python interpreter"
            ) from error
        self._tail = OutputTail()
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def is_alive(self) -> bool:
        """Return whether the process runs.

        A process that has ended is not reaped yet: until then, its number isn't given to another process, which
        `end_tree` would kill.
        """
        if self.process.returncode is not None or os.name != "posix":
            return self.process.poll() is None
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def wait(self) -> int:
        """Return the exit code of a process that has ended or closed its socket, after ending what it left."""
        self._end_tree(grace=2.0)  # processes that it left keep its output open
        return self.process.returncode

    def end(self, grace: float = 0.0) -> None:
        """End the process and its descendants, and remove its folder.

        Args:
            grace: seconds for it to end by itself.
        """
        self._end_tree(grace)
        self.folder.remove()

    def _end_tree(self, grace: float) -> None:
        ends = time.monotonic() + grace
        while self.is_alive() and time.monotonic() < ends:
            time.sleep(0.005)
        if self.process.returncode is None:
            process_tree.end_tree(self.process.pid, str(self.folder.path))
            self.process.wait()
        self._reader.join(timeout=1)

    def output(self) -> bytes:
        """Return the end of its output."""
        return bytes(self._tail)

    def _drain(self) -> None:
        """Read all output of user code, and keep the end of it."""
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            while chunk := os.read(stream.fileno(), _CHUNK):
                self._tail.append(chunk)
