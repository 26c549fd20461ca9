"""Import libraries once and fork for each model, in a process that runs no project code and never computes.

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

from bmvis import lazy_regex
from bmvis.child import replies
from bmvis.child.processes import model_process, supervision
from bmvis.child.processes.child_process import ChildProcess, fork
from bmvis.child.processes.import_effects import ProcessState
from bmvis.child.processes.preload_requests import EndMessage, PreloadRequest
from bmvis.child.processes.preloading import MANY, Loaded, file_states
from bmvis.child.processes.user_process import REFUSED, enter_folder, import_own_modules
from bmvis.child.tracking.import_tracker import ImportTracker
from bmvis.extraction import adapters
from bmvis.worker import process_tree
from bmvis.worker.packet_socket import MAX_MESSAGE
from bmvis.worker.protocol import Job, Outcome, Request

MAX_PARTS = 4
"""Maximum number of templates below one template; each is a process with further libraries in memory."""
_MAX_SMALL = 2
"""Maximum number of submodules in a row that the first model preloads although they import few modules. Each one costs
a fork and scans of all modules, 0.7 s with transformers in memory; the next models take 0.02 s to import it."""
_GRACE = 30.0
"""Seconds in addition to the timeout of a model for a template below, which imports libraries first."""
JOBS = msgspec.msgpack.Decoder(Job)


@dataclass
class Template:
    """The state of a template process.

    Args:
        parent: the socket that jobs come from and outcomes go to.
        directory: the folder for replies.
        path: the entries of `sys.path` in a model process, after the entries of the request.
        loaded: the imports of this process.
    """

    parent: socket.socket
    directory: Path
    path: list[str]
    has_own_cuda_check: bool = False
    """Whether bmvis has set `CUDA_CHECK`."""
    loaded: Loaded = field(default_factory=Loaded)
    tracker: ImportTracker = field(default_factory=ImportTracker)
    parts: dict[str, ChildProcess] = field(default_factory=dict)
    routes: dict[tuple[object, ...], PreloadRequest] = field(default_factory=dict)
    """The library that was requested of this template, by the module of the reference."""
    not_preloadable: set[str] = field(default_factory=set)
    """Modules that cannot be preloaded: their import fails, starts threads, or changes what other models see."""
    refusals: set[tuple[object, ...]] = field(default_factory=set)
    """Libraries whose template refused a model, because its project has a module with the name of a preloaded one."""
    has_changed_state: bool = False
    """Whether this process has imported a module that changes what other models see."""
    _small: int = 0
    """Number of submodules since the last one that imported many modules."""
    _state: ProcessState | None = None
    """The state after the last import of a submodule."""

    def serve_first(self) -> NoReturn:
        """Serve as the first template, with torch and all modules of bmvis that a model needs."""
        import_own_modules()
        adapters.find_entries()
        lazy_regex.compile_all()
        self.loaded.base = frozenset(name.partition(".")[0] for name in sys.modules)
        self._serve(supervision.READY)

    def _serve(self, greeting: bytes = b"") -> NoReturn:
        """Build a model for each job until the end of input."""
        if not self._can_fork():
            os._exit(REFUSED)
        try:
            if greeting:
                self.parent.send(greeting)
            self._answer_jobs()
        except supervision.ParentGoneError:
            pass  # the parent ended while a model was built
        process_tree.end_children()
        os._exit(0)

    def _answer_jobs(self) -> None:
        while data := self.parent.recv(MAX_MESSAGE):
            outcome = self.run(JOBS.decode(data))
            self.parent.send(msgspec.msgpack.encode(outcome))
            if self.has_changed_state:
                return

    def run(self, job: Job) -> Outcome:
        """Build a model in a fork of this process, or of a template that has imported the libraries of the model."""
        may_request = True
        if (route := self._route(job)) and (passed := self._pass_on(job, route)):
            return passed
        while True:
            job = supervision.started(job)
            process = model_process.start(self, job, may_request=may_request)
            outcome, note = supervision.await_end(process, self.parent, job, self._pids())
            if outcome.code == REFUSED:
                return Outcome("refused")
            if note.request is None or not may_request:
                self._learn(note)
                return outcome
            may_request = self._extend(note.request)
            if self.has_changed_state:
                return Outcome("changed", output=note.request.module.encode())
            if may_request and not note.request.extends:
                if note.request.files:
                    self.routes[_route_key(job)] = note.request
                passed = self._pass_on(job, note.request)
                if passed is not None:
                    return passed
                may_request = False

    def _route(self, job: Job) -> PreloadRequest | None:
        """Return the library that the module of the reference imported before the factory call in the last build."""
        request = self.routes.get(_route_key(job))
        if request is None or tuple(file_states(file for file, *_ in request.files)) != request.files:
            return None
        return request

    def not_preloaded(self, job: Job) -> set[str]:
        """Return the modules that no template preloads for a model, which therefore imports them itself."""
        refused = {str(refusal[0]) for refusal in self.refusals if refusal == _refusal(str(refusal[0]), job)}
        return self.not_preloadable | refused

    def _learn(self, note: EndMessage) -> None:
        self._note_use()
        self.loaded.seen.update(note.loaded)

    def _note_use(self) -> None:
        """From now on, preload only large submodules, which two models import."""
        if self.loaded.packages:
            self.loaded.is_unused = False

    def _extend(self, request: PreloadRequest) -> bool:
        """Import a submodule that a model requests of a preloaded package; return whether to build the model again."""
        if request.module in self.not_preloadable:
            return False
        if not request.extends:
            return True
        if self.loaded.packages and self._state is None:
            self._state = ProcessState(request.module.partition(".")[0])
        before = len(sys.modules)
        try:
            self._import(request.module)
        except BaseException:  # the model process raises it too, and can report where
            self.not_preloadable.add(request.module)
        self._small = self._small + 1 if len(sys.modules) - before < MANY else 0
        if self._small == _MAX_SMALL:
            self._note_use()
        self.has_changed_state = bool(self._state and self._state.change())
        if not self._can_fork():
            os._exit(REFUSED)  # the template above then builds the model without it
        return request.module not in self.not_preloadable

    def _pass_on(self, job: Job, request: PreloadRequest) -> Outcome | None:
        """Let a template that has imported the requested library build the model; return None if there is none."""
        module = request.module
        refusal = _refusal(module, job)
        if refusal in self.refusals:
            return None
        job = msgspec.structs.replace(job, folders=(*job.folders, *request.folders))
        if module not in self.parts:
            if len(self.parts) >= MAX_PARTS:
                return None
            self.parts[module] = fork(partial(self._serve_with, module, job.request))
        part = self.parts[module]
        outcome = supervision.ask(part.socket, self.parent, job, _GRACE)
        if outcome is not None and outcome.status == "changed":
            self.not_preloadable.add(outcome.output.decode())  # the next template with this library does not import it
            self.drop(module)
            return self._pass_on(job, request)
        if outcome is None:
            self.not_preloadable.add(module)
            self.drop(module)
        elif outcome.status == "refused" and not request.folders:
            self.refusals.add(refusal)
        return None if outcome is None or outcome.status == "refused" else outcome

    def drop(self, module: str) -> None:
        """End a template below this one, with its descendants."""
        part = self.parts.pop(module)
        part.socket.close()
        process_tree.end_children(self._pids())

    def _pids(self) -> list[int]:
        return [part.pid for part in self.parts.values()]

    def _serve_with(self, module: str, request: Request, parent: socket.socket) -> NoReturn:
        """Turn a fork of this template into a template with the same imports and one more library."""
        self.leave()
        self.parent = parent
        self.loaded = Loaded(packages=(*self.loaded.packages, module), base=self.loaded.base)
        self.parts, self.routes, self.refusals, self._small, self._state = {}, {}, set(), 0, None
        self.tracker.install()  # a library can read files of the project, or look for optional modules
        enter_folder(request)
        self.tracker.record.paths.set_roots(replies.project_folders(request))
        before = list(sys.path)
        self._import(module)
        if sys.path != before:
            os._exit(REFUSED)  # a model process has the `sys.path` of its request
        self._serve()

    def _import(self, module: str) -> None:
        self.tracker.files.resume()
        try:
            importlib.import_module(module)
        finally:
            self.tracker.files.pause()

    def leave(self) -> None:
        """Close the sockets of the template, in a fork."""
        self.parent.close()
        for part in self.parts.values():
            part.socket.close()

    def _can_fork(self) -> bool:
        """Return whether this process can fork: it has one thread, after a first fork has ended those of OpenBLAS."""
        self.loaded.note(sys.modules)
        self.tracker.note_loaded()
        gc.freeze()
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        return len(list(Path("/proc/self/task").iterdir())) == 1 and not _has_initialized_cuda()


def _route_key(job: Job) -> tuple[object, ...]:
    return job.request.reference.partition(":")[0], job.request.path, job.request.cwd


def _refusal(module: str, job: Job) -> tuple[object, ...]:
    """Return what a refusal depends on: the library, and the entries of folders that can have other modules."""
    folders = (*job.request.path, *job.folders)
    return module, folders, tuple(file_states(folders))


def _has_initialized_cuda() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())
