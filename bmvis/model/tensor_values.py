"""Values of tensors in the texts of settings: `torch.Tensor(float32[2], 0.485, 0.456)`.

A text without the values is equal to one with them: whether they are known depends on the device of the build.
"""

from __future__ import annotations

import re

from bmvis.lazy_regex import lazy_regex

_TENSOR = lazy_regex(r"(torch\.Tensor\(\w+\[[\d, ]*\])((?:, [^(),]+)*)\)")
_RELATIVE, _ABSOLUTE = 1e-4, 1e-7
"""Differences from which on values are other ones: kernels of other machines round otherwise."""


def without_values(text: str) -> str:
    """Return a text without the values of tensors: `torch.Tensor(float32[2])`."""
    return _TENSOR.sub(r"\1)", text) if "torch.Tensor(" in text else text


def differs_in_values_only(before: str, after: str) -> bool:
    """Return whether two texts are equal, except for values of tensors."""
    return before != after and without_values(before) == without_values(after)


def has_equal_values(before: str, after: str) -> bool:
    """Return whether each tensor in two texts that differ in values only has equal ones, or has none in one text."""
    return all(
        not was or not is_now or (len(was) == len(is_now) and all(map(_is_close, was, is_now)))
        for was, is_now in zip(_values(before), _values(after), strict=True)
    )


def only_values(text: str) -> str:
    """Return a text with the values of tensors in place of the tensors: `Normal(loc=0, scale=1)`, `[0.485, 0.456]`."""
    return _TENSOR.sub(_plain, text)


def _plain(match: re.Match[str]) -> str:
    values = match[2].removeprefix(", ")
    if not values:
        return match[0]
    return values if match[1].endswith("[]") else f"[{values}]"


def _values(text: str) -> list[list[str]]:
    """Return the values of each tensor of a text."""
    return [match[2].split(", ")[1:] for match in _TENSOR.finditer(text)]


def _is_close(before: str, after: str) -> bool:
    if before == after:
        return True
    try:
        was, is_now = complex(before), complex(after)
    except ValueError:
        return False
    return abs(was - is_now) <= max(_RELATIVE * max(abs(was), abs(is_now)), _ABSOLUTE)
