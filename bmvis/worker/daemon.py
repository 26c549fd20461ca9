"""Keep a worker process in memory between builds: the process that the builds of a preview server connect to.

`bmvis.worker.daemon_client` starts it, and `bmvis serve` is one. Linux only. It imports no torch itself: it owns a
`ForkServer` and passes requests on. The contract:

- Builds connect to a packet socket, one at a time. The daemon sends a `Greeting` first. A build that has another state
  sends nil, which ends the daemon.
- Each packet of a build is a `Request`, and the answer is a `DaemonOutcome`. The build reads the reply from the folder.
- The end of input while a model is built means that the build was interrupted: it ends the model's process.
- The daemon ends with its owner, or after `idle` seconds without a build.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from bmvis.errors import WorkerError
from bmvis.worker import process_tree
from bmvis.worker.fork_server import ForkServer
from bmvis.worker.packet_socket import MAX_MESSAGE
from bmvis.worker.protocol import Outcome, Request

_CREDENTIALS = struct.Struct("3i")
"""The process ID, user ID and group ID of the other side of a socket: https://man7.org/linux/man-pages/man7/unix.7.html"""
_REQUESTS = msgspec.msgpack.Decoder(Request | None)


class DaemonSettings(msgspec.Struct, frozen=True):
    """What a daemon is started with."""

    socket_path: str
    """The path of its socket."""
    python: str
    cwd: str
    state: str
    """A digest of all that the worker process takes over from the process that starts it."""
    owner: process_tree.ProcessId
    idle: float
    """Seconds without a build after which it ends."""


class Greeting(msgspec.Struct, frozen=True):
    """The first message to a build."""

    state: str


class DaemonOutcome(msgspec.Struct, frozen=True):
    """The answer to a request: how the model process ended, and the folder with its reply."""

    outcome: Outcome
    folder: str


class Daemon:
    """Passes the requests of builds to a worker process that stays in memory.

    Args:
        listener: the socket that builds connect to.
        settings: the settings.
    """

    def __init__(self, listener: socket.socket, settings: DaemonSettings) -> None:
        self._listener = listener
        self._settings = settings
        self._server: ForkServer | None = None
        self._last_use = time.monotonic()
        self._is_ended = False

    def run(self) -> None:
        """Serve builds until the owner ends, a build asks for the end, or none connects for the idle time."""
        socket_path = Path(self._settings.socket_path)
        identity = socket_path.stat().st_ino
        try:
            while self._is_needed():
                if _is_readable(self._listener):
                    build, _ = self._listener.accept()
                    with build, suppress(OSError, msgspec.ValidationError, WorkerError):
                        build.settimeout(None)
                        self._serve(build)
                    self._last_use = time.monotonic()
        finally:
            self._end_server()
            with suppress(OSError):
                if socket_path.stat().st_ino == identity:  # not the socket of the next daemon
                    socket_path.unlink()

    def _is_needed(self) -> bool:
        is_used = time.monotonic() - self._last_use < self._settings.idle
        return not self._is_ended and is_used and self._settings.owner.is_running()

    def _serve(self, build: socket.socket) -> None:
        if _user_of(build) != os.getuid():
            return
        build.send(msgspec.msgpack.encode(Greeting(self._settings.state)))
        while self._settings.owner.is_running():
            if not _is_readable(build):
                continue
            data = build.recv(MAX_MESSAGE)
            self._clear()
            request = _REQUESTS.decode(data) if data else None
            if request is None:
                self._is_ended = bool(data)
                return
            server = self._running_server()
            outcome = server.run(request, canceled_by=build)
            build.send(msgspec.msgpack.encode(DaemonOutcome(outcome, str(server.folder.path))))

    def _clear(self) -> None:
        """Remove the files of the model before, whose reply the build has read."""
        if self._server is not None and not self._server.folder.clear():
            self._end_server()

    def _running_server(self) -> ForkServer:
        if self._server is not None and not self._server.is_usable():
            self._end_server()
        if self._server is None:
            self._server = ForkServer(self._settings.python, Path(self._settings.cwd))
        return self._server

    def _end_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.end()


def _is_readable(watched: socket.socket) -> bool:
    """Wait a second at most for a connection, a message, or the end of input."""
    readable, _, _ = select.select([watched], [], [], process_tree.CHECK_INTERVAL)
    return bool(readable)


def _user_of(connected: socket.socket) -> int:
    found = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(found)[1])


def main() -> None:
    """Run a daemon whose socket and settings are in the arguments."""
    descriptor, settings = sys.argv[1:]
    with socket.socket(fileno=int(descriptor)) as listener:
        Daemon(listener, msgspec.json.decode(settings, type=DaemonSettings)).run()
