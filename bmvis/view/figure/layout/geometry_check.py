"""Check that a drawing shows nothing wrong. The check uses only coordinates, not how they were found."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, islice, pairwise
from typing import NamedTuple

from bmvis.view.figure.layout.drawing import FigureDrawing, Line, PlacedBox, PlacedFrame, Rectangle, Text
from bmvis.view.figure.layout.text_size import FONTS, text_width

NEAR = 4
"""Parallel lines nearer than this look like one line."""
TOLERANCE = 0.6


class Segment(NamedTuple):
    """A straight part of a line."""

    line: Line
    area: Rectangle


def faults(drawing: FigureDrawing) -> list[str]:
    """Return what is wrong with a drawing."""
    segments = [segment for line in drawing.lines for segment in _segments(line)]
    return [
        *_slanted(drawing.lines),
        *_overlapping_boxes(drawing),
        *_wrong_frames(drawing),
        *_wrong_ends(drawing),
        *_through_boxes(drawing, segments),
        *_through_texts(drawing, segments),
        *_texts_outside(drawing),
        *_shared_lines(segments),
    ]


def shapes_in_the_way(drawing: FigureDrawing) -> set[Text]:
    """Return the shapes that a line, a box or another text overlaps. A drawing is right without them."""
    taken = [segment.area for line in drawing.lines for segment in _segments(line)]
    taken += [box.area for box in drawing.boxes]
    taken += [text_area(text) for frame in drawing.frames for text in frame.texts]
    found: set[Text] = set()
    for text in drawing.shapes:
        area = text_area(text)
        inside = Rectangle(0, 0, drawing.width, drawing.height).contains(area)
        crossed = any(_border_crosses(frame, area) for frame in drawing.frames)
        if crossed or not inside or any(area.overlaps(other) for other in taken):
            found.add(text)
        else:
            taken.append(area)
    return found


def text_area(text: Text) -> Rectangle:
    """Return the area of a text, at most."""
    width, size = text_width(text.text, text.role), FONTS[text.role].size
    left = {"start": text.x, "middle": text.x - width / 2, "end": text.x - width}[text.anchor]
    return Rectangle(left, text.y - size * 0.95, left + width, text.y + size * 0.25)


def _segments(line: Line) -> Iterator[Segment]:
    for (x0, y0), (x1, y1) in pairwise(line.points):
        yield Segment(line, Rectangle(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))


def _slanted(lines: Sequence[Line]) -> Iterator[str]:
    for line in lines:
        for (x0, y0), (x1, y1) in pairwise(line.points):
            if abs(x0 - x1) > TOLERANCE and abs(y0 - y1) > TOLERANCE:
                yield f"the line {line.source} > {line.target} is slanted at {x0}, {y0}"


def _overlapping_boxes(drawing: FigureDrawing) -> Iterator[str]:
    for one, other in combinations(drawing.boxes, 2):
        if one.area.overlaps(other.area, 4):
            yield f"{one.box.key} overlaps {other.box.key}"


def _wrong_frames(drawing: FigureDrawing) -> Iterator[str]:
    """Yield boxes that are inside a frame that is not theirs, or not inside their own, and frames that overlap."""
    for placed in drawing.frames:
        inside = set(_keys(placed))
        for box in drawing.boxes:
            if box.box.key in inside and not placed.area.contains(box.area):
                yield f"{box.box.key} is outside of {placed.frame.label}"
            if box.box.key not in inside and placed.area.overlaps(box.area):
                yield f"{box.box.key} overlaps {placed.frame.label}"
    for one, other in combinations(drawing.frames, 2):
        first, second = set(_keys(one)), set(_keys(other))
        if not first & second and one.area.overlaps(other.area, 2):
            yield f"{one.frame.label} overlaps {other.frame.label}"
        if second < first and not one.area.contains(other.area):
            yield f"{other.frame.label} is outside of {one.frame.label}"


def _keys(placed: PlacedFrame) -> Iterator[str]:
    todo = [placed.frame]
    while todo:
        frame = todo.pop()
        yield from frame.boxes
        todo += frame.frames


def _wrong_ends(drawing: FigureDrawing) -> Iterator[str]:
    """Yield lines that do not lead from the edge of their source to the edge of their target."""
    areas = {box.box.key: box.area for box in drawing.boxes}
    for line in drawing.lines:
        for key, (x, y) in ((line.source, line.points[0]), (line.target, line.points[-1])):
            area = areas[key]
            on_x = min(abs(x - area.left), abs(x - area.right)) <= TOLERANCE and area.top < y < area.bottom
            on_y = min(abs(y - area.top), abs(y - area.bottom)) <= TOLERANCE and area.left < x < area.right
            if not on_x and not on_y:
                yield f"the line {line.source} > {line.target} does not touch {key}"


def _through_boxes(drawing: FigureDrawing, segments: Sequence[Segment]) -> Iterator[str]:
    boxes = sorted(drawing.boxes, key=lambda box: box.area.top)
    tops = [box.area.top for box in boxes]
    highest = max((box.area.height for box in boxes), default=0.0)
    for line, area in segments:
        near = slice(bisect_left(tops, area.top - highest - 2), bisect_right(tops, area.bottom + 2))
        for box in boxes[near]:
            own = box.box.key in (line.source, line.target)
            if area.overlaps(box.area, -TOLERANCE if own else 2):
                yield f"the line {line.source} > {line.target} crosses {box.box.key}"


def _through_texts(drawing: FigureDrawing, segments: Sequence[Segment]) -> Iterator[str]:
    texts = [text for frame in drawing.frames for text in frame.texts] + list(drawing.shapes)
    areas = [(text, text_area(text)) for text in texts]
    for text, area in areas:
        for line, segment in segments:
            if segment.overlaps(area):
                yield f"the line {line.source} > {line.target} crosses the text {text.text}"
    for (one, area), (other, other_area) in combinations(areas, 2):
        if area.overlaps(other_area):
            yield f"the text {one.text} overlaps {other.text}"


def _texts_outside(drawing: FigureDrawing) -> Iterator[str]:
    page = Rectangle(0, 0, drawing.width, drawing.height)
    everything: list[PlacedBox | PlacedFrame] = [*drawing.boxes, *drawing.frames]
    for placed in everything:
        for text in placed.texts:
            is_free = text.role == "end"
            if not (page if is_free else placed.area).contains(text_area(text)):
                yield f"the text {text.text} is outside of its box"
        if not page.contains(placed.area):
            yield f"a box is outside of the drawing: {placed}"


def _border_crosses(frame: PlacedFrame, area: Rectangle) -> bool:
    return frame.area.overlaps(area) and not frame.area.contains(area)


def _shared_lines(segments: Sequence[Segment]) -> Iterator[str]:
    """Yield parallel lines of different sources that lie on each other."""
    for is_vertical in (True, False):
        parallel = {
            (one.line.source, one.area): one for one in segments if (one.area.width < one.area.height) == is_vertical
        }
        places: defaultdict[float, list[tuple[float, float, Line]]] = defaultdict(list)
        for line, area in parallel.values():
            if is_vertical:
                places[area.left].append((area.top, area.bottom, line))
            else:
                places[area.top].append((area.left, area.right, line))
        ordered = sorted(places)
        for number, place in enumerate(ordered):
            for other in ordered[number : bisect_left(ordered, place + NEAR)]:
                for first, second in _opposite(places[place], places[other]):
                    yield f"{first.source} > {first.target} and {second.source} > {second.target} share a line"


def _opposite(
    these: Sequence[tuple[float, float, Line]], those: Sequence[tuple[float, float, Line]]
) -> Iterator[tuple[Line, Line]]:
    """Yield the lines of different sources that are next to each other on some length, each pair once."""
    is_one_place = these is those
    marked = [(*one, 0) for one in these] + [(*one, 1) for one in (() if is_one_place else those)]
    ordered = sorted(marked, key=_start)
    for number, (_, end, line, place) in enumerate(ordered):
        for start, other_end, other, other_place in islice(ordered, number + 1, None):
            if end - start <= TOLERANCE:
                break
            is_apart = place == other_place and not is_one_place
            if not is_apart and line.source != other.source and min(end, other_end) - start > TOLERANCE:
                yield line, other


def _start(one: tuple[float, float, Line, int]) -> float:
    return one[0]
