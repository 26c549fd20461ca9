"""Fork a process from a template, prepare it for user code, and build one model in it."""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, NoReturn

import msgspec

from bmvis.child import replies
from bmvis.child.processes.preload_requests import EndMessage
from bmvis.child.processes.preloading import LibraryFinder
from bmvis.child.processes.supervision import Process
from bmvis.child.processes.user_process import CUDA_CHECK, OWN_MODULES, REFUSED, hide_own_modules, names_in, use_path
from bmvis.child.tracebacks import is_library
from bmvis.extraction import adapters
from bmvis.worker import process_tree
from bmvis.worker.protocol import Job
from bmvis.worker.reply_file import write_answer

if TYPE_CHECKING:
    from bmvis.child.processes.fork_template import Template

_exit, _getpid, _write, _encode = os._exit, os.getpid, os.write, msgspec.msgpack.encode
"""References from before user code runs, because it can replace these functions: coverage patches `os._exit`
(https://coverage.readthedocs.io/en/latest/config.html#run-patch)."""


def start(template: Template, job: Job, *, may_request: bool) -> Process:
    """Fork a model process; with `may_request` it may end itself to request that a library is preloaded."""
    output, output_end = os.pipe()
    notes, notes_end = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(output)
            os.close(notes)
            process_tree.die_with_parent(parent)
            template.leave()
            os.setsid()  # a signal that it sends to its process group reaches no other process
            _take_output(output_end)
            _run_forked(template, job, notes_end, may_request=may_request)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            _exit(1)
    os.close(output_end)
    os.close(notes_end)
    os.set_blocking(output, False)
    os.set_blocking(notes, False)
    return Process(pid, output, notes)


def _take_output(descriptor: int) -> None:
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _run_forked(template: Template, job: Job, notes: int, *, may_request: bool) -> NoReturn:
    end = partial(_end, notes)
    own_pid = _getpid()
    request = job.request
    if template.has_own_cuda_check:
        del os.environ[CUDA_CHECK]
    use_path(request, template.path)
    if not _fits(template, (*request.path, *job.folders)):
        os._exit(REFUSED)
    hide_own_modules(request)
    adapters.find_entries()  # it lists folders, which must not be recorded as accesses of the model
    template.tracker.install()
    finder = LibraryFinder(template.loaded, lambda request: end(EndMessage(request)), template.not_preloaded(job))
    if may_request:
        finder.install()
    answer = replies.answer(request, template.tracker)
    if _getpid() != own_pid:
        _exit(0)  # a fork that returned from the factory too
    write_answer(answer, template.directory, request)
    end(EndMessage(loaded=finder.worth_preloading()))


def _end(notes: int, note: EndMessage) -> NoReturn:
    try:
        _write(notes, _encode(note))
    except OSError:
        pass  # user code has closed it
    _exit(0)


def _fits(template: Template, folders: tuple[str, ...]) -> bool:
    """Return whether the libraries of a template would import nothing from these folders."""
    loaded = template.loaded
    names = loaded.names - loaded.base if loaded.packages else loaded.names - set(OWN_MODULES)
    there = names_in(folders)
    missing = template.tracker.missing_names()
    return not any(is_shadowed(name, folders, loaded.base) for name in names & there) and not any(
        PathFinder.find_spec(name, list(folders)) for name in missing & there
    )


def is_shadowed(name: str, folders: tuple[str, ...], base: frozenset[str]) -> bool:
    """Return whether a folder has another module with the name of one that is imported."""
    module = sys.modules.get(name)
    if module is None or (name in base and not is_library(getattr(module, "__file__", None))):
        return False  # torch loads these modules of the standard library before project code could shadow them
    found = PathFinder.find_spec(name, list(folders))
    return found is not None and found.origin is not None and found.origin != getattr(module, "__file__", None)
