"""Let libraries convert tensors on the meta device that they convert on the CPU.

Some code leaves out tensors on the meta device, because it takes them for tensors that get their values, and with them
their data type, from a file later. In a model that is built on the meta device, no file follows.
"""

from __future__ import annotations

from types import FrameType

from torch import nn

_FUNCTIONS = frozenset((("peft", "_move_adapter_to_device_of_base_layer"),))
"""Packages and names of functions whose only use of the device is to leave out tensors on the meta device.

The one of PEFT converts adapters to the data type of the base layer:
https://github.com/huggingface/peft/blob/main/src/peft/tuners/tuners_utils.py
"""
_REGISTER = nn.Module.register_parameter


def is_skip_check(frame: FrameType) -> bool:
    """Return whether the code of a frame reads a device to leave out tensors on the meta device.

    It reads it in a generator expression of the function, as in `any(p.device == meta for p in parameters)`. What the
    function itself reads is the device that it moves tensors to.

    Under `init_empty_weights`, and with PEFT's `low_cpu_mem_usage`, tensors are on the meta device wherever the model
    is built. Both replace the method of modules that registers parameters.
    """
    caller = frame.f_back
    if frame.f_code.co_name != "<genexpr>" or caller is None or nn.Module.register_parameter is not _REGISTER:
        return False
    package = str(caller.f_globals.get("__name__", "")).partition(".")[0]
    return (package, caller.f_code.co_name) in _FUNCTIONS
