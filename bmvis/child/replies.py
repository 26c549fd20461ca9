"""Answer one request. Exceptions of user code, and exceeded limits, become an answer too.

Runs in the child process.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec

from bmvis import humanize
from bmvis.child import memory_limit
from bmvis.child.building import builder, failure_causes, loader
from bmvis.child.tracking.import_tracker import ImportTracker
from bmvis.child.tracking.reentry import once
from bmvis.errors import BmvisError, FactoryError
from bmvis.extraction.settings import project_code
from bmvis.model.tree import Model
from bmvis.reference import Reference, parse_reference
from bmvis.reference_patterns import parse_pattern
from bmvis.source.dependencies import files_in, with_changed_paths
from bmvis.source.pyproject import project_folder
from bmvis.untrusted import user_text
from bmvis.untrusted.file_names import utf8
from bmvis.worker.protocol import Answer, Built, Dependency, Failed, Listed, Reply, Request

_project_folder = cache(project_folder)


def answer(request: Request, imports: ImportTracker) -> Answer:
    """Build the requested model, or list the requested references."""
    imports.note_loaded()
    with _limited(request):
        try:
            return Answer(_reply(request, imports))
        except BaseException as error:
            return Answer(_unreadable(request, error))
        finally:
            imports.files.stop()


def _reply(request: Request, imports: ImportTracker) -> Reply:
    """Return the reply. An exception of a factory becomes a `Failed` reply."""
    reference = None
    try:
        parse = parse_pattern if request.listing else parse_reference
        reference = parse(request.reference)
        with once(imports.record.busy):  # a model does not depend on the other files of the folder
            project_code.use_sources(_project_folder(Path.cwd()))
        folders = (*project_folders(request), *_file_folder(reference))
        imports.begin(reference.module, (*request.path, *sys.path), folders)
        found = (
            loader.list_models(reference, request.allow, request.defaults)
            if request.listing
            else builder.build(reference, request, imports)
        )
        origin = _origin(imports, reference)
        if isinstance(found, Model):
            return Built(found, *origin)
        return Listed(found.references, *origin, found.passed_over)
    except BmvisError as error:
        failure = _too_large(request, error) if memory_limit.is_out_of_memory(error.__cause__) else error
        exits = isinstance(error.__cause__, SystemExit)
        failed = Failed(failure.kind, failure.message, failure.hint, failure.detail, wants_output=exits)
        return _with_origin(failed, error, imports, reference) if reference else failed


def _origin(
    imports: ImportTracker, reference: Reference, more: Iterable[Dependency] = ()
) -> tuple[tuple[str, ...], tuple[Dependency, ...], tuple[str, ...]]:
    """Return the sources, dependencies and folders of distributions of a reply.

    Args:
        imports: the recorded accesses.
        reference: the reference of the request.
        more: further dependencies.
    """
    imports.note_loaded()
    dependencies = with_changed_paths((*imports.dependencies_of(reference.module), *more), utf8)
    return tuple(files_in(dependencies)), dependencies, tuple(_installed())


def _with_origin(failed: Failed, error: BmvisError, imports: ImportTracker, reference: Reference) -> Failed:
    """Return a failure with what it depends on."""
    try:
        more = failure_causes.further_dependencies(imports)
        sources, dependencies, installed = _origin(imports, reference, more or ())
        is_permanent = failure_causes.is_permanent(error, imports.record) and not imports.has_read_nondeterminism()
    except Exception:  # user code may have replaced functions that this calls
        return failed
    return msgspec.structs.replace(
        failed,
        is_permanent=more is not None and is_permanent,
        sources=sources,
        dependencies=dependencies,
        installed=installed,
    )


def project_folders(request: Request) -> tuple[str, ...]:
    """Return the folders whose files count as sources of a model."""
    return (os.getcwd(), str(_project_folder(Path.cwd())), *request.path)


def _unreadable(request: Request, error: BaseException) -> Failed:
    """Return the reply for an exception of code of the model, or of bmvis after that code has replaced functions."""
    what = f"the model of {request.reference!r} cannot be read: it raised"
    try:
        failure = loader.factory_error(what, error)
    except BaseException:
        name = user_text.class_name(type(error))
        return Failed("factory", f"{what} {name}", "its code may have replaced functions that bmvis calls")
    return Failed(failure.kind, failure.message, failure.hint, failure.detail)


def _file_folder(reference: Reference) -> tuple[str, ...]:
    """Return the folder of the file that the reference names, which counts as a project folder."""
    path = os.path.abspath(reference.file)
    return () if not reference.file else (path if os.path.isdir(path) else os.path.dirname(path),)  # noqa: PTH112  # the text may not be a valid path


def _too_large(request: Request, error: BmvisError) -> BmvisError:
    """Return an error that names the exceeded limit and how to raise it."""
    limit = memory_limit.allowed(request)
    if not limit:
        return error
    where = "the setting memory" if request.memory else "half of this machine's memory"
    return FactoryError(
        f"the model of {request.reference!r} takes more than {humanize.size(limit)}, {where}",
        hint="build a smaller model, or set memory to more bytes; with device: cpu there is no limit",
        detail=f"{error.message}\n{error.detail}",
    )


def _installed() -> Iterator[str]:
    """Yield the folders of `sys.path` that contain installed distributions."""
    for entry in dict.fromkeys(sys.path):
        if Path(entry).name in ("site-packages", "dist-packages") and Path(entry).is_dir():
            yield os.path.abspath(entry)


@contextmanager
def _limited(request: Request) -> Iterator[None]:
    """Apply the time and memory limits of a request.

    The parent enforces the timeout. The timer here is for the case that the parent was killed while user code in C
    keeps the interpreter lock, so that no other thread runs.
    """
    own_pid = os.getpid()
    if request.timeout:
        faulthandler.dump_traceback_later(request.timeout + 5, exit=True, file=2)
    try:
        with memory_limit.limit_memory(memory_limit.allowed(request)):
            yield
    finally:
        if os.getpid() == own_pid:  # a fork does not have the thread that this waits for
            faulthandler.cancel_dump_traceback_later()
