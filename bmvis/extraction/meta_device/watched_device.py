"""The mode of `torch.device` that also records what a call does differently on the meta device than on the CPU.

A `forward` can read the device of its input, or catch the exception of an operation that the meta device does not
have. What it computes then is not what it computes on the CPU.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence, Set
from typing import Any

from torch.overrides import _get_current_function_mode_stack
from torch.utils import _device

from bmvis.extraction.meta_device.meta_failures import FailureLog


class WatchedDevice(_device.DeviceContext):
    """Records the reads of devices and the failures of a call.

    It takes the place of the mode of `torch.device`, because each mode adds to the time of each function.

    Args:
        log: where the reads and failures are recorded; None if they are not.
    """

    def __init__(self, log: FailureLog | None) -> None:
        modes = _get_current_function_mode_stack()  # type: ignore[no-untyped-call]
        device = next((mode.device for mode in modes if isinstance(mode, _device.DeviceContext)), None)
        super().__init__(device or "cpu")
        self.log = log
        self.constructors: Set[Any] = set() if device is None else _device._device_constructors()

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in self.constructors and (kwargs is None or kwargs.get("device") is None):
            kwargs = {**(kwargs or {}), "device": self.device}
        if self.log is None:
            return func(*args, **kwargs or {})
        return self.log.run(func, tuple(args), kwargs or {}, sys._getframe(1))
