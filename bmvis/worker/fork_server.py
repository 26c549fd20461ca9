"""Communicate with a process that forks for each model: the parent's side. Linux only."""

from __future__ import annotations

import select
import socket
import time
from pathlib import Path

import msgspec

from bmvis.errors import WorkerError
from bmvis.worker import process_tree
from bmvis.worker.packet_socket import MAX_MESSAGE, packet_socket_pair
from bmvis.worker.protocol import Outcome, Request
from bmvis.worker.server_process import StartedProcess
from bmvis.worker.worker_folder import WorkerFolder

_GRACE = 90.0
"""Seconds in addition to the timeout of a model: the process imports torch first, and enforces the timeout itself."""
_OUTCOMES = msgspec.msgpack.Decoder(Outcome)


class ForkServer:
    """A process that builds any number of models, one after the other."""

    def __init__(self, python: str, cwd: Path) -> None:
        self._python = python
        self._cwd = cwd
        self._start()

    def _start(self) -> None:
        parent_end, child_end = packet_socket_pair()
        try:
            self._started = StartedProcess(self._python, self._cwd, "forking", child_end.fileno())
        except BaseException:
            parent_end.close()
            raise
        finally:
            child_end.close()
        self._socket = parent_end

    @property
    def folder(self) -> WorkerFolder:
        """The folder for replies and temporary files."""
        return self._started.folder

    def is_usable(self) -> bool:
        """Return whether the process runs, and the folder for its answers is there: user code can remove both."""
        return self._started.is_alive() and self.folder.is_usable()

    def run(self, request: Request, canceled_by: socket.socket | None = None) -> Outcome:
        """Build a model, and return how its process ended.

        Args:
            request: the model to build.
            canceled_by: a socket from which nothing comes while a model is built; its end of input ends this process.

        Raises:
            WorkerError: bmvis cannot run in this Python.
        """
        outcome = self._outcome(request, canceled_by)
        if outcome.status == "changed":
            self.end()
            self._start()
            outcome = self._outcome(request, canceled_by)
        return Outcome("refused") if outcome.status == "changed" else outcome

    def _outcome(self, request: Request, canceled_by: socket.socket | None) -> Outcome:
        try:
            self._socket.send(msgspec.msgpack.encode(request))
            data = self._socket.recv(MAX_MESSAGE) if self._has_answer(request, canceled_by) else b""
        except OSError:
            data = b""
        if data:
            return _OUTCOMES.decode(data)
        code = self._started.wait()
        output = self._started.output()
        if code == process_tree.UNUSABLE:
            text = output.decode(errors="replace").strip()
            raise WorkerError(
                f"bmvis cannot run in {self._started.python}: {text}", hint="install torch and msgspec there"
            )
        return Outcome("ended", code, output)

    def _has_answer(self, request: Request, canceled_by: socket.socket | None) -> bool:
        """Wait for an answer; return whether there is one, or the end of input, in the time of the request."""
        watched = [self._socket, *([canceled_by] if canceled_by else [])]
        ends = time.monotonic() + request.timeout + _GRACE if request.timeout else float("inf")
        while (left := ends - time.monotonic()) > 0:
            readable, _, _ = select.select(watched, [], [], min(left, process_tree.CHECK_INTERVAL))
            if readable:
                return self._socket in readable
            process_tree.resume_group(self._started.process.pid)
        return False

    def end(self) -> None:
        """End the process and its descendants."""
        self._socket.close()
        self._started.end(grace=2.0)
