"""Start `bmvis.child.server` in any Python, read what it prints, and end it with all that it has started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections import deque
from pathlib import Path

from bmvis.errors import WorkerError
from bmvis.worker import process_tree

_TAIL_BYTES = 4096
_PACKAGE = Path(__file__).parents[1]
_START = """\
import sys
if sys.version_info < (3, 11): del sys.path[0]  # the working directory, as PYTHONSAFEPATH does from 3.11 on
import importlib.util, json, runpy
sys.path += [entry for entry in json.loads(sys.argv.pop(1)) if entry not in sys.path]
spec = importlib.util.spec_from_file_location("bmvis", sys.argv.pop(1) + "/__init__.py")
sys.modules["bmvis"] = bmvis = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bmvis)
runpy.run_module("bmvis.child.server", run_name="__main__", alter_sys=True)
"""
"""Starts this very bmvis in any Python. Another Python gets nothing else: a PYTHONPATH would bring along what is
installed next to bmvis, and the point of another Python is that its packages differ."""


class StartedProcess:
    """A running child process, its private folder for replies, and the last of its output.

    Args:
        mode: `forking` or `single`, as `bmvis.child.server` has them.
        descriptor: what the child gets its requests from; 0 is a pipe that is made here.
    """

    def __init__(self, python: str, cwd: Path, mode: str, descriptor: int = 0) -> None:
        # The child removes the folder too, when it is left alone.
        self.folder = tempfile.TemporaryDirectory(prefix="bmvis-", ignore_cleanup_errors=True)
        self.python = python
        path = _own_path() if _is_this(python) else []
        installed = [entry for entry in path if _holds_distributions(entry)]
        arguments = [json.dumps(installed), str(_PACKAGE), mode, self.folder.name, str(descriptor), json.dumps(path)]
        environment = os.environ | {
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",  # what a factory reads is the same in all locales
            process_tree.MARK: self.folder.name,
        }
        try:
            self.process = subprocess.Popen(
                [python, "-c", _START, *arguments],
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL if descriptor else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
                pass_fds=(descriptor,) if descriptor else (),
            )
        except OSError as error:
            self.folder.cleanup()
            raise WorkerError(
                f"the worker process could not start: {error}", hint=f"check that {python} names a Python interpreter"
            ) from error
        self._tail: deque[bytes] = deque(maxlen=_TAIL_BYTES // 512)
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self.process.poll() is None

    def wait(self) -> int:
        """Return the exit code of a process that has ended or closed its door, after ending what it left."""
        process_tree.end_tree(self.process.pid, self.folder.name)  # processes that it left keep its output open
        self._reader.join(timeout=1)
        return self.process.wait()

    def end(self, grace: float = 0.0) -> None:
        """End the process and all it started, and remove its folder.

        Args:
            grace: seconds for it to end by itself.
        """
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            pass
        process_tree.end_tree(self.process.pid, self.folder.name)
        self.process.wait()
        self._reader.join(timeout=1)
        self.folder.cleanup()

    def output(self) -> bytes:
        """Return the last of what it printed."""
        return b"".join(self._tail)

    def _drain(self) -> None:
        """Keep the last of what user code prints, and let it print without end."""
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            while chunk := os.read(stream.fileno(), 512):
                self._tail.append(chunk)


def utf8(path: str) -> str:
    """Return a path as the child spells it, which decodes file names as UTF-8 in every locale."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def local(path: str) -> str:
    """Return a path of the child's as this process spells it."""
    return os.fsdecode(path.encode("utf-8", "surrogatepass"))


def _is_this(python: str) -> bool:
    return os.path.abspath(python) == os.path.abspath(sys.executable)


def _own_path() -> list[str]:
    """Return this process's `sys.path`, less the folder that its script was in: nobody asked for that one."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    script = {"", os.getcwd(), *([os.path.dirname(os.path.abspath(main))] if main else [])}
    return [utf8(entry) for entry in sys.path if entry not in script]


def _holds_distributions(entry: str) -> bool:
    """Return whether an entry of `sys.path` is Python's own, or a folder that something was installed in."""
    if entry in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")):
        return True
    if Path(entry).name in ("site-packages", "dist-packages"):
        return True
    try:
        return any(name.endswith((".dist-info", ".egg-info")) for name in os.listdir(entry))  # noqa: PTH208  # it may be no folder
    except OSError:
        return False  # a zip file, or nothing


def cause_of_end(code: int) -> str:
    """Return how a process ended, to follow its name."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def hint_on_end(code: int) -> str:
    """Return who is likely to have ended the process: SIGKILL is what Linux sends where memory is short."""
    if os.name == "posix" and code == -signal.SIGKILL:
        return "the system may have ended it for want of memory: let the factory make a smaller model, or set memory"
    return "the model's code, or a library it uses, ended the process"
