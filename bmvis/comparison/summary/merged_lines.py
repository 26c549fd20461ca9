"""Lines of a report that become one, and its text: `Linear, 12-48 parameters each`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from bmvis.comparison.lines import DriftLine

NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?![\w.])")
SIZED = {"shape", "added", "removed"}
"""Topics whose texts can differ in numbers: a change of blocks of several widths is one change."""
_COUNTED = re.compile(r"(parameters?)(\)?)$")


class Merged(NamedTuple):
    """Lines that become one."""

    order: int
    """The position of the first one."""
    path: str
    lines: tuple[DriftLine, ...]


def each_of(text: str) -> str:
    """Return a text that begins with a class, for several modules of that class."""
    return _COUNTED.sub(r"\1 each\2", text)


def ranged(texts: Sequence[str]) -> str:
    """Return texts that differ in numbers as one, with ranges: `Linear, 12-48 parameters`."""
    if len(set(texts)) == 1:
        return texts[0]
    columns = zip(*(NUMBER.findall(text) for text in texts), strict=True)
    ranges = iter([number_range(column) for column in columns])
    return NUMBER.sub(lambda _: next(ranges), texts[0])


def number_range(numbers: Sequence[str]) -> str:
    """Return the range of some numbers, such as `12-48`; with thousands separators if one of them has one."""
    found = sorted({int(number.replace(",", "")) for number in numbers})
    style = "," if any("," in number for number in numbers) else ""
    least, most = (f"{number:{style}}" for number in (found[0], found[-1]))
    return least if least == most else f"{least}-{most}"
