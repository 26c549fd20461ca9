"""The parts of a grid: cells, and the links between them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from bmvis.view.figure.figure import Box, Shape

if TYPE_CHECKING:
    from bmvis.view.figure.layout.grid import Grid

_NUMBER = re.compile(r"\d+")
Point = tuple[float, float]
CellKind = Literal["box", "join", "end", "frame", "entry", "exit"]


@dataclass(eq=False, slots=True)
class GridCell:
    """A box, an opened frame, or a point on the edge of the frame around the grid, where a value enters or leaves.

    Coordinates are relative to the grid, whose trunk is at x = 0.
    """

    key: str
    kind: CellKind
    order: int
    """The position in the figure, which is the order of the calls."""
    left: float = 0
    """The distance from the axis to the left edge."""
    right: float = 0
    height: float = 0
    box: Box | None = None
    grid: Grid | None = None
    """The inside of a frame."""
    net: str = ""
    """The key of the box whose value passes an entry or an exit."""
    exit_side: Literal[-1, 1] = 1
    """For an exit, the side of the trunk where it is if it is not below the trunk."""
    weight: float = 1
    """How much it counts in the length of a chain."""
    is_fed: bool = True
    """Whether it depends on an input of the model. A trunk follows the inputs."""
    label_width: float = 0
    """The width of the shape right of the line that enters it at its axis; 0 if there is none."""
    row: int = 0
    span: int = 1
    """The number of rows that it takes: a tall frame next to several boxes takes more than one."""
    x: float = 0
    y: float = 0
    outward: float = 0
    """For an entry or exit, the least distance from the trunk."""
    slots: int = 1
    """The largest number of lines that enter it at one side."""

    @property
    def series(self) -> tuple[str, str] | None:
        """Return the class and the label without numbers, which are equal for the modules of a list."""
        shown = self.box or (self.grid and self.grid.frame)
        return (shown.type_name, _NUMBER.sub("#", shown.label)) if shown and shown.type_name else None

    @property
    def is_leaf(self) -> bool:
        """Return whether lines can enter it at its sides."""
        return self.kind in ("box", "join")

    @property
    def end_row(self) -> int:
        """Return the row below it."""
        return self.row + self.span

    @property
    def reach(self) -> float:
        """Return the distance from the axis to the right edge, with the shape above it."""
        return max(self.right, self.label_width + LABEL_GAP) if self.label_width else self.right

    def pin(self, net: str, *, at_top: bool) -> float:
        """Return the x coordinate where the lines of a net enter or leave. `net` is the key of the source box."""
        if self.grid is None:
            return self.x
        return self.x + (self.grid.entries if at_top else self.grid.exits)[net]


LABEL_GAP = 6
"""The distance from a line to the shape next to it."""


def entry_key(net: str) -> str:
    """Return the key of the entry of a net. No path of a module starts like this."""
    return f"\0<{net}"


def exit_key(net: str) -> str:
    """Return the key of the exit of a net."""
    return f"\0>{net}"


class Link(NamedTuple):
    """A value between two cells of a grid. All links of one net may share lines."""

    net: str
    """The key of the box that computes the value."""
    source: GridCell
    target: GridCell
    shape: Shape | None = None
    """The shape to show; None if it is already shown."""


@dataclass(eq=False, slots=True)
class Strand:
    """A chain of cells on one vertical axis, or a lane without cells."""

    cells: list[GridCell]
    head: Link | None = None
    """The link that enters its first cell from another strand, or enters the lane."""
    tails: list[Link] = field(default_factory=list)
    """Links that leave its last cell, or the lane, to other strands."""
    side: Literal[-1, 0, 1] = 0
    """Left, the trunk, or right."""
    x: float = 0
    is_upward: bool = False
    """Whether it is a lane from a cell to one that is not below it."""
