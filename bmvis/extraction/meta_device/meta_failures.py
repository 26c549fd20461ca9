"""Record calls of PyTorch that fail while a factory runs, also if the factory catches the exception.

A function mode sees all functions of PyTorch that Python code calls with tensors: operations, `.item()`, `.numpy()`,
`bool(tensor)`, `f"{tensor:.2f}"`. TorchScript, storages and DLPack do not call modes, so their entry points are wrapped
while the mode is active. A mode belongs to one thread, so threads that start meanwhile enter it too.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

from bmvis.extraction.meta_device.device_reads import READERS, DeviceReads
from bmvis.extraction.meta_device.meta_kernels import refuse_wrong
from bmvis.extraction.meta_device.skipped_conversions import is_skip_check
from bmvis.extraction.meta_device.torch_entry_points import STORAGES, entered_by_threads, outside_torch, replaced
from bmvis.untrusted import user_text

MAX_FAILURES = 1000
"""Maximum number of failures that are recorded."""
MAX_REPLAYED = 2**20
"""Maximum number of elements of the tensors with which a failed operation is repeated on the CPU."""
_PLAIN = (torch.Tensor, nn.Parameter)
_CPU, _META = torch.device("cpu"), torch.device("meta")
Call = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


class Failure(NamedTuple):
    """A call of PyTorch that raised."""

    function: str
    exception: str
    file: str
    line: int
    text: str
    """First line of the exception's message."""


class OutOfTimeError(BaseException):
    """The factory exceeded its time limit. Not an `Exception`, so that user code is unlikely to catch it."""


class FailureLog(TorchFunctionMode):
    """Function mode that records the calls that raise an exception.

    Args:
        ends: the value of `time.monotonic()` from which on calls of PyTorch raise `OutOfTimeError`; None for no limit.
        call: calls the function with its arguments, for a model that is built on meta; None for a plain call.
    """

    def __init__(self, ends: float | None = None, call: Call | None = None) -> None:
        super().__init__()
        self.failures: list[Failure] = []
        self.reads = DeviceReads()
        self._ends = ends
        self._call = call

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self.run(func, args, kwargs or {}, sys._getframe(1))

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> Any:
        """Call a function for the code of a frame, and record what it does.

        Raises:
            OutOfTimeError: the time is over.
        """
        if self._ends is not None and time.monotonic() > self._ends:
            raise OutOfTimeError
        try:
            if self._call is not None:
                refuse_wrong(func, args, kwargs)
            result = func(*args, **kwargs) if self._call is None else self._call(func, args, kwargs)
        except Exception as error:
            self.note(func, args, kwargs, error, frame)
            raise
        if func in READERS:
            if result == _META and self._call is not None and is_skip_check(frame):
                return _CPU
            self.reads.note(func, args, frame)
        return result

    @property
    def is_decisive(self) -> bool:
        """Whether what was recorded can change the model, or what its call does."""
        return bool(self.failures) or any(self.reads.places.values())

    def clear(self) -> None:
        """Forget what was recorded."""
        self.failures.clear()
        self.reads = DeviceReads()

    def note(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception, frame: FrameType
    ) -> None:
        """Record that a call, made by the code of a frame, raised an exception, unless it also does on the CPU."""
        if len(self.failures) < MAX_FAILURES and not _fails_with_values(func, args, kwargs, error):
            file, line = _caller(frame)
            text = user_text.exception_text(error).strip().partition("\n")[0]
            self.failures.append(Failure(_name(func), user_text.class_name(type(error)), file, line, text))


@contextmanager
def watched_calls(log: FailureLog) -> Iterator[None]:
    """Record in `log` the calls of TorchScript, storages, DLPack and new threads that raise an exception."""
    with ExitStack() as stack:
        stack.enter_context(entered_by_threads(lambda: log))
        stack.enter_context(log.reads.watched_storages())
        for owner in (torch._C.ScriptFunction, torch._C.ScriptMethod):
            stack.enter_context(_wrapped(owner, "__call__", log))
        for storage in STORAGES:
            for name in ("__getitem__", "cpu", "share_memory_"):
                stack.enter_context(_wrapped(storage, name, log))
        for module in (torch, torch.utils.dlpack):
            stack.enter_context(_wrapped(module, "to_dlpack", log))
        yield


def only_on_meta(meta: list[Failure], cpu: list[Failure]) -> list[Failure]:
    """Return the failures on the meta device that did not happen on the CPU, at the same place and equally often.

    Args:
        meta: the failures of the operations that the factory ran on the meta device, also those that it caught.
        cpu: those of a second run, on the CPU.
    """
    known = Counter(failure[:4] for failure in cpu)
    found = []
    for failure in meta:
        if known[failure[:4]]:
            known[failure[:4]] -= 1
        else:
            found.append(failure)
    return found


@contextmanager
def _wrapped(owner: Any, name: str, log: FailureLog) -> Iterator[None]:
    original = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except Exception as error:
            log.note(args[0] if name == "__call__" else original, args, kwargs, error, sys._getframe(1))
            raise

    with replaced(owner, name, call):
        yield


def _fails_with_values(func: Callable[..., Any], args: Any, kwargs: dict[str, Any], error: Exception) -> bool:
    """Return whether a failed call fails with the same message if its tensors are zeros on the CPU.

    If it does, such as for shapes that do not match, the meta device is not the cause, and the model need not be built
    on the CPU to find that out.
    """
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    if any(callable(leaf) for leaf in leaves) or any(type(one) not in _PLAIN for one in tensors):
        return False  # user code is not repeated
    with torch._C.DisableTorchFunction():
        is_tried = all(one.layout is torch.strided and one.numel() <= MAX_REPLAYED for one in tensors)
        if not any(one.is_meta for one in tensors) or not is_tried:
            return False
        text = user_text.exception_text(error)
        try:
            with torch.random.fork_rng(devices=[]), _disable_current_modes():  # a traced call does not run this
                replayed, named = tree_map(_zeros, (args, kwargs))
                func(*replayed, **named)
        except Exception as again:
            return type(again) is type(error) and user_text.exception_text(again) == text
    return False


def _zeros(leaf: Any) -> Any:
    return torch.zeros(leaf.shape, dtype=leaf.dtype, device="cpu") if isinstance(leaf, torch.Tensor) else leaf


def _caller(frame: FrameType | None) -> tuple[str, int]:
    """Return the file and line of the innermost frame outside PyTorch."""
    frame = outside_torch(frame)
    return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)


def _name(func: Any) -> str:
    if isinstance(func, torch._C.ScriptFunction | torch._C.ScriptMethod):
        return f"TorchScript {func.name}"
    name = str(getattr(func, "__qualname__", None) or getattr(func, "__name__", "") or type(func).__name__)
    return name.replace("TensorBase.", "Tensor.").replace("_VariableFunctionsClass.", "torch.")
