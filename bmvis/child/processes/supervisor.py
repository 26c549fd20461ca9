"""Supervise all templates: a small process that answers at once and ends leftover processes. Linux only."""

from __future__ import annotations

import os
import shutil
import socket
import traceback
from pathlib import Path
from typing import NoReturn

import msgspec

from bmvis.child.processes import supervision
from bmvis.child.processes.child_process import ChildProcess, fork
from bmvis.child.processes.startup_files import StartupFiles
from bmvis.child.processes.supervision import ParentGoneError
from bmvis.child.processes.user_process import CUDA_CHECK, REFUSED
from bmvis.worker import process_tree
from bmvis.worker.packet_socket import MAX_MESSAGE
from bmvis.worker.protocol import Job, Outcome, Request

_REQUESTS = msgspec.msgpack.Decoder(Request)
_GRACE = 60.0
"""Seconds in addition to the timeout of a model, for the imports of torch and libraries."""


def supervise(descriptor: int, directory: Path, path: list[str]) -> None:
    """Answer requests until the end of input; then end all descendants of this process."""
    process_tree.adopt_orphans()
    parent = socket.socket(fileno=descriptor)
    parent.settimeout(None)
    try:
        _Supervisor(parent, directory, path).serve()
    except ParentGoneError:
        pass  # the parent ended while a model was built
    except OSError:  # such as a limit on processes or open files
        traceback.print_exc()
    process_tree.end_children()
    shutil.rmtree(directory, ignore_errors=True)


class _Supervisor:
    def __init__(self, parent: socket.socket, directory: Path, path: list[str]) -> None:
        self._parent = parent
        self._directory = directory
        self._path = path
        self._startup = StartupFiles()
        self._first: ChildProcess | None = None
        self._can_fork = True
        """Whether no template has refused to fork. The next one would import torch in vain."""

    def serve(self) -> None:
        while data := self._parent.recv(MAX_MESSAGE):
            outcome = self._outcome(Job(_REQUESTS.decode(data)))
            self._parent.send(msgspec.msgpack.encode(outcome))

    def _outcome(self, job: Job) -> Outcome:
        if self._startup.have_changed():
            return Outcome("changed")
        if not self._can_fork:
            return Outcome("refused")
        if self._first is None:
            self._first = fork(self._serve)
            if not supervision.is_ready(self._first.socket, self._parent, job, _GRACE):
                self._can_fork = self._end_first().code != REFUSED
                return Outcome("refused")  # torch cannot be imported, or starts threads: a single process reports more
        return supervision.ask(self._first.socket, self._parent, job, _GRACE) or self._end_first()

    def _end_first(self) -> Outcome:
        """End the first template, which has ended or does not answer; return the outcome for its model.

        Only a template that refuses is a reason to build the model in another way: the model's code may have ended
        this one, and would then end the parent of the other process, which is the docs build.
        """
        assert self._first is not None
        self._first.socket.close()
        code = supervision.wait_for_exit_code(self._first.pid, 1.0)
        self._first = None
        process_tree.end_children()
        if code is None:
            return Outcome("timed out")
        return Outcome("refused" if code == REFUSED else "ended", code)

    def _serve(self, parent: socket.socket) -> NoReturn:
        """Become the first template, which imports torch."""
        self._parent.close()
        has_own_cuda_check = CUDA_CHECK not in os.environ
        os.environ.setdefault(CUDA_CHECK, "1")
        from bmvis.child.processes.fork_template import Template

        Template(parent, self._directory, self._path, has_own_cuda_check=has_own_cuda_check).serve_first()
