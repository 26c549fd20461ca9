"""A figure with coordinates, in pixels. The origin is the top left corner."""

from __future__ import annotations

from typing import Literal

import msgspec

from bmvis.view.figure.figure import Box, Figure, Frame
from bmvis.view.figure.layout.text_size import Role

STACK = 5
"""Distance in pixels between a frame that is repeated and the second frame that is drawn behind it."""


class Text(msgspec.Struct, frozen=True):
    """A line of text."""

    text: str
    role: Role
    x: float
    y: float
    """The baseline."""
    anchor: Literal["start", "middle", "end"] = "middle"


class Rectangle(msgspec.Struct, frozen=True):
    """An area."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Return the width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Return the height."""
        return self.bottom - self.top

    def overlaps(self, other: Rectangle, margin: float = 0) -> bool:
        """Return whether two areas overlap, or are nearer than a margin."""
        return (
            self.left < other.right + margin
            and other.left < self.right + margin
            and self.top < other.bottom + margin
            and other.top < self.bottom + margin
        )

    def contains(self, other: Rectangle) -> bool:
        """Return whether another area is inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


class PlacedBox(msgspec.Struct, frozen=True):
    """A box, with its texts."""

    box: Box
    area: Rectangle
    texts: tuple[Text, ...]


class PlacedFrame(msgspec.Struct, frozen=True):
    """A frame, with its title and the number of repeats."""

    frame: Frame
    area: Rectangle
    texts: tuple[Text, ...]


class Line(msgspec.Struct, frozen=True):
    """The line of one edge. All lines of one source may share their beginnings."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]


class FigureDrawing(msgspec.Struct, frozen=True):
    """All that is drawn. Frames are before the frames in them."""

    width: float
    height: float
    boxes: tuple[PlacedBox, ...]
    frames: tuple[PlacedFrame, ...]
    lines: tuple[Line, ...]
    shapes: tuple[Text, ...]
    """Shapes of values, next to the lines."""


class DrawnFigure(msgspec.Struct, frozen=True):
    """A figure, with its drawing if it can be drawn."""

    figure: Figure
    drawing: FigureDrawing | None
