"""Start the worker process, send it requests with a timeout, and end it: the parent's side.

`Worker.reply` returns a reply or raises. Side effects of the model's code never reach the docs build. The child's side
and the protocol are in `bmvis.child.server`.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
from pathlib import Path
from types import TracebackType

import msgspec

from bmvis.untrusted.file_names import local, utf8
from bmvis.worker import process_errors
from bmvis.worker.daemon_client import DaemonConnection, DaemonEndedError, DaemonKey, connect_daemon
from bmvis.worker.fork_server import ForkServer
from bmvis.worker.protocol import TIMEOUT, Failed, Outcome, Reply, Request
from bmvis.worker.reply_file import read_answer, reply_path
from bmvis.worker.single_process import SingleProcess
from bmvis.worker.spare_process import SPARES

_CAN_FORK = sys.platform == "linux"


class Worker:
    """Builds models, one at a time, each in a separate process (`bmvis.child` describes the design).

    Args:
        cwd: the working directory of the child; relative paths of user code start there.
        python: the Python interpreter; torch and msgspec must be installed there.
        timeout: seconds per model; 0 means no timeout.
        memory: bytes per model, in addition to the memory of torch itself. 0 is half of the machine's memory if the
            device is `auto`, else no limit. Linux only.
        daemon: the processes that stay in memory for the next builds, and may be in memory already; None to start new
            ones that end with `close`. Linux only.
    """

    def __init__(
        self,
        cwd: Path,
        *,
        python: str = sys.executable,
        timeout: float = TIMEOUT,
        memory: int = 0,
        daemon: DaemonKey | None = None,
    ) -> None:
        self.cwd = cwd
        self.python = python
        self.timeout = timeout
        self.memory = memory
        self._daemon = daemon
        self._server: ForkServer | DaemonConnection | None = None
        self._number = 0
        self._is_single = False
        self._lock = threading.Lock()

    def reply(self, request: Request) -> Reply:
        """Return the reply to a request, whose settings are those of this worker.

        Raises:
            WorkerError: the process ended without a reply.
        """
        with self._lock:
            reply = self._ask(request)
        dependencies = tuple(msgspec.structs.replace(one, path=local(one.path)) for one in reply.dependencies)
        return msgspec.structs.replace(reply, sources=tuple(map(local, reply.sources)), dependencies=dependencies)

    def close(self) -> None:
        """End the processes that wait for more models. Where they cannot stay, start one for the next build."""
        with self._lock:
            self._end()
            if self._is_single and self._state():
                SPARES.prepare(self.python, self.cwd, self._state())

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: Request) -> Reply:
        self._number += 1
        request = msgspec.structs.replace(
            request,
            number=self._number,
            path=tuple(map(utf8, request.path)),
            cwd=utf8(str(self.cwd)),
            timeout=self.timeout,
            memory=self.memory,
            secret=secrets.token_hex(16),
        )
        if _CAN_FORK:
            outcome, server = self._run_forked(request)
            try:
                if outcome.status != "refused":
                    return _reply(request, outcome, server.folder.path)
            finally:
                if not server.folder.clear():
                    self._end()
        return self._ask_single(request)

    def _run_forked(self, request: Request) -> tuple[Outcome, ForkServer | DaemonConnection]:
        """Build a model in a fork; return how its process ended, and the server that has its reply."""
        server = self._running_server()
        try:
            return server.run(request), server
        except DaemonEndedError:
            self._end()
            self._daemon = None
            return self._run_forked(request)
        except BaseException:
            self._end()
            raise

    def _ask_single(self, request: Request) -> Reply:
        self._is_single = True
        spare = SPARES.take(self.python, self.cwd, self._state()) if self._state() else None
        process = spare or SingleProcess(self.python, self.cwd)
        try:
            outcome = process.run(request)
            if outcome.status != "refused":
                return _reply(request, outcome, process.folder)
        finally:
            process.end()
        return self._ask_single(request)  # the project has a module of the name of one that the process has imported

    def _state(self) -> str:
        """Return the state that a process started ahead must have; '' if this process is no preview server."""
        is_server = self._daemon is not None and self._daemon.session.owner.pid == os.getpid()
        return self._daemon.state if self._daemon and is_server else ""

    def _running_server(self) -> ForkServer | DaemonConnection:
        if self._server is not None and not self._server.is_usable():
            self._end()
        if self._server is None and self._daemon:
            self._server = connect_daemon(self._daemon, self.python, self.cwd)
        if self._server is None:
            self._server = ForkServer(self.python, self.cwd)
        return self._server

    def _end(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.end()


def _reply(request: Request, outcome: Outcome, folder: Path) -> Reply:
    """Return the answer of a model process.

    Raises:
        WorkerError: the process timed out, or ended without a valid answer.
    """
    output = outcome.output.decode(errors="replace").strip()
    printed = f"Last output:\n{output}" if output else ""
    if outcome.status == "timed out":
        raise process_errors.timed_out(request, printed)
    if not os.path.lexists(reply_path(folder, request)):
        raise process_errors.ended(request, outcome.code, printed)
    reply = read_answer(folder, request).reply
    if isinstance(reply, Failed) and reply.wants_output:
        return msgspec.structs.replace(reply, detail="\n".join(filter(None, (reply.detail, printed))))
    return reply
