"""Write numbers for people: `109.5M` parameters, `438.1 MB`."""

from __future__ import annotations

from collections.abc import Sequence


def count(number: int) -> str:
    """Write a number of elements: exact below 10,000, else with K, M, B or T and four digits at most."""
    return f"{number:,}" if number < 10_000 else _scaled(number, ("K", "M", "B", "T"), "")


def size(number: int) -> str:
    """Write a number of bytes in decimal units, as disks and checkpoints are sold: `438.1 MB`."""
    return f"{number:,} bytes" if number < 1000 else _scaled(number, ("KB", "MB", "GB", "TB", "PB"), " ")


def shape(sides: Sequence[int]) -> str:
    """Write a shape: `[768, 768]`; `?` for a side that varies."""
    return f"[{', '.join(['?' if side < 0 else str(side) for side in sides])}]"


def percent(part: int, whole: int) -> str:
    """Write a share: `21.4 %`; a share too small to show is `<0.1 %`, never 0; one just short of all never 100."""
    if not whole or not part:
        return "0 %"
    share = 100 * part / whole
    if share < 0.1:
        return "<0.1 %"
    if part < whole and share >= 99.95:
        return ">99.9 %"
    return f"{share:.1f}".removesuffix(".0") + " %"


def _scaled(number: int, units: tuple[str, ...], gap: str) -> str:
    value, unit = number / 1000, 0
    while value >= 999.95 and unit < len(units) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f}".removesuffix(".0") + gap + units[unit]
