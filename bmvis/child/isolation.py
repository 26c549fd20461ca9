"""What one model's code may do to the child process, and how the next one is kept clear of it.

What is cheap to put back is put back: the working directory, the environment, `sys.path`, the standard
streams, warning filters, the recursion limit, torch's default device, dtype and grad mode. Where more was touched
the process is *spoiled*: the parent ends it after this answer, and the next model gets a new one.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from bmvis.worker import process_tree

_Undo = Callable[[], object]


class ProcessState:
    """The state of the process before user code runs.

    Args:
        private: the file descriptor that requests come from.
    """

    def __init__(self, private: int) -> None:
        self._undo = [*_process_settings(), *_torch_settings()]
        self._descriptors = {fd: _identity(fd) for fd in (0, 1, 2, private)}
        self._modules = dict(sys.modules)
        self._torch_code = _torch_code()
        self._threads = set(sys._current_frames())

    def restore(self) -> str:
        """Put back what can be; return what cannot, '' if the process is as good as new."""
        if any(sys.modules.get(name) is not module for name, module in self._modules.items()):
            return "imported modules were taken from sys.modules"  # to import torch again would crash
        for undo in self._undo:
            undo()
        return next(self._damages(), "")

    def _damages(self) -> Iterator[str]:
        if any(_identity(fd) != before for fd, before in self._descriptors.items()):
            yield "file descriptors were closed"
        if any(stream is None or stream.closed for stream in (sys.stdout, sys.stderr)):
            yield "standard streams were closed"
        if any(vars(owner).get(name) is not value for owner, name, value in self._torch_code):
            yield "torch.nn was changed"
        if not _makes_plain_tensors():
            yield "torch makes other tensors than before"
        if self._has_new_threads():
            yield "threads are still running"
        if process_tree.descendants(os.getpid()):
            yield "processes are still running"

    def _has_new_threads(self) -> bool:
        """Return whether threads run that no library has started for itself (a progress bar's monitor)."""
        return any(
            not _is_library_code(frame)
            for ident, frame in sys._current_frames().items()
            if ident not in self._threads and ident != threading.get_ident()
        )


def _is_library_code(frame: FrameType | None) -> bool:
    while frame is not None:
        if re.search(r"[\\/](site|dist)-packages[\\/]", frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


def _process_settings() -> Iterator[_Undo]:
    directory, environment, path = os.getcwd(), os.environ.copy(), sys.path.copy()
    streams, filters, limit = (sys.stdout, sys.stderr), warnings.filters[:], sys.getrecursionlimit()

    def undo() -> None:
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = path
        sys.stdout, sys.stderr = streams
        warnings.filters[:] = filters  # type: ignore[index]  # it is a list
        sys.setrecursionlimit(limit)

    yield undo


def _torch_settings() -> Iterator[_Undo]:
    torch = sys.modules.get("torch")
    if torch is None:
        return
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    yield lambda: torch.set_default_dtype(dtype)
    yield lambda: torch.set_grad_enabled(grad)
    yield lambda: torch.set_default_device(None)


def _torch_code() -> list[tuple[Any, str, Any]]:
    """Return all that `torch.nn`, its classes and its functions are made of."""
    torch = sys.modules.get("torch")
    if torch is None:
        return []
    owners = [torch.nn, torch.nn.functional, torch.nn.init, torch.Tensor]
    owners += [value for value in vars(torch.nn).values() if isinstance(value, type)]
    return [(owner, name, value) for owner in owners for name, value in vars(owner).items() if callable(value)]


def _makes_plain_tensors() -> bool:
    torch = sys.modules.get("torch")
    if torch is None:
        return True
    try:
        made = torch.empty(0)
        return bool(made.device.type == "cpu" and made.dtype == torch.get_default_dtype())
    except Exception:  # whatever a broken torch raises: the process is not to be used again
        return False


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
