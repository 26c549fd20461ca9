"""Format numbers for people: `109.5M` parameters, `438.1 MB`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


def count(number: int) -> str:
    """Format a number of elements: exact below 10,000, otherwise with K, M, B or T and at most four digits."""
    return f"{number:,}" if number < 10_000 else _scaled(number, ("K", "M", "B", "T"), "")


def size(number: int) -> str:
    """Format a number of bytes with decimal units (1 MB = 1,000,000 bytes): `438.1 MB`."""
    return f"{number:,} bytes" if number < 1000 else _scaled(number, ("KB", "MB", "GB", "TB", "PB"), " ")


def words(number: int) -> str:
    """Format a number for a sentence: exact below 10,000, otherwise `109.5 million`."""
    return f"{number:,}" if number < 10_000 else _scaled(number, ("thousand", "million", "billion", "trillion"), " ")


def rounded(number: int) -> int:
    """Round a number to two significant digits: 109,482,240 becomes 110,000,000."""
    scale: int = 10 ** max(0, len(str(number)) - 2)
    return (number + scale // 2) // scale * scale


def shape(sides: Sequence[int]) -> str:
    """Format a shape: `[768, 768]`. A negative size, for a dimension that varies, becomes `?`."""
    return f"[{', '.join(['?' if side < 0 else str(side) for side in sides])}]"


def percent(part: int, whole: int) -> str:
    """Format a percentage: `21.4 %`.

    Rounding never yields 0 or 100: a small share becomes `<0.1 %`, and an incomplete one at most `>99.9 %`.
    """
    if not whole or not part:
        return "0 %"
    share = 100 * part / whole
    if share < 0.1:
        return "<0.1 %"
    if part < whole and share >= 99.95:
        return ">99.9 %"
    return f"{share:.1f}".removesuffix(".0") + " %"


class Unit(NamedTuple):
    """The unit of a column of numbers."""

    name: str = ""
    """`M`, `MB` or `bytes`; '' if each number has its own unit."""
    digits: int = 0
    """Digits after the point."""


def common_unit(numbers: Sequence[int], is_size: bool) -> Unit:
    """Return one unit for a column of numbers, in which the smallest one keeps two digits, and half are at least 1.

    If exact numbers are short enough, or if no single unit fits, the unit has no name.
    """
    found = sorted(number for number in numbers if number)
    if not found or found[-1] < (1000 if is_size else 10_000):
        return Unit("bytes" if is_size else "")
    for name in ("TB", "GB", "MB", "KB") if is_size else ("T", "B", "M", "K"):
        scale = 1000 ** _POWERS[name[0]]
        if found[0] >= scale / 10 and found[(len(found) - 1) // 2] >= scale and found[-1] < scale * 1_000_000:
            return Unit(name, 1 if found[0] >= scale * 10 else 2)
    return Unit()


def in_unit(number: int, unit: Unit) -> str:
    """Format a number in a unit that is written elsewhere: `109.5` for `M`. Zero has no digits after the point."""
    return f"{number / 1000 ** _POWERS[unit.name[0]]:,.{unit.digits}f}" if number else "0"


_POWERS = {"b": 0, "K": 1, "M": 2, "B": 3, "G": 3, "T": 4}


def _scaled(number: int, units: tuple[str, ...], gap: str) -> str:
    value, unit = number / 1000, 0
    while value >= 999.95 and unit < len(units) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f}".removesuffix(".0") + gap + units[unit]
