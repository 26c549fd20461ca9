"""One worker process for all tests of a run whose subject is not the worker, so that torch is imported once."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from forked_workers import Nursery, forks

from bmvis.worker import client, server_process
from bmvis.worker.fork_server import ForkServer

_MAX_SERVERS = 3
"""A test that changes the environment gets a worker with that environment, in place of the least recently used one."""

_PATH = tuple(sys.path)
"""What a worker gets in addition to the folders of a request, which conf.py can have added to `sys.path` too."""
_OF_RUN = ("PYTEST_CURRENT_TEST", "DOCUTILSCONFIG")
"""Environment variables that pytest and Sphinx set, and that no model reads."""


class SharedServer:
    """A `ForkServer` that continues to run when a build ends, for the next build in the same environment.

    Each model has a process of its own anyway (`bmvis.child`), with the folder and the path of its request.
    """

    _running: ClassVar[dict[tuple[object, ...], ForkServer]] = {}
    _lock = threading.RLock()

    def __init__(self, python: str, cwd: Path) -> None:
        self._python, self._cwd = python, cwd
        self._server: ForkServer | None = None

    @property
    def folder(self):
        return self._server.folder

    def is_usable(self) -> bool:
        return self._server is None or self._server.is_usable()

    def run(self, request):
        with self._lock:
            self._server = self._running_server(request)
            try:
                return self._server.run(request)
            except BaseException:
                self._forget()
                raise

    def end(self) -> None:
        """Leave the process to the next build, unless no build can use it."""
        if not self.is_usable():
            self._forget()

    def _running_server(self, request) -> ForkServer:
        path = [entry for entry in sys.path if entry in _PATH or entry not in request.path]
        state = _state(self._python, path)
        server = self._running.pop(state, None)
        if server is not None and not server.is_usable():
            server.end()
            server = None
        if server is None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "path", path)
                with forks():
                    server = ForkServer(self._python, self._cwd)
        self._running[state] = server
        while len(self._running) > _MAX_SERVERS:
            self._running.pop(next(iter(self._running))).end()
        return server

    def _forget(self) -> None:
        with self._lock:
            for state in [state for state, server in self._running.items() if server is self._server]:
                del self._running[state]
            self._server.end()

    @classmethod
    def end_all(cls) -> None:
        while cls._running:
            cls._running.popitem()[1].end()


def _state(python: str, path: list[str]) -> tuple[object, ...]:
    """Return what a worker process gets from this process when it starts."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_RUN}
    return python, tuple(path), tuple(sorted(environment.items())), tempfile.gettempdir(), server_process.PACKAGE


@contextmanager
def shared() -> Iterator[None]:
    """Let all builds of this process share worker processes."""
    pid = os.getpid()

    def server(python: str, cwd: Path) -> SharedServer | ForkServer:
        is_fork = os.getpid() != pid  # Sphinx reads and writes pages in forks
        return ForkServer(python, cwd) if is_fork else SharedServer(python, cwd)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "ForkServer", server)
        yield
    SharedServer.end_all()
    Nursery.end()


@contextmanager
def own() -> Iterator[None]:
    """Let each build start a worker process, as it does in use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "ForkServer", ForkServer)
        yield
