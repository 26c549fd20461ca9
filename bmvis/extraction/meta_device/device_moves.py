"""Keep tensors on the meta device where a factory moves them: `x.to("cpu")`, `x.cpu()`, `x.cuda()`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch


class Move(NamedTuple):
    """The call that replaces a move to another device: its result stays on the meta device."""

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    is_copy: bool
    """Whether the result must be a new tensor: the target is not the CPU."""


def _to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Move | None:
    target = kwargs.get("device", kwargs.get("other", args[1] if len(args) > 1 else None))
    device = target_device(target)
    if device is None or device.type == "meta":
        return None
    rest = {name: given for name, given in kwargs.items() if name not in ("device", "other")}
    if isinstance(target, torch.Tensor):
        rest.setdefault("dtype", target.dtype)
    is_positional = len(args) > 1 and "device" not in kwargs and "other" not in kwargs
    given = (args[0], torch.device("meta"), *(args[2:] if is_positional else ()))
    return Move(torch.Tensor.to, given, rest, device.type != "cpu")


def _cpu(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Move:
    return Move(torch.Tensor.to, (args[0], torch.device("meta")), kwargs, is_copy=False)


def _cuda(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Move:
    return Move(torch.Tensor.to, (args[0], torch.device("meta")), {}, is_copy=True)


MOVES: dict[str, Callable[[tuple[Any, ...], dict[str, Any]], Move | None]] = {"to": _to, "cpu": _cpu, "cuda": _cuda}
"""By the name of the function, what replaces its call; None if the call is no move, or one to the meta device."""


def target_device(target: Any) -> torch.device | None:
    """Return the device that a call names: of a tensor, by its name, or by its index. None if it names none."""
    if isinstance(target, torch.Tensor):
        with torch._C.DisableTorchFunction():
            return target.device
    if isinstance(target, torch.device | str | int) and not isinstance(target, bool):
        try:
            return torch.device(target)
        except RuntimeError:
            return None  # no such device: the call raises
    return None
