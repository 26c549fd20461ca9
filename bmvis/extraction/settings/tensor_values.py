"""Write the values of small constants that are tensors as text, such as a mean of colors or a schedule of rates.

A value is recorded if it is the same in each build and on each device. On the meta device, those are the values that
`bmvis.extraction.meta_device.known_values` has, which depend on no random number. On the CPU nothing distinguishes a
constant from a random number, so a value is recorded only if it looks as if a person has written it: `0.485`, not
`0.88226926`.

Of a larger tensor, the first and the last value are listed. A digest of all values follows if they are exact: integers,
and floats that people write. Other floats, such as sines, are rounded differently on other machines: in place of a
digest, they have a checksum that is a number, which `bmvis.model.tensor_values` compares with a tolerance.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import torch

from bmvis.extraction import introspection
from bmvis.extraction.shortened import digest_of_bytes
from bmvis.model.tensor_values import CHECKSUM

MAX_LISTED = 8
"""Elements of a tensor whose values are listed. Of a larger one, the first and the last one are."""
MAX_SUMMED = 65_536
"""Maximum number of elements of a tensor that has a digest or checksum."""
MAX_DISTINCT = 1_000
"""Maximum number of different floats in a tensor that has a digest."""
KnownValue = Callable[[torch.Tensor], "torch.Tensor | None"]
"""Returns the value of a tensor on the meta device, as a tensor on the CPU; None if it is not certain."""
_SMALLEST, _LARGEST = 1e-8, 1e8
"""Limits of the floats that people write. Uninitialized memory often has tiny ones with few digits."""
_WRITTEN_DIGITS = 4
"""Maximum number of digits of a float that people write. Few floats of at least 32 bits have so few by chance."""
_PRECISE = (torch.float32, torch.float64)


def no_value(tensor: torch.Tensor) -> None:
    """Return that the value of a tensor on the meta device is not known."""


def value_texts(tensor: torch.Tensor, known: KnownValue) -> Sequence[str]:
    """Return the texts of the values of a tensor, at most `MAX_LISTED`; none if they are not recorded.

    Those of a larger tensor are the first and the last value, a checksum and a digest.

    Args:
        tensor: a tensor that does not require a gradient.
        known: the values of tensors on the meta device.
    """
    if type(tensor) is not torch.Tensor or tensor.layout is not torch.strided or tensor.is_quantized:
        return ()
    value = known(tensor) if tensor.is_meta else tensor
    if value is None or value.device.type != "cpu" or not value.numel():
        return ()
    flat = value.detach().reshape(-1)
    ends = flat if flat.numel() <= MAX_LISTED else torch.stack((flat[0], flat[-1]))
    numbers = ends.tolist()
    if not tensor.is_meta and not (ends.dtype in _PRECISE and all(_is_written(number, ends) for number in numbers)):
        return ()
    texts = [f"{number:.6g}" if type(number) is float else str(number).strip("()") for number in numbers]
    return texts if ends is flat else (texts[0], "…", texts[1], *_summary(flat, is_certain=tensor.is_meta))


def _summary(values: torch.Tensor, *, is_certain: bool) -> Sequence[str]:
    """Return texts that change with the values between the first and the last one; none if they can be random."""
    if values.numel() > MAX_SUMMED:
        return ()
    numbers = torch.view_as_real(values).reshape(-1) if values.is_complex() else values
    plain = (numbers + 0 if numbers.is_floating_point() else numbers).contiguous()  # 0.0 in place of -0.0
    return _summary_of(ctypes.string_at(plain.data_ptr(), plain.nbytes), plain.dtype, is_certain)


@lru_cache(maxsize=8)
def _summary_of(data: bytes, dtype: torch.dtype, is_certain: bool) -> Sequence[str]:
    """Return the summary of numbers in memory. The layers of a model often have equal masks."""
    numbers = torch.frombuffer(bytearray(data), dtype=dtype)
    is_exact = not numbers.is_floating_point() or _are_written(numbers)
    if not is_exact and not is_certain:
        return ()
    found = [f"{CHECKSUM}{_checksum(numbers.double()):.8g}"] if numbers.dtype in _PRECISE else []
    return [*found, digest_of_bytes(data)] if is_exact else found


def _are_written(numbers: torch.Tensor) -> bool:
    """Return whether all floats are as people write them, including infinity in masks."""
    distinct: torch.Tensor = numbers.unique()  # type: ignore[no-untyped-call]
    if distinct.numel() > MAX_DISTINCT:
        return False
    return all(math.isinf(number) or _is_written(number, numbers) for number in distinct.tolist())


def _checksum(numbers: torch.Tensor) -> float:
    """Return a number that changes with the values, their signs and their order, but little with their rounding.

    It is a sum of positive numbers, each with another weight, so that no digits cancel out.
    """
    size = numbers.nan_to_num(0, 0, 0).abs().max().item() or 1.0
    weights = 1 + torch.arange(numbers.numel(), dtype=torch.float64, device="cpu") * 0.6180339887 % 1
    return size * float((weights * ((numbers / size).nan_to_num(0, 1.5, -1.5) + 2) ** 2).mean())


def buffer_values(module: torch.nn.Module, buffers: introspection.Tensors, known: KnownValue) -> dict[str, str]:
    """Return a setting with the values of each buffer that is not in the state dict, so that no file restores them.

    Args:
        module: the module.
        buffers: its buffers, with their names.
        known: the values of tensors on the meta device.
    """
    unsaved = introspection.non_persistent(module)
    found = {}
    for name, buffer in buffers:
        if name in unsaved and not buffer.requires_grad and (texts := value_texts(buffer, known)):
            dtype = str(buffer.dtype).removeprefix("torch.")
            found[name] = f"torch.Tensor({', '.join([f'{dtype}{list(buffer.shape)}', *texts])})"
    return found


def _is_written(number: float, tensor: torch.Tensor) -> bool:
    """Return whether a float of a tensor has few digits."""
    if number == 0:
        return True
    rounded = torch.tensor(float(f"{number:.{_WRITTEN_DIGITS}g}"), dtype=tensor.dtype, device="cpu")
    return _SMALLEST <= abs(number) <= _LARGEST and rounded.item() == number
