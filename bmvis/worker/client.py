"""The parent's side of the worker process: start it, ask it, time it out, end it.

`Worker.build` returns a reply or raises; what a model's code does to its process never reaches the
docs build. The child's side, and the protocol, are in `bmvis.child.server`.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from bmvis.errors import BmvisError, DetectorError, FactoryError, InvalidReferenceError, OptionError, WorkerError
from bmvis.options import Device
from bmvis.worker import process_tree
from bmvis.worker.protocol import Answer, Built, Failed, Listed, Reply, Request, Stale
from bmvis.worker.reply_file import read_answer, reply_path

TIMEOUT = 120.0
"""Seconds one model may take by default, the import of its libraries included."""
_KINDS: Mapping[str, type[BmvisError]] = {
    cls.kind: cls for cls in (DetectorError, FactoryError, InvalidReferenceError, OptionError, WorkerError)
}
_TAIL_BYTES = 4096
_PACKAGE = Path(__file__).parents[1]
_START = """\
import sys
if sys.version_info < (3, 11): del sys.path[0]  # the working directory, as PYTHONSAFEPATH does from 3.11 on
import importlib.util, runpy
spec = importlib.util.spec_from_file_location("bmvis", sys.argv.pop(1) + "/__init__.py")
sys.modules["bmvis"] = bmvis = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bmvis)
runpy.run_module("bmvis.child.server", run_name="__main__", alter_sys=True)
"""
"""Starts this very bmvis in any Python, and lends it nothing else: a PYTHONPATH would bring along what is
installed beside bmvis, and the point of another Python is that its packages differ."""


class Worker:
    """One child process at a time, started when first asked and again after it died.

    Args:
        cwd: the child's working directory; relative paths of user code start there.
        python: the interpreter; torch and msgspec must be installed there.
        timeout: seconds per model.
        memory: bytes per model, beside what torch itself takes; 0 is half of the machine's for a model whose
            device is `auto`, and no limit else. Holds on Linux.
    """

    def __init__(self, cwd: Path, *, python: str = sys.executable, timeout: float = TIMEOUT, memory: int = 0) -> None:
        self.cwd = cwd
        self.python = python
        self.timeout = timeout
        self.memory = memory
        self._child: _Child | None = None
        self._number = 0
        self._lock = threading.Lock()

    def build(
        self,
        reference: str,
        *,
        device: Device = "auto",
        path: Sequence[str] = (),
        inputs: str = "",
        allow: tuple[str, ...] = ("*",),
        inputs_allow: tuple[str, ...] = ("*",),
    ) -> Built:
        """Build and capture the model that `reference` names, and call it if there are `inputs`.

        `allow` and `inputs_allow` are entries as in `bmvis.source.allow`, one of which must allow what is called.

        Raises:
            BmvisError: the reference, the factory or the process failed; the text says how.
        """
        request = Request(0, reference, device, tuple(path), inputs=inputs, allow=allow, inputs_allow=inputs_allow)
        reply = self._answer(request)
        assert isinstance(reply, Built)
        return reply

    def find_all(self, pattern: str, *, path: Sequence[str] = ()) -> Listed:
        """Return references to the models that a pattern such as `zoo:bert_*` finds.

        Raises:
            BmvisError: as from `build`.
        """
        reply = self._answer(Request(0, pattern, "auto", tuple(path), listing=True))
        assert isinstance(reply, Listed)
        return reply

    def close(self) -> None:
        """End the child process, if one runs."""
        with self._lock:
            self._end()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, request: Request) -> Built | Listed:
        with self._lock:
            reply = self._ask(request)
            if isinstance(reply, Stale):
                self._end()
                reply = self._ask(request)
        if isinstance(reply, Failed):
            error = _KINDS.get(reply.kind, BmvisError)
            raise error(reply.message, hint=reply.hint, detail=reply.detail)
        if isinstance(reply, Stale):
            raise WorkerError(
                f"files of {request.reference!r} change all the time", hint="build again when they are settled"
            )
        return reply

    def _ask(self, request: Request) -> Reply:
        self._number += 1
        request = msgspec.structs.replace(
            request, number=self._number, timeout=self.timeout, memory=self.memory, secret=secrets.token_hex(16)
        )
        child = self._running_child()
        try:
            answer = child.ask(request)
        except BaseException:
            self._end()
            raise
        if answer.spoiled:
            self._end()
        return answer.reply

    def _running_child(self) -> _Child:
        if self._child is not None and not self._child.is_alive():
            self._end()
        if self._child is None:
            self._child = _Child(self.python, self.cwd)
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end()


class _Child:
    """One running child process and its private folder for replies."""

    def __init__(self, python: str, cwd: Path) -> None:
        # The child removes the folder too, when it is left alone.
        self.folder = tempfile.TemporaryDirectory(prefix="bmvis-", ignore_cleanup_errors=True)
        environment = os.environ | {
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
            process_tree.MARK: self.folder.name,
        }
        try:
            self.process = subprocess.Popen(
                [python, "-c", _START, str(_PACKAGE), self.folder.name],
                cwd=cwd,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            self.folder.cleanup()
            raise WorkerError(f"the worker process could not start: {error}", hint=f"is {python} a Python?") from error
        self.python = python
        self.has_answered = False
        self.tail: deque[bytes] = deque(maxlen=_TAIL_BYTES // 512)
        self.reader = threading.Thread(target=self._drain, daemon=True)
        self.reader.start()

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def ask(self, request: Request) -> Answer:
        """Send a request and wait for its reply file, the process's end, or the time-out."""
        assert self.process.stdin is not None
        folder = Path(self.folder.name)
        reply = reply_path(folder, request)
        try:
            self.process.stdin.write(msgspec.json.encode(request) + b"\n")
            self.process.stdin.flush()
        except OSError:
            pass  # the child is gone: the wait below says how
        ends = time.monotonic() + request.timeout
        pause = 0.001
        while not reply.exists():
            if not self.is_alive() and not reply.exists():
                raise self._died(request)
            if time.monotonic() > ends:
                raise WorkerError(
                    f"{request.reference!r} took longer than {request.timeout:g} s and was ended",
                    hint="make the factory faster, or raise the timeout",
                    detail=self._last_output(),
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.005)
        self.has_answered = True
        return read_answer(folder, request)

    def end(self) -> None:
        """End the process and all it started, and remove its folder."""
        assert self.process.stdin is not None
        process_tree.end_tree(self.process.pid, self.folder.name)
        self.process.wait()
        try:
            self.process.stdin.close()
        except OSError:
            pass  # it was closed by the child's end
        self.reader.join(timeout=1)
        self.folder.cleanup()

    def _died(self, request: Request) -> WorkerError:
        code = self.process.wait()
        process_tree.end_tree(self.process.pid, self.folder.name)  # what it left holds its output open
        self.reader.join(timeout=1)
        if code == process_tree.UNUSABLE and not self.has_answered:
            return WorkerError(
                f"bmvis cannot run in {self.python}: {self._output()}", hint="install torch and msgspec there"
            )
        return WorkerError(
            f"the process that built {request.reference!r} {_cause(code)}",
            hint=_ended_by(code) + (f"; its memory is limited to {request.memory:,} bytes" if request.memory else ""),
            detail=self._last_output(),
        )

    def _drain(self) -> None:
        """Keep the last of what user code prints, and let it print without end."""
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            while chunk := os.read(stream.fileno(), 512):
                self.tail.append(chunk)

    def _output(self) -> str:
        return b"".join(self.tail).decode(errors="replace").strip()

    def _last_output(self) -> str:
        text = self._output()
        return f"Last output:\n{text}" if text else ""


def _cause(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _ended_by(code: int) -> str:
    """Return who is likely to have ended the process: SIGKILL is what Linux sends where memory is short."""
    if os.name == "posix" and code == -signal.SIGKILL:
        return "the system may have ended it for want of memory: let the factory make a smaller model, or set memory"
    return "the model's code, or a library it uses, ended the process"
