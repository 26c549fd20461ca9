"""Place the strands of a grid: the trunk at x = 0, the others to its left and right, as near as there is room."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from bmvis.view.figure.layout.cells import GridCell, Link, Strand

GAP = 14
"""The distance between a lane and what is next to it."""
CELL_GAP, LEAST_CELL_GAP = 22, 12
"""The distance between two cells, and the least one, for a line without a bend."""
FARTHEST = {False: 160, True: 40}
"""How much farther from the trunk a strand may be, without and with boxes, for a line without a bend."""

Side = Literal[-1, 1]


class Edges:
    """How far each row is occupied on each side of the trunk, in pixels."""

    def __init__(self) -> None:
        self.left: defaultdict[int, float] = defaultdict(float)
        self.right: defaultdict[int, float] = defaultdict(float)

    def occupy(self, cell: GridCell) -> None:
        """Record that a cell occupies its rows, on both sides of the trunk."""
        for row in range(cell.row, cell.end_row):
            self.left[row] = max(self.left[row], cell.left - cell.x)
            self.right[row] = max(self.right[row], cell.reach + cell.x)

    def occupy_lane(self, x: float, rows: Sequence[int]) -> None:
        """Record that a lane occupies its rows, up to `x` pixels from the trunk on each side."""
        for row in rows:
            self.left[row] = max(self.left[row], -x)
            self.right[row] = max(self.right[row], x)

    def nearest(self, side: Side, row: int, extent: float, gap: float) -> float:
        """Return the distance from the trunk at which there is room in a row, for what extends inward by `extent`."""
        return (self.left if side < 0 else self.right)[row] + gap + extent


def place_strands(strands: Sequence[Strand], edges: Edges, is_skip: Callable[[str], bool]) -> None:
    """Set the sides and the x coordinates of all strands and their cells.

    Args:
        strands: the strands, of which the first is the trunk.
        edges: what is occupied already, such as the title of the frame. What is placed is added.
        is_skip: returns whether an entry of the frame has a value that its trunk depends on, by its net.
    """
    trunk = strands[0]
    strand_of = {cell: strand for strand in strands for cell in strand.cells}
    for cell in trunk.cells:
        edges.occupy(cell)
    edges.occupy_lane(0, lane_rows(trunk))
    placed = {id(trunk)}
    left = list(strands[1:])
    while left:
        ready = [strand for strand in left if _is_ready(strand, strand_of, placed)] or left
        sides = {id(strand): _side(strand, trunk, strand_of, is_skip) for strand in ready}
        strand = min(ready, key=lambda strand: _placing_order(strand, sides[id(strand)]))
        strand.side = sides[id(strand)] or _emptier_side(strand, edges)
        _place(strand, strand.side, edges)
        placed.add(id(strand))
        left = [other for other in left if other is not strand]


def lane_rows(strand: Strand) -> list[int]:
    """Return the rows in which a strand is a line."""
    rows: list[int] = []
    for before, after in zip(strand.cells, strand.cells[1:], strict=False):
        rows += range(before.end_row, after.row)
    ends = [link.target.row + (1 if link.target.is_leaf else 0) for link in strand.tails]
    if strand.is_upward and strand.head:
        return [*range(strand.head.target.row, strand.head.source.end_row)]
    if strand.cells:
        if strand.head:
            rows += range(strand.head.source.end_row, strand.cells[0].row)
        rows += range(strand.cells[-1].end_row, max(ends, default=0))
    elif strand.head:
        rows += range(strand.head.source.end_row, max(ends))
    return rows


def _placing_order(strand: Strand, side: Side | None) -> tuple[bool, int, float, int]:
    """Return the sort key of strands, of which the first are placed nearest to the trunk.

    Lanes that lead upward come first, then short strands, so that long ones are around them. Equal branches are in the
    order of their calls from left to right: on the left, the last one is placed first. Strands that end at the frame
    have the order of their values at the edge of the frame.
    """
    rows = [*lane_rows(strand), *(cell.row for cell in strand.cells)]
    length = max(rows) - min(rows) if rows else 0
    ends = [*strand.cells, *(link.target for link in strand.tails)]
    has_boxes = any(cell.kind not in ("entry", "exit") for cell in strand.cells)
    pins = _pins(strand)
    return (
        not strand.is_upward,
        length,
        abs(pins[0]) if pins else 0,
        -ends[0].order if has_boxes and side == -1 else ends[0].order,
    )


def _is_ready(strand: Strand, strand_of: Mapping[GridCell, Strand], placed: set[int]) -> bool:
    if strand.is_upward:
        return True
    links = [*([strand.head] if strand.head else []), *strand.tails]
    ends = [link.source if strand.head is link else link.target for link in links]
    return all(id(strand_of[end]) in placed or strand_of[end] is strand for end in ends)


def _emptier_side(strand: Strand, edges: Edges) -> Side:
    row = strand.cells[0].row
    return -1 if edges.left[row] <= edges.right[row] else 1


def _side(
    strand: Strand, trunk: Strand, strand_of: Mapping[GridCell, Strand], is_skip: Callable[[str], bool]
) -> Side | None:
    """Return the side of the trunk for a strand: -1 for the left, 1 for the right; None if both are right for it.

    Equal branches are on both sides of the trunk, skips on its right, and values from outside the frame on its left.
    """
    if strand.is_upward and strand.head:
        return -1 if strand_of[strand.head.target] is trunk else 1
    ends = [strand.head.source] if strand.head else []
    ends += [link.target for link in strand.tails]
    sides = [strand_of[end].side for end in ends if strand_of[end].side]
    if sides:
        return -1 if sides[0] < 0 else 1
    entered = _entered(strand)
    if entered and not strand.head and all(pin < 0 for pin in entered):
        return -1  # above the place where its value enters a frame
    equal = next((pair for cell in strand.cells for pair in _equals(cell, trunk)), None)
    if equal is not None:
        return -1 if equal[0].order < equal[1].order else 1
    pins = _pins(strand)
    if pins and (all(pin < 0 for pin in pins) or all(pin > 0 for pin in pins)):
        return -1 if pins[0] < 0 else 1
    first = strand.cells[0] if strand.cells else None
    if first is None:
        return 1 if strand.head is None or strand.head.source.kind != "entry" or is_skip(strand.head.net) else -1
    if first.kind == "entry":
        opened = next((cell for cell in strand.cells if cell.grid), None)
        around = [cell for cell in trunk.cells if opened and cell.grid and cell.row <= opened.row < cell.end_row]
        if opened and around:  # such as a decoder next to its encoder, in the frame of the model
            return -1 if opened.order < around[0].order else 1
        return 1 if is_skip(first.net) else -1
    if first.kind == "exit":
        return first.exit_side
    peers = [cell for cell in trunk.cells if cell.row <= first.row < cell.end_row]
    if strand.head or (peers and first.kind == "end" and len(strand.cells) > 1):
        return -1 if peers and first.order < peers[0].order else 1
    return 1 if entered and all(pin > 0 for pin in entered) else None


def _entered(strand: Strand) -> list[float]:
    """Return where a value from an input or a constant enters frames; nothing if not only frames use it."""
    if not strand.cells or strand.cells[0].kind != "end":
        return []
    found = [link.target.grid.entries[link.net] for link in strand.tails if link.target.grid]
    return found if len(found) == len(strand.tails) else []


def _equals(cell: GridCell, trunk: Strand) -> Iterator[tuple[GridCell, GridCell]]:
    """Yield a cell with each cell of the trunk in its row that is of the same list of modules."""
    for other in trunk.cells:
        if cell.series and cell.series == other.series and other.row <= cell.row < other.end_row:
            yield cell, other


def _pins(strand: Strand) -> list[float]:
    """Return where a lane enters frames, or else leaves one, relative to their trunks; none if there are no frames."""
    if any(cell.kind not in ("entry", "exit") for cell in strand.cells):
        return []
    if strand.head and strand.head.source.grid and strand.head.source.grid.exits[strand.head.net]:
        return [strand.head.source.grid.exits[strand.head.net]]
    if any(link.target.grid is None for link in strand.tails):
        return []
    return [link.target.grid.entries[link.net] for link in strand.tails if link.target.grid]


def _place(strand: Strand, side: Side, edges: Edges) -> None:
    """Place a strand at the nearest x where all its rows have room, or where it leads straight into a frame."""
    rows = lane_rows(strand)
    lane = [edges.nearest(side, row, 0, GAP) for row in rows]
    near = max([*lane, *_distances(strand, side, edges, CELL_GAP)], default=float(GAP))
    nearest = max([*lane, *_distances(strand, side, edges, LEAST_CELL_GAP)], default=float(GAP))
    farthest = near + FARTHEST[any(cell.kind not in ("entry", "exit") for cell in strand.cells)]
    straight = [side * x for x in _ends_at_frames(strand) if nearest <= side * x <= farthest]
    strand.x = side * min(straight, key=lambda distance: abs(distance - near), default=near)
    for cell in strand.cells:
        cell.x = strand.x
        edges.occupy(cell)
    edges.occupy_lane(strand.x, rows)


def _distances(strand: Strand, side: Side, edges: Edges, gap: float) -> Iterator[float]:
    """Yield the distance from the trunk at which there is room for each cell of a strand, in each of its rows."""
    for cell in strand.cells:
        extent = cell.left if side > 0 else cell.reach
        own_gap = GAP if cell.kind in ("entry", "exit") else gap
        yield cell.outward
        yield from (edges.nearest(side, row, extent, own_gap) for row in range(cell.row, cell.end_row))


def _ends_at_frames(strand: Strand) -> Iterator[float]:
    """Yield the x coordinates where frames are that a strand leads to or comes from."""
    for link in strand.tails:
        if link.target.grid:
            yield link.target.pin(link.net, at_top=True)
    if strand.head and strand.head.source.grid:
        yield strand.head.source.pin(strand.head.net, at_top=False)


def lane_of(link: Link, strand_of: Mapping[GridCell, Strand], lanes: Mapping[Link, Strand]) -> float | None:
    """Return the x coordinate where a link crosses rows; None if it connects neighboring rows without a lane."""
    if link in lanes:
        return lanes[link].x
    source, target = strand_of[link.source], strand_of[link.target]
    if source is target or target.head == link:
        return target.x
    return None
