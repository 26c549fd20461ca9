"""Record where the code of a factory reads the device of a meta tensor, on which its model could depend.

On the meta device, `is_meta`, `device`, `data_ptr()`, `repr(tensor)` and others have other results than on the CPU.
What code does with them is not known. Therefore a caller compares the model with one from the CPU.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

import torch

from bmvis.extraction.meta_device.torch_entry_points import STORAGES, outside_torch, replaced
from bmvis.extraction.meta_device.type_checks import type_checks

MAX_PLACES = 1000
"""Maximum number of places that are recorded."""
META_AWARE = frozenset(
    ("torch", "transformers", "accelerate", "diffusers", "keras", "peft", "safetensors", "torchao", "bmvis")
)
"""Packages that check for the meta device, but build the same modules on all devices."""
_DEVICE = vars(torch._C.TensorBase)["device"].__get__
_PROPERTIES = frozenset(vars(torch._C.TensorBase)[name].__get__ for name in ("is_meta", "is_cpu"))
_TEXTS = frozenset((torch.Tensor.__repr__, torch.Tensor.__format__))
READERS = frozenset((_DEVICE, *_PROPERTIES, *_TEXTS, torch.Tensor.data_ptr, torch.Tensor.type))
"""Functions whose result on the meta device differs from that on the CPU."""
_IN_DEFAULT_DEVICE = "_get_device_with_index"
"""The function in `torch.get_default_device` that reads the device of a new tensor."""
_LOADS = frozenset(("LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK"))
"""Instructions that load one local variable."""
_DEVICE_OF_STORAGE: Callable[[Any], torch.device] = vars(torch._C.StorageBase)["device"].__get__


class DeviceReads:
    """The places that read the device of a meta tensor."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, int], bool] = {}
        """Files and lines in the order of their calls; False for those that only pass the device on as `device=...`."""
        self.has_addresses = False
        """Whether code read an address, a storage or a text, which a fake tensor does not have as on the CPU."""

    def note(self, func: Any, args: tuple[Any, ...], frame: FrameType) -> None:
        """Record a call of a function of `READERS` if it reads the device of a meta tensor.

        Args:
            func: the function.
            args: its positional arguments.
            frame: the frame that calls it.
        """
        if not isinstance(args[0], torch.Tensor) or (func is torch.Tensor.type and len(args) > 1):
            return  # `type` with a type converts the tensor
        with torch._C.DisableTorchFunction():
            if not args[0].is_meta:
                return
        self.has_addresses |= func in _TEXTS or func is torch.Tensor.data_ptr
        reader = outside_torch(frame) if func in _TEXTS or frame.f_code.co_name == _IN_DEFAULT_DEVICE else frame
        self.note_reader(reader, may_pass=func == _DEVICE)

    def note_reader(self, frame: FrameType | None, *, may_pass: bool = False) -> None:
        """Record the code of a frame, unless it belongs to a package that builds the same modules on all devices."""
        package = _package(frame.f_globals.get("__name__", "")) if frame else "torch"
        if frame is None or package in META_AWARE or len(self.places) >= MAX_PLACES:
            return
        place = frame.f_code.co_filename, frame.f_lineno
        if not self.places.get(place):
            self.places[place] = not (may_pass and _is_passed_on(frame.f_code, frame.f_lasti))

    def note_type_checks(self, objects: Iterable[object]) -> None:
        """Record where the code of functions, classes or modules checks for a class such as `torch.FloatTensor`.

        No place is added if the result is known to depend on the device anyway.
        """
        if any(self.places.values()):
            return
        defined_in = {str(getattr(one, "__module__", "")) for one in objects}
        for place in type_checks(name for name in defined_in if _package(name) not in META_AWARE):
            self.places[place] = True

    @contextmanager
    def watched_storages(self) -> Iterator[None]:
        """Record reads of the device and address of storages, which are no function of a tensor."""
        with ExitStack() as stack:
            for storage in STORAGES:
                stack.enter_context(replaced(storage, "data_ptr", self._noting(storage.data_ptr)))
                device = next(vars(cls)["device"] for cls in storage.__mro__ if "device" in vars(cls))
                stack.enter_context(replaced(storage, "device", property(self._noting(device.__get__))))
            yield

    def _noting(self, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def noted(storage: Any) -> Any:
            untyped = getattr(storage, "_untyped_storage", storage)
            if _DEVICE_OF_STORAGE(untyped).type == "meta":
                self.has_addresses = True
                self.note_reader(sys._getframe(1))
            return read(storage)

        return noted


def _package(module: object) -> str:
    return str(module).partition(".")[0]


@lru_cache(maxsize=1000)
def _is_passed_on(code: CodeType, offset: int) -> bool:
    """Return whether the instruction at an offset reads a device that becomes the argument `device` of calls.

    Between them, only further arguments are loaded: `torch.ones(2, device=weight.device, dtype=weight.dtype)`. The
    device can be in a local variable meanwhile: `device = weight.device`.
    """
    instructions = list(dis.get_instructions(code))
    start = next((index for index, one in enumerate(instructions) if one.offset == offset), len(instructions))
    following = instructions[start + 1 : start + 2]
    if not following or following[0].opname != "STORE_FAST":
        return _is_argument(code, instructions, start)
    name = following[0].argval
    uses = [index for index, one in enumerate(instructions) if name in _locals(one) and one is not following[0]]
    return all(instructions[index].opname in _LOADS and _is_argument(code, instructions, index) for index in uses)


def _locals(instruction: dis.Instruction) -> tuple[str, ...]:
    """Return the local variables, also those that inner functions use, that an instruction reads or writes."""
    is_local = instruction.opcode in dis.haslocal or instruction.opcode in dis.hasfree or "FAST" in instruction.opname
    names = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
    return names if is_local else ()


def _is_argument(code: CodeType, instructions: Sequence[dis.Instruction], start: int) -> bool:
    """Return whether what an instruction loads becomes the argument `device` of the next call."""
    for number, instruction in enumerate(instructions[start + 1 :]):
        names = instruction.argval
        if instruction.opname == "KW_NAMES":  # Python 3.11 and 3.12
            names = code.co_consts[instruction.arg or 0]
        if isinstance(names, tuple) and "device" in names and not instruction.opname.endswith("FAST"):
            return True
        if not instruction.opname.startswith("LOAD_") or "METHOD" in instruction.opname:
            return False
        if number == 0 and instruction.opname.startswith("LOAD_ATTR"):
            return False  # `device.type`
    return False
