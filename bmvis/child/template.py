"""A process that has imported libraries, and forks for each model: it runs no code of the project, and never computes.

`bmvis.child` has the design. Linux only.
"""

from __future__ import annotations

import gc
import importlib
import os
import socket
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn

import msgspec

from bmvis.child import model_process, supervision
from bmvis.child.import_tracker import ImportTracker
from bmvis.child.notes import Note, Wanted
from bmvis.child.part import Part, fork
from bmvis.child.preloading import Loaded, file_states
from bmvis.child.user_process import REFUSED, import_own_modules
from bmvis.extraction import adapters
from bmvis.worker import process_tree
from bmvis.worker.protocol import Job, Outcome

MAX_PARTS = 4
"""Templates below one template; each is a process with libraries of its own in memory."""
_GRACE = 30.0
"""Seconds that a template below may take longer than its model: it imports libraries first."""
JOBS = msgspec.msgpack.Decoder(Job)


@dataclass
class Template:
    """The state of a template process.

    Args:
        parent: the socket that jobs come from and outcomes go to.
        directory: where replies go.
        path: the entries of `sys.path` in a model process, after the entries of the request.
        loaded: what this process has imported.
    """

    parent: socket.socket
    directory: Path
    path: list[str]
    has_own_cuda_check: bool = False
    """Whether it was bmvis that set `CUDA_CHECK`."""
    loaded: Loaded = field(default_factory=Loaded)
    tracker: ImportTracker = field(default_factory=ImportTracker)
    parts: dict[str, Part] = field(default_factory=dict)
    routes: dict[tuple[object, ...], Wanted] = field(default_factory=dict)
    """What was wanted of this template, by the module of the reference."""
    unfit: set[str] = field(default_factory=set)
    """Modules that cannot be preloaded: their import fails, or starts threads."""
    _was_built: bool = False

    def serve_first(self) -> NoReturn:
        """Serve with torch, which the modules of bmvis have imported, and with all of these."""
        import_own_modules()
        adapters.find_entries()
        self.loaded.base = frozenset(name.partition(".")[0] for name in sys.modules)
        self._serve(supervision.READY)

    def _serve(self, greeting: bytes = b"") -> NoReturn:
        """Build a model for each job until the end of input."""
        if not self._has_settled():
            os._exit(REFUSED)
        try:
            if greeting:
                self.parent.send(greeting)
            self._answer_jobs()
        except supervision.ParentGoneError:
            pass  # in the middle of a model
        process_tree.end_children()
        os._exit(0)

    def _answer_jobs(self) -> None:
        while data := self.parent.recv(supervision.MAX_MESSAGE):
            outcome = self.run(JOBS.decode(data))
            self.parent.send(msgspec.msgpack.encode(outcome))

    def run(self, job: Job) -> Outcome:
        """Build a model in a fork of this process, or of a template that has imported what the model needs."""
        asks = True
        if (route := self._route(job)) and (passed := self._pass_on(job, route)):
            return passed
        while True:
            job = supervision.started(job)
            process = model_process.start(self, job, asks=asks)
            outcome, note = supervision.watch(process, self.parent, job, self._pids())
            if outcome.code == REFUSED:
                return Outcome("refused")
            if note.wanted is None or not asks:
                self._learn(note)
                return outcome
            asks = self._extend(note.wanted)
            if asks and not note.wanted.extends:
                if note.wanted.files:
                    self.routes[_route_key(job)] = note.wanted
                passed = self._pass_on(job, note.wanted)
                if passed is not None:
                    return passed
                asks = False

    def _route(self, job: Job) -> Wanted | None:
        """Return what the module of the reference has imported before the factory was called, the last time."""
        wanted = self.routes.get(_route_key(job))
        if wanted is None or tuple(file_states(file for file, *_ in wanted.files)) != wanted.files:
            return None
        return wanted

    def _learn(self, note: Note) -> None:
        if not self._was_built and self.loaded.packages:
            self._was_built = True
        self.loaded.is_young = not self._was_built
        self.loaded.seen.update(note.loaded)

    def _extend(self, wanted: Wanted) -> bool:
        """Import what a model wants of the packages that this template is for; return whether to try again."""
        if wanted.module in self.unfit:
            return False
        if not wanted.extends:
            return True
        try:
            importlib.import_module(wanted.module)
        except BaseException:  # the model process will raise it too, and can report where
            self.unfit.add(wanted.module)
            return False
        if not self._has_settled():
            os._exit(REFUSED)  # the process above does without
        return True

    def _pass_on(self, job: Job, wanted: Wanted) -> Outcome | None:
        """Let a template that has imported what is wanted build the model; return None if there is none."""
        module = wanted.module
        job = msgspec.structs.replace(job, folders=(*job.folders, *wanted.folders))
        if module not in self.parts:
            if len(self.parts) >= MAX_PARTS:
                return None
            self.parts[module] = fork(partial(self._serve_with, module))
        part = self.parts[module]
        outcome = supervision.ask(part.socket, self.parent, job, _GRACE)
        if outcome is None:
            self.unfit.add(module)
            self.drop(module)
        return None if outcome is None or outcome.status == "refused" else outcome

    def drop(self, module: str) -> None:
        """End a template below this one, with all below it."""
        part = self.parts.pop(module)
        part.socket.close()
        process_tree.end_children(self._pids())

    def _pids(self) -> list[int]:
        return [part.pid for part in self.parts.values()]

    def _serve_with(self, module: str, parent: socket.socket) -> NoReturn:
        """Turn a fork of this template into another one, which has nothing of it but its imports, and one more."""
        self.leave()
        self.parent = parent
        self.loaded = Loaded(packages=(*self.loaded.packages, module), base=self.loaded.base)
        self.parts, self.routes, self.unfit, self._was_built = {}, {}, set(), False
        importlib.import_module(module)
        self._serve()

    def leave(self) -> None:
        """Let go, in a fork, of what belongs to the template."""
        self.parent.close()
        for part in self.parts.values():
            part.socket.close()

    def _has_settled(self) -> bool:
        """Return whether this process can fork: it has one task, after threads that end at a fork have ended."""
        self.loaded.note(sys.modules)
        self.tracker.note_loaded()
        gc.freeze()
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        return len(list(Path("/proc/self/task").iterdir())) == 1 and not _has_initialized_cuda()


def _route_key(job: Job) -> tuple[object, ...]:
    return job.request.reference.partition(":")[0], job.request.path


def _has_initialized_cuda() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())
