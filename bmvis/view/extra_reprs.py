"""Merge the `extra_repr()` of several modules into one text, with ranges for values that differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
MAX_VALUES = 3
"""Maximum number of different values that are listed. The number of the others follows."""


def merge_extra_reprs(texts: Sequence[str]) -> str:
    """Return one text for the `extra_repr()` of several modules.

    Arguments correspond by their names, or else by their positions. Numbers that differ become a range, other values a
    list. PyTorch omits some arguments that have their default value, so `or default` follows an argument that is in
    only some of the texts.

    Examples:
        >>> merge_extra_reprs(["16, 16, dilation=(1,)", "16, 16, dilation=(32,)"])
        '16, 16, dilation=(1-32,)'
        >>> merge_extra_reprs(["p=0.1, inplace=True", "p=0.1"])
        'p=0.1, inplace=True or default'
    """
    distinct = list(dict.fromkeys(texts))
    if len(distinct) == 1:
        return distinct[0]
    written = [dict(_arguments(text)) for text in distinct]
    keys = dict.fromkeys(key for arguments in written for key in arguments)
    values = {key: [arguments[key] for arguments in written if key in arguments] for key in keys}
    return ", ".join(_merged(key, of_key, len(written)) for key, of_key in values.items())


def _arguments(text: str) -> Iterator[tuple[str | int, str]]:
    """Yield the arguments of a text with their keys: the name in `kernel_size=(3, 3)`, the position of `16`."""
    for position, argument in enumerate(_split(text)):
        name, equals, _ = argument.partition("=")
        yield name if equals and name.isidentifier() else position, argument


def _split(text: str) -> Iterator[str]:
    """Yield the parts between commas outside of brackets."""
    depth, part = 0, ""
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0:
            yield part.strip()
            part = ""
        else:
            part += character
    if part.strip():
        yield part.strip()


def _merged(key: str | int, values: Sequence[str], modules: int) -> str:
    distinct = list(dict.fromkeys(values))
    merged = distinct[0] if len(distinct) == 1 else _range(distinct) or _list(key, distinct)
    return merged if len(values) == modules else f"{merged} or default"


def _range(texts: Sequence[str]) -> str:
    """Return texts that differ only in numbers as one text with ranges; '' if they differ in more."""
    if len({_NUMBER.sub("#", text) for text in texts}) > 1:
        return ""
    columns = iter(list(zip(*(_NUMBER.findall(text) for text in texts), strict=True)))
    return _NUMBER.sub(lambda _: _span(next(columns)), texts[0])


def _span(numbers: Sequence[str]) -> str:
    low, high = min(numbers, key=float), max(numbers, key=float)
    return low if float(low) == float(high) else f"{low}-{high}"


def _list(key: str | int, texts: Sequence[str]) -> str:
    """Return `bias=True/False`."""
    head = f"{key}=" if isinstance(key, str) else ""
    values = [text.removeprefix(head) for text in texts]
    more = len(values) - MAX_VALUES
    return head + "/".join([*values[:MAX_VALUES], *([f"… {more} more"] if more > 0 else [])])
