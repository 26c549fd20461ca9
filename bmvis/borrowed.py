"""What one model's code may do to the child process, and how the next one is kept clear of it.

What is cheap to put back is put back: the working directory, the environment, `sys.path`, the standard
streams, warning filters, the recursion limit, torch's default device, dtype and grad mode. Where more was touched
the process is *spoiled*: the parent ends it after this answer, and the next model gets a new one.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from bmvis import processes
from bmvis.frames import is_project_file

_Undo = Callable[[], object]


class Borrowed:
    """The state of the process before user code runs.

    Args:
        private: file descriptors that are ours, beside the standard ones.
    """

    def __init__(self, private: tuple[int, ...]) -> None:
        self._undo = [*_process_settings(), *_torch_settings()]
        self._descriptors = {fd: _identity(fd) for fd in (0, 1, 2, *private)}
        self._modules = dict(sys.modules)
        self._nn_module = _nn_module_members()
        self._threads = set(sys._current_frames())

    def give_back(self) -> str:
        """Put back what can be; return what cannot, '' if the process is as good as new."""
        for undo in self._undo:
            undo()
        return next(filter(None, self._damages()), "")

    def _damages(self) -> Iterator[str]:
        if any(_identity(fd) != before for fd, before in self._descriptors.items()):
            yield "file descriptors were closed"
        if any(sys.modules.get(name) is not module for name, module in self._modules.items()):
            yield "imported modules were taken from sys.modules"
        if self._nn_module != _nn_module_members(self._nn_module):
            yield "torch.nn.Module was changed"
        if not _makes_plain_tensors():
            yield "torch makes other tensors than before"
        if self._has_new_threads():
            yield "threads are still running"
        if processes.descendants(os.getpid()):
            yield "processes are still running"

    def _has_new_threads(self) -> bool:
        """Return whether project code runs in a thread; libraries may keep threads of their own."""
        for ident, frame in sys._current_frames().items():
            while frame and ident not in self._threads and ident != threading.get_ident():
                if is_project_file(frame.f_code.co_filename):
                    return True
                frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
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


def _nn_module_members(before: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what `nn.Module` holds; of a later look, only what was there before."""
    torch = sys.modules.get("torch")
    if torch is None:
        return before or {}
    members = dict(vars(torch.nn.Module))
    return members if before is None else {name: members.get(name) for name in before}


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
