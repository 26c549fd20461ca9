"""Draw a figure: all coordinates, checked."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from bmvis.view.figure.figure import Edge, Figure
from bmvis.view.figure.layout.boxes import box_texts
from bmvis.view.figure.layout.cells import GridCell, Point, exit_key
from bmvis.view.figure.layout.drawing import DrawnFigure, FigureDrawing, Line, PlacedBox, PlacedFrame, Rectangle, Text
from bmvis.view.figure.layout.geometry_check import faults, shapes_in_the_way
from bmvis.view.figure.layout.grid import Grid
from bmvis.view.figure.layout.nesting import nested_grid

EDGE = 8
"""The margin of the drawing."""


def draw(figure: Figure) -> FigureDrawing | None:
    """Return the drawing of a figure; None if it would be wrong or misleading, such as a line through a box."""
    for is_straightened in (True, False):
        drawing = draw_unchecked(figure, is_straightened=is_straightened)
        drawing = msgspec.structs.replace(drawing, shapes=_without(drawing.shapes, shapes_in_the_way(drawing)))
        if not faults(drawing):
            return drawing
    return None


def draw_deepest(figures: Iterable[Figure]) -> DrawnFigure | None:
    """Return the first figure that can be drawn, else the first one without a drawing; None if there are no figures."""
    first: Figure | None = None
    for figure in figures:
        first = first or figure
        drawing = draw(figure)
        if drawing is not None:
            return DrawnFigure(figure, drawing)
    return DrawnFigure(first, None) if first else None


def draw_unchecked(figure: Figure, *, is_straightened: bool = True) -> FigureDrawing:
    """Return the drawing of a figure, with all its faults; `is_straightened` is that of `nested_grid`."""
    grid = nested_grid(figure, is_straightened=is_straightened)
    places = list(_places(grid, None, "", grid.left, float(EDGE)))
    boxes: dict[str, PlacedBox] = {}
    frames: list[PlacedFrame] = []
    shapes: list[Text] = []
    place_of_box: dict[str, GridPlace] = {}
    for place in places:
        inner, x, y = place.grid, place.x, place.y
        if inner.frame:
            area = _rounded(x - inner.left, y, x + inner.right, y + inner.height)
            frames.append(PlacedFrame(inner.frame, area, tuple(_moved(inner.texts, x, y))))
        shapes += _moved(inner.shapes, x, y)
        for cell in inner.cells:
            if cell.box:
                boxes[cell.key] = _placed(cell, x, y)
                place_of_box[cell.key] = place
    below = {id(place.grid): place for place in places}
    lines = tuple(Line(edge.source, edge.target, _points(edge, place_of_box, below)) for edge in figure.edges)
    width, height = grid.left + grid.right, grid.height + 2 * EDGE
    ordered = tuple(boxes[box.key] for box in figure.boxes)
    return FigureDrawing(math.ceil(width), math.ceil(height), ordered, tuple(frames), lines, tuple(shapes))


class GridPlace(NamedTuple):
    """A grid, and where its origin is."""

    grid: Grid
    outer: GridPlace | None
    key: str
    """Its key as a cell of the outer grid."""
    x: float
    y: float


def _places(grid: Grid, outer: GridPlace | None, key: str, x: float, y: float) -> Iterator[GridPlace]:
    place = GridPlace(grid, outer, key, x, y)
    yield place
    for cell in grid.cells:
        if cell.grid:
            yield from _places(cell.grid, place, cell.key, x + cell.x, y + cell.y)


def _points(edge: Edge, place_of_box: Mapping[str, GridPlace], places: Mapping[int, GridPlace]) -> tuple[Point, ...]:
    """Return the line of an edge, joined from its parts in all grids, from the target back to the source."""
    place, key = place_of_box[edge.target], edge.target
    points: list[Point] = []
    while True:
        piece = place.grid.pieces[edge.source, key]
        points += [(_whole(place.x + x), _whole(place.y + y)) for x, y in reversed(piece.points)]
        if piece.source.grid:
            place, key = places[id(piece.source.grid)], exit_key(edge.source)
        elif piece.source.kind == "entry" and place.outer:
            place, key = place.outer, place.key
        else:
            return tuple(_without_stops(points[::-1]))


def _without_stops(points: Sequence[Point]) -> Iterator[Point]:
    """Yield the ends of a line and its corners."""
    for number, (x, y) in enumerate(points):
        if 0 < number < len(points) - 1:
            (x0, y0), (x1, y1) = points[number - 1], points[number + 1]
            if (abs(x0 - x1) < 0.5 and abs(x0 - x) < 0.5) or (abs(y0 - y1) < 0.5 and abs(y0 - y) < 0.5):
                continue
        yield x, y


def _rounded(left: float, top: float, right: float, bottom: float) -> Rectangle:
    return Rectangle(_whole(left), _whole(top), _whole(right), _whole(bottom))


def _whole(value: float) -> float:
    """Return a coordinate in whole pixels: lines are sharp, and the SVG is smaller."""
    return float(math.floor(value + 0.5))


def _moved(texts: Iterable[Text], x: float, y: float) -> Iterator[Text]:
    for text in texts:
        yield msgspec.structs.replace(text, x=_whole(x + text.x), y=_whole(y + text.y))


def _placed(cell: GridCell, x: float, y: float) -> PlacedBox:
    assert cell.box is not None
    middle = _whole(x + cell.x)
    area = _rounded(middle - cell.left, y + cell.y, middle + cell.right, y + cell.y + cell.height)
    lines = box_texts(cell.box)
    center = (area.top + area.bottom) / 2
    bases = [center + (5 if lines[0][1] == "symbol" else 4)] if len(lines) == 1 else [center - 3, center + 11]
    texts = [Text(text, role, middle, _whole(base)) for (text, role), base in zip(lines, bases, strict=True)]
    return PlacedBox(cell.box, area, tuple(texts))


def _without(texts: Iterable[Text], unwanted: Container[Text]) -> tuple[Text, ...]:
    return tuple(text for text in texts if text not in unwanted)
