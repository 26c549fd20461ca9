"""Find short bends of lines at the edges of frames, which disappear if the line is farther from the trunk inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bmvis.view.figure.layout.cells import GridCell, Point
from bmvis.view.figure.layout.grid import Grid

SHORT = 45
"""The length in pixels of bends that are worth a wider frame."""


class Pin(NamedTuple):
    """Where a value enters or leaves a frame."""

    frame: str
    """The key of the frame as a cell."""
    net: str
    is_entry: bool


Pins = Mapping[Pin, float]
"""The distance of pins from the trunks of their frames."""


def outward_pins(grid: Grid) -> dict[Pin, float]:
    """Return the pins of frames in a grid that make a line straight if they are farther out."""
    found: dict[Pin, float] = {}
    cells = {cell.key: cell for cell in grid.cells}
    for (net, key), piece in grid.pieces.items():
        xs = _vertical_lines(piece.points)
        if len(xs) > 1:
            for pin, distance in (
                *_outward(cells[key], net, True, xs[-1], xs[-2]),
                *_outward(piece.source, net, False, xs[0], xs[1]),
            ):
                found[pin] = max(distance, found.get(pin, 0))
    for cell in grid.cells:
        if cell.grid:
            found |= outward_pins(cell.grid)
    return found


def _vertical_lines(points: Sequence[Point]) -> list[float]:
    xs = [points[0][0]]
    for x, _ in points[1:]:
        if abs(x - xs[-1]) >= 0.5:
            xs.append(x)
    return xs


def _outward(cell: GridCell, net: str, is_entry: bool, pin: float, line: float) -> Iterator[tuple[Pin, float]]:
    """Yield the pin of a frame, and its new distance, if the line next to it is a bit farther from the trunk."""
    inner, outer = pin - cell.x, line - cell.x
    is_outward = inner * outer > 0 and abs(inner) < abs(outer) < abs(inner) + SHORT
    if cell.grid and is_outward:
        yield Pin(cell.key, net, is_entry), abs(outer)
