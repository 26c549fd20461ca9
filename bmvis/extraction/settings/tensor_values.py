"""Write the values of small constants that are tensors as text, such as a mean of colors or a schedule of rates.

A value is recorded if it is the same in each build and on each device. On the meta device, those are the values that
`bmvis.extraction.meta_device.known_values` has, which depend on no random number. On the CPU nothing distinguishes a
constant from a random number, so a value is recorded only if it looks as if a person has written it: `0.485`, not
`0.88226926`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from bmvis.extraction import introspection

MAX_LISTED = 8
"""Elements of a tensor whose values are listed. Of a larger one, the first and the last one are."""
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
    return texts if ends is flat else (texts[0], "…", texts[1])


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
