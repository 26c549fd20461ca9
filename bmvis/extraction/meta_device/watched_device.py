"""The mode of `torch.device` that also records what a call does differently on the meta device than on the CPU.

A `forward` can read the device of its input, or catch the exception of an operation that the meta device does not
have. What it computes then is not what it computes on the CPU.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence, Set
from types import FrameType
from typing import Any

import torch
from torch._C import _len_torch_function_stack
from torch.overrides import _get_current_function_mode_stack, _pop_mode, _push_mode
from torch.utils import _device

from bmvis.extraction.meta_device.meta_failures import FailureLog

AS_ARRAYS = frozenset((torch.Tensor.numpy, torch.Tensor.__array__, torch.Tensor.__dlpack__))
"""Functions of tensors that return their values as an array."""


class WatchedDevice(_device.DeviceContext):
    """Records the reads of devices and of values, and the failures of a call.

    It takes the place of the mode of `torch.device`, because each mode adds to the time of each function.

    Args:
        read_as_array: is called with a tensor whose values code takes as an array.
        log: where the reads of devices and the failures are recorded; None if they are not.
    """

    def __init__(self, read_as_array: Callable[[torch.Tensor], None], log: FailureLog | None = None) -> None:
        modes = _get_current_function_mode_stack()  # type: ignore[no-untyped-call]
        device = next((mode.device for mode in modes if isinstance(mode, _device.DeviceContext)), None)
        super().__init__(device or "cpu")
        self.read_as_array = read_as_array
        self.log = log
        self.constructors: Set[Any] = set() if device is None else _device._device_constructors()
        self._around = modes

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        # PyTorch restores one mode of `torch.device` only. A caller can be in several, such as a notebook in one.
        while _len_torch_function_stack():
            _pop_mode()  # type: ignore[no-untyped-call]
        for mode in self._around:
            _push_mode(mode)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in self.constructors and (kwargs is None or kwargs.get("device") is None):
            kwargs = {**(kwargs or {}), "device": self.device}
        return self.run(func, args, kwargs or {}, sys._getframe(1))

    def run(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], frame: FrameType) -> Any:
        """Call a function for the code of a frame, and record what it does."""
        result = func(*args, **kwargs) if self.log is None else self.log.run(func, tuple(args), kwargs, frame)
        if func in AS_ARRAYS:
            with torch._C.DisableTorchFunction():
                self.read_as_array(args[0])
        return result
