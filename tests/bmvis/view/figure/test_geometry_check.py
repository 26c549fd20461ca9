"""The check of drawings finds what would mislead a reader."""

from __future__ import annotations

import msgspec
import pytest

from bmvis.view.figure.figure import Box, Frame
from bmvis.view.figure.layout.drawing import FigureDrawing, Line, PlacedBox, PlacedFrame, Rectangle, Text
from bmvis.view.figure.layout.geometry_check import faults, shapes_in_the_way

A = PlacedBox(Box("a", "module", "a"), Rectangle(100, 20, 200, 60), (Text("a", "name", 150, 45),))
B = PlacedBox(Box("b", "module", "b"), Rectangle(100, 120, 200, 160), (Text("b", "name", 150, 145),))
C = PlacedBox(Box("c", "module", "c"), Rectangle(300, 20, 400, 60), (Text("c", "name", 350, 45),))
D = PlacedBox(Box("d", "module", "d"), Rectangle(300, 120, 400, 160), (Text("d", "name", 350, 145),))
BRIDGES = (
    Line("c", "b", ((330, 60), (330, 108), (170, 108), (170, 120))),
    Line("a", "d", ((180, 60), (180, 110), (360, 110), (360, 120))),
)
FRAME = PlacedFrame(
    Frame("f", "f", "F", boxes=("b",)), Rectangle(60, 80, 220, 180), (Text("F", "title", 70, 94, "start"),)
)
STRAIGHT = Line("a", "b", ((150, 60), (150, 120)))
RIGHT = FigureDrawing(450, 200, (A, B, C), (FRAME,), (STRAIGHT,), ())


def with_line(*points: tuple[float, float], source: str = "c", target: str = "b") -> FigureDrawing:
    return msgspec.structs.replace(RIGHT, lines=(STRAIGHT, Line(source, target, points)))


def moved(placed: PlacedBox, x: float, y: float) -> PlacedBox:
    area = placed.area
    moved_area = Rectangle(area.left + x, area.top + y, area.right + x, area.bottom + y)
    texts = [msgspec.structs.replace(text, x=text.x + x, y=text.y + y) for text in placed.texts]
    return PlacedBox(placed.box, moved_area, tuple(texts))


def test_a_right_drawing_has_no_faults() -> None:
    assert faults(RIGHT) == []
    assert faults(with_line((350, 60), (350, 140), (200, 140))) == []


@pytest.mark.parametrize(
    ("drawing", "fault"),
    [
        (with_line((350, 60), (200, 140)), "c > b is slanted"),
        (with_line((350, 60), (350, 110), (155, 110), (155, 120)), None),
        (with_line((350, 60), (350, 110), (152, 110), (152, 120)), "share a line"),
        (with_line((350, 60), (350, 110), (148, 110), (148, 120)), "share a line"),
        (with_line((350, 60), (350, 110), (146, 110), (146, 120)), None),
        (with_line((170, 60), (170, 110), (152, 110), (152, 120), source="a"), None),
        (msgspec.structs.replace(RIGHT, boxes=(A, B, C, D), lines=(STRAIGHT, *BRIDGES)), "share a line"),
        (with_line((350, 60), (350, 30), (150, 30), (150, 120)), "c > b crosses a"),
        (with_line((350, 60), (350, 90), (72, 90), (72, 140), (100, 140)), "crosses the text F"),
        (with_line((350, 60), (350, 140), (205, 140)), "does not touch b"),
        (with_line((355, 70), (355, 140), (200, 140)), "does not touch c"),
        (with_line((350, 60), (350, 65), (250, 65), (250, 40), (50, 40), (50, 140), (100, 140)), "crosses a"),
        (msgspec.structs.replace(RIGHT, boxes=(A, B, moved(C, -150, 10))), "a overlaps c"),
        (msgspec.structs.replace(RIGHT, boxes=(A, B, moved(C, -90, 90))), "c overlaps f"),
        (msgspec.structs.replace(RIGHT, boxes=(A, moved(B, 30, 0), C)), "b is outside of f"),
        (msgspec.structs.replace(RIGHT, width=390), "outside of the drawing"),
        (msgspec.structs.replace(RIGHT, boxes=(A, B, msgspec.structs.replace(C, texts=A.texts))), "outside of its box"),
        (
            msgspec.structs.replace(
                RIGHT, boxes=(A, B, msgspec.structs.replace(C, texts=(Text("M" * 10, "name", 350, 45),)))
            ),
            "outside of its box",
        ),
    ],
    ids=[
        "slanted", "separate", "shared", "shared on the left", "separate on the left", "one source", "shared across",
        "through a box", "through a title", "short", "no source", "around, through",
        "boxes", "foreign frame", "own frame", "too wide", "text elsewhere", "text too long",
    ],
)  # fmt: skip
def test_faults(drawing: FigureDrawing, fault: str | None) -> None:
    found = faults(drawing)
    assert any(fault in text for text in found) if fault else found == []


@pytest.mark.parametrize(
    ("x", "y", "is_dropped"),
    [(160, 75, False), (145, 75, True), (210, 75, False), (190, 62, True), (430, 75, True), (215, 100, True)],
    ids=["next to a line", "on a line", "elsewhere", "on a box", "outside", "on a border"],
)
def test_shapes_that_overlap_anything_are_dropped(x: float, y: float, is_dropped: bool) -> None:
    shape = Text("1×8", "shape", x, y, "start")
    drawing = msgspec.structs.replace(RIGHT, shapes=(shape,))
    assert (shape in shapes_in_the_way(drawing)) == is_dropped
