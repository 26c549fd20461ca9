r"""Draw an architecture figure as LaTeX's own `picture`, with the coordinates of the SVG.

`bmvis.sty` sets the unit, so that the figure fits the page. A figure that would be too small to read is a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import msgspec

from bmvis.render.connections import called_with, connection_lines
from bmvis.view.figure.layout.drawing import DrawnFigure, FigureDrawing, Line, PlacedBox, PlacedFrame, Rectangle, Text

TALLEST = 1300
"""Height of a drawing, in pixels, from which its text would be too small on one page."""
WIDEST = 1000
_PLACES = {"start": "l", "middle": "", "end": "r"}

Escape = Callable[[str], str]


def to_picture(drawn: DrawnFigure, text: Escape) -> list[str]:
    """Return the lines of the figure, without an environment.

    Args:
        drawn: what to draw.
        text: escapes text for LaTeX.
    """
    figure, drawing = drawn.figure, drawn.drawing
    note = called_with(figure)
    notes = [rf"\bmvisnote{{{text(note)}}}"] if note else []
    if drawing is None or drawing.height > TALLEST or drawing.width > WIDEST:
        return [*(rf"\bmvisrow{{}}{{{text(line)}}}" for line in connection_lines(figure)), *notes]
    head = rf"\begin{{bmvisfigure}}{{{_number(drawing.width)}}}{{{_number(drawing.height)}}}"
    changes = [
        rf"\bmvisrow{{}}{{{text(line)}}}"
        for line in connection_lines(figure)
        if line.startswith(("added: ", "removed: "))
    ]
    removed = {(edge.source, edge.target) for edge in figure.edges if edge.change == "removed"}
    lines = tuple(line for line in drawing.lines if (line.source, line.target) not in removed)
    shown = msgspec.structs.replace(drawing, lines=lines)
    return [head, *_commands(shown, text), r"\end{bmvisfigure}", *changes, *notes]


def _commands(drawing: FigureDrawing, text: Escape) -> Iterator[str]:
    height = drawing.height
    for frame in drawing.frames:
        yield from _frame(frame, height, text)
    for line in drawing.lines:
        yield from _line(line, height)
    for shape in drawing.shapes:
        yield _text(shape, height, text)
    for box in drawing.boxes:
        yield from _box(box, height, text)


def _frame(placed: PlacedFrame, height: float, text: Escape) -> Iterator[str]:
    yield _outline(r"\bmvisframe", placed.area, height)
    for one in placed.texts:
        yield _text(one, height, text)


def _box(placed: PlacedBox, height: float, text: Escape) -> Iterator[str]:
    if placed.box.kind in ("module", "join"):
        yield _outline(rf"\bmvis{placed.box.kind}", placed.area, height)
    for one in placed.texts:
        yield _text(one, height, text)


def _outline(command: str, area: Rectangle, height: float) -> str:
    x, y = (area.left + area.right) / 2, height - (area.top + area.bottom) / 2
    return rf"\put({_number(x)},{_number(y)}){{{command}{{{_number(area.width)}}}{{{_number(area.height)}}}}}"


def _text(text: Text, height: float, escape: Escape) -> str:
    place = _PLACES[text.anchor]
    box = rf"\makebox(0,0)[{place}b]{{\bmvistext{{{text.role}}}{{{escape(text.text)}}}}}"
    return rf"\put({_number(text.x)},{_number(height - text.y)}){{{box}}}"


def _line(line: Line, height: float) -> Iterator[str]:
    pairs = list(pairwise(line.points))
    for number, (start, end) in enumerate(pairs, 1):
        command = "vector" if number == len(pairs) else "line"
        yield _straight(start, end, command, height)


def _straight(start: Sequence[float], end: Sequence[float], command: str, height: float) -> str:
    dx, dy = end[0] - start[0], start[1] - end[1]
    direction = f"({_sign(dx)},0)" if abs(dx) >= abs(dy) else f"(0,{_sign(dy)})"
    length = _number(max(abs(dx), abs(dy)))
    return rf"\put({_number(start[0])},{_number(height - start[1])}){{\{command}{direction}{{{length}}}}}"


def _sign(value: float) -> int:
    return 1 if value > 0 else -1


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
