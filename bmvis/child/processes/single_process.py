"""Build one model in this process, for systems where processes cannot be forked."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from bmvis.child import tracebacks
from bmvis.child.processes.user_process import (
    OWN_MODULES,
    hide_own_modules,
    import_own_modules,
    names_in,
    use_path,
)
from bmvis.child.tracking.import_tracker import ImportTracker
from bmvis.errors import WorkerError
from bmvis.worker import process_tree
from bmvis.worker.protocol import Answer, Failed, Request
from bmvis.worker.reply_file import write_answer

_exit, _getpid = os._exit, os.getpid
"""As they are before user code runs, which may replace them."""


def build_one(descriptor: int, directory: Path, path: list[str], *, is_ahead: bool) -> None:
    """Answer one request, and wait for the end of input.

    Args:
        descriptor: the file descriptor of the input.
        directory: the folder for the reply.
        path: the entries of `sys.path`, after those of the request.
        is_ahead: whether to import torch before there is a request.
    """
    process_tree.adopt_orphans()
    private, own_pid = _take_input(descriptor), _getpid()
    loaded = _import_ahead() if is_ahead else frozenset()
    request = _receive(private)
    if request is None:
        shutil.rmtree(directory, ignore_errors=True)
        _exit(0)
    if loaded and _shadows(request.path, loaded):
        _exit(process_tree.MODULE_CONFLICT)
    listener = threading.Thread(target=_end_with_input, args=(private, directory), daemon=True)
    listener.start()
    use_path(request, path)
    try:
        _require_torch()
    except WorkerError as error:
        answer = Answer(Failed(error.kind, error.message, error.hint, error.detail))
    else:
        from bmvis.child import replies  # which imports torch
        from bmvis.extraction import adapters

        import_own_modules()
        adapters.find_entries()
        hide_own_modules(request)
        tracker = ImportTracker()
        tracker.install()
        answer = replies.answer(request, tracker)
    if _getpid() != own_pid:
        _exit(0)  # a fork that returned from the factory too
    write_answer(answer, directory, request)
    listener.join()


def _take_input(descriptor: int) -> int:
    """Move standard input to another descriptor, so that it is empty for user code."""
    private = os.dup(descriptor)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, descriptor)
    os.close(empty)
    return private


def _import_ahead() -> frozenset[str]:
    """Import torch and the modules of bmvis; return the top-level names of all modules that a project could shadow."""
    with suppress(Exception):  # the build of the model reports it
        _require_torch()
        import_own_modules()
    return frozenset(name.partition(".")[0] for name in sys.modules) - set(OWN_MODULES)


def _shadows(folders: tuple[str, ...], loaded: frozenset[str]) -> bool:
    """Return whether a project has another module with the name of one that is imported."""
    from bmvis.child.processes.model_process import is_shadowed  # which imports torch

    return any(is_shadowed(name, folders, loaded) for name in loaded & names_in(folders))


def _receive(private: int) -> Request | None:
    """Return the request; None at the end of input."""
    with os.fdopen(os.dup(private), "rb", buffering=0) as stream:
        length = int.from_bytes(stream.read(4), "big")
        content = b""
        while len(content) < length and (chunk := stream.read(length - len(content))):
            content += chunk
    return msgspec.msgpack.decode(content, type=Request) if content else None


def _end_with_input(private: int, directory: Path) -> None:
    """End this process and its descendants at the end of input, even while a model is built."""
    try:
        while os.read(private, 65536):
            pass
    except OSError:
        pass  # user code has closed it
    shutil.rmtree(directory, ignore_errors=True)
    process_tree.end_tree(os.getpid(), str(directory))
    _exit(0)


def _require_torch() -> None:
    """Import torch.

    Raises:
        WorkerError: torch is not installed, or its import fails.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise WorkerError(
            f"cannot import PyTorch in {sys.executable}, the Python that builds the models: {error}",
            hint="install torch there, or name a Python that has it: `bmvis_python` in conf.py, `python` in "
            "mkdocs.yml, or `python` of a model in [tool.bmvis.models]",
            detail=tracebacks.user_frames(error) if error.name not in ("torch", None) else "",
        ) from error
