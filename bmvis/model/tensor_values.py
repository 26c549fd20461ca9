"""Values of tensors in the texts of settings: `torch.Tensor(float32[2], 0.485, 0.456)`.

Of a larger tensor, these are the first and the last value, and a checksum, a digest, or both, in place of the others:
`torch.Tensor(float32[9], 0, …, 1, checksum=2.5, #1f0c2a9b)`.

A text without the values is equal to one with them: whether they are known depends on the device of the build.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bmvis.lazy_regex import lazy_regex

_TENSOR = lazy_regex(r"(torch\.Tensor\(\w+\[[\d, ]*\])((?:, [^(),]+)*)\)")
_RELATIVE, _ABSOLUTE = 1e-4, 1e-7
"""Differences from which on values are other ones: kernels of other machines round otherwise."""
_RELATIVE_OF_CHECKSUM = 1e-5
CHECKSUM = "checksum="
"""In front of the checksum of a larger tensor."""
_DIGEST = "#"


def without_values(text: str) -> str:
    """Return a text without the values of tensors: `torch.Tensor(float32[2])`."""
    return _TENSOR.sub(r"\1)", text) if "torch.Tensor(" in text else text


def differs_in_values_only(before: str, after: str) -> bool:
    """Return whether two texts are equal, except for values of tensors."""
    return before != after and without_values(before) == without_values(after)


def has_equal_values(before: str, after: str) -> bool:
    """Return whether each tensor in two texts that differ in values only has equal ones, or has none in one text.

    So it is for the checksum of a tensor, and for its digest: whether a machine can compute them depends on rounding.
    """
    return all(
        _are_close(was, is_now) for was, is_now in zip(_values(before), _values(after), strict=True) if was and is_now
    )


def only_values(text: str) -> str:
    """Return a text with the values of tensors in place of the tensors: `Normal(loc=0, scale=1)`, `[0.485, 0.456]`."""
    return _TENSOR.sub(_plain, text)


def _plain(match: re.Match[str]) -> str:
    listed = _Values.of(_split(match)).listed
    if not listed:
        return match[0]
    text = ", ".join(listed)
    return text if match[1].endswith("[]") else f"[{text}]"


def _values(text: str) -> list[list[str]]:
    """Return the values of each tensor of a text."""
    return [_split(match) for match in _TENSOR.finditer(text)]


def _split(match: re.Match[str]) -> list[str]:
    return match[2].split(", ")[1:]


def _are_close(before: list[str], after: list[str]) -> bool:
    was, is_now = _Values.of(before), _Values.of(after)
    return (
        len(was.listed) == len(is_now.listed)
        and all(map(_is_close, was.listed, is_now.listed))
        and all(_is_close(*pair, _RELATIVE_OF_CHECKSUM) for pair in zip(was.checksum, is_now.checksum, strict=False))
        and all(one == other for one, other in zip(was.digest, is_now.digest, strict=False))
    )


class _Values(NamedTuple):
    """The texts of a tensor, by their kind: at most one checksum and one digest."""

    listed: list[str]
    checksum: list[str]
    digest: list[str]

    @classmethod
    def of(cls, texts: list[str]) -> _Values:
        checksum = [text.removeprefix(CHECKSUM) for text in texts if text.startswith(CHECKSUM)]
        digest = [text for text in texts if text.startswith(_DIGEST)]
        return cls([text for text in texts if not text.startswith((CHECKSUM, _DIGEST))], checksum, digest)


def _is_close(before: str, after: str, relative: float = _RELATIVE) -> bool:
    if before == after:
        return True
    try:
        was, is_now = complex(before), complex(after)
    except ValueError:
        return False
    return abs(was - is_now) <= max(relative * max(abs(was), abs(is_now)), _ABSOLUTE)
