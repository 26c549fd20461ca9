"""Run operations whose meta kernels do something else than the CPU.

`torch._grouped_mm`, which all mixture-of-experts layers of transformers call, takes bfloat16 alone on the meta device,
as on a GPU. On the CPU it takes float32 and float16 too. `torch.quantize_per_tensor` returns a tensor of its input's
data type on the meta device.
https://github.com/pytorch/pytorch/blob/main/torch/_meta_registrations.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch


def run(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Run an operation, and return its result.

    Args:
        operation: an `OpOverload`.
        args: its positional arguments.
        kwargs: its keyword arguments.
    """
    refuse_wrong(operation._overloadpacket, args, kwargs)
    own = _KERNELS.get(operation._overloadpacket._qualified_op_name)
    if own is not None and args and isinstance(args[0], torch.Tensor) and args[0].is_meta:
        return own(*args, **kwargs)
    return operation(*args, **kwargs)


def refuse_wrong(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise an exception if the result on the meta device has another data type than on the CPU.

    Args:
        function: a function of PyTorch, or an `OpOverloadPacket`.
        args: its positional arguments.
        kwargs: its keyword arguments.

    Raises:
        NotImplementedError: the function is such a one, and a tensor is on the meta device.
    """
    if function not in _WRONG:
        return
    if any(isinstance(one, torch.Tensor) and one.is_meta for one in (*args, *kwargs.values())):
        raise NotImplementedError(f"torch.{function.__name__} has no right kernel on the meta device")


def _grouped_product(
    first: torch.Tensor,
    second: torch.Tensor,
    offs: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    out_dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """Return an empty result of the right shape.

    Raises:
        RuntimeError: the sizes do not fit, or the groups are missing.
    """
    groups = _groups(first, second, offs)
    if first.shape[-1] != second.shape[-2] or (first.dim() == second.dim() == 3 and len(first) != len(second)):
        raise RuntimeError(f"_grouped_mm: shapes {list(first.shape)} and {list(second.shape)} cannot be multiplied")
    return first.new_empty((*groups, first.shape[-2], second.shape[-1]), dtype=out_dtype or first.dtype)


def _groups(first: torch.Tensor, second: torch.Tensor, offs: torch.Tensor | None) -> tuple[int, ...]:
    """Return the leading dimensions of the result."""
    if first.dim() == 3 and second.dim() == 3:
        return (first.shape[0],)
    if offs is None:
        raise RuntimeError("_grouped_mm: offs is required if one of the matrices has two dimensions")
    return (offs.shape[0],) if first.dim() == second.dim() else ()


_WRONG = frozenset((torch.quantize_per_tensor, torch.ops.aten.quantize_per_tensor))
"""Functions, and the operations that a dispatch mode sees."""
_KERNELS: Mapping[str, Callable[..., torch.Tensor]] = {"aten::_grouped_mm": _grouped_product}
