"""Lay out the inside of one frame, or the figure as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from bmvis.view.figure.figure import Frame
from bmvis.view.figure.layout.boxes import TITLE_HEIGHT, shape_text, title_texts
from bmvis.view.figure.layout.cells import LABEL_GAP, GridCell, Link, Point, Strand
from bmvis.view.figure.layout.channels import Channel
from bmvis.view.figure.layout.columns import Edges, place_strands
from bmvis.view.figure.layout.drawing import Text
from bmvis.view.figure.layout.routes import SLOT_GAP, Route, connect, find_routes
from bmvis.view.figure.layout.rows import assign_rows
from bmvis.view.figure.layout.strands import find_strands
from bmvis.view.figure.layout.text_size import text_width

MARGIN = 14
TITLE_LEFT = 10
TRACK_GAP = 9
STUB, FIRST_STUB = 10, 3
"""The distance from a row to the first horizontal line below it; below a title it is short."""
ARROW = 15
"""The distance from the last horizontal line to the row below it."""
SHAPE_HEIGHT = 15
TALL = 60
"""How much higher than a box a row is if the box is not simply in the middle."""


class Piece(NamedTuple):
    """The line of one link."""

    source: GridCell
    points: Sequence[Point]


@dataclass(eq=False)
class Grid:
    """The inside of a frame. Coordinates are in pixels, relative to its trunk (x) and its top edge (y)."""

    frame: Frame | None
    cells: Sequence[GridCell]
    links: Sequence[Link]
    left: float = 0
    """The distance from the trunk to the left edge."""
    right: float = 0
    height: float = 0
    row_count: int = 0
    main_entry: str | None = None
    """The net that enters the trunk at the top edge; None if it starts inside."""
    entries: dict[str, float] = field(default_factory=dict)
    """Where each net enters at the top edge, relative to the trunk."""
    exits: dict[str, float] = field(default_factory=dict)
    pieces: dict[tuple[str, str], Piece] = field(default_factory=dict)
    """The lines in the grid, by net and the key of the target cell."""
    texts: list[Text] = field(default_factory=list)
    """The title of the frame."""
    shapes: list[Text] = field(default_factory=list)


def lay_out(
    frame: Frame | None, cells: Sequence[GridCell], links: Sequence[Link], is_skip: Callable[[str, str | None], bool]
) -> Grid:
    """Return the grid of cells, whose frames are laid out already.

    Args:
        frame: the frame around it; None for the whole figure.
        cells: the cells, with entries and exits, in the order of the calls.
        links: the links between them.
        is_skip: returns whether all that the value of the second net depends on depends on the first net.
    """
    grid = Grid(frame, cells, links)
    upward = assign_rows(cells, links, has_header=frame is not None)
    strands = find_strands(cells, [link for link in links if link not in upward], upward)
    first = strands[0].cells[0]
    grid.main_entry = first.net if first.kind == "entry" else None
    edges, routes = _placed(grid, strands, links, is_skip)
    if _widen(routes):
        edges, routes = _placed(grid, strands, links, is_skip)
    rows = max((cell.end_row for cell in cells), default=0)
    channels: defaultdict[int, Channel] = defaultdict(Channel)
    connect(routes, channels)
    grid.row_count = rows
    bends = [one.bend for channel in channels.values() for one in channel.connectors if one.bend is not None]
    grid.left = max([*edges.left.values(), *(-x for route in routes for x in route.xs)], default=0) + MARGIN
    grid.right = max([*edges.right.values(), *(x for route in routes for x in route.xs), *bends], default=0) + MARGIN
    tops, below = _set_heights(grid, routes, channels, rows)
    _set_pieces(grid, routes, channels, tops, below)
    for cell in cells:
        if cell.kind in ("entry", "exit"):
            (grid.entries if cell.kind == "entry" else grid.exits)[cell.net] = cell.x
    if frame:
        _set_title(grid, frame)
    return grid


def _placed(
    grid: Grid, strands: Sequence[Strand], links: Sequence[Link], is_skip: Callable[[str, str | None], bool]
) -> tuple[Edges, list[Route]]:
    edges = Edges()
    if grid.frame:
        edges.left[0] = _title_width(grid.frame) + TITLE_LEFT
    place_strands(strands, edges, lambda net: is_skip(net, grid.main_entry))
    return edges, find_routes(links, strands, grid.cells)


def _widen(routes: Sequence[Route]) -> bool:
    """Widen boxes whose tops are too narrow for the lines that enter there, and return whether there were any."""
    found = False
    for route in routes:
        target = route.link.target
        room = abs(route.xs[-1] - target.x) + 8
        if target.kind != "frame" and not route.enters_side and room > 8 and room > target.left:
            target.left = target.right = room
            found = True
    return found


def _title_width(frame: Frame) -> float:
    return max(text_width(text, role) for text, role in title_texts(frame)[:2])


def _set_heights(
    grid: Grid, routes: Sequence[Route], channels: Mapping[int, Channel], rows: int
) -> tuple[Sequence[float], Sequence[float]]:
    """Set the y coordinates of all cells.

    Returns:
        The top of each row and the bottom of the last one, and for each the distance of the last track above it.
    """
    heights = [0.0] * rows
    for cell in grid.cells:
        if cell.is_leaf:
            cell.height = max(cell.height, SLOT_GAP * (cell.slots - 1) + (22 if cell.kind == "box" else 14))
        if cell.span == 1:
            heights[cell.row] = max(heights[cell.row], cell.height)
    if grid.frame:
        heights[0] = TITLE_HEIGHT
    gaps = _gaps(grid, routes, rows)
    tops: list[float] = []
    y = 0.0
    for row in range(rows + 1):
        tracks = channels[row].track_count if row in channels else 0
        y += gaps[row][0] + gaps[row][1] + TRACK_GAP * max(0, tracks - 1) if tracks else sum(gaps[row][1:])
        tops.append(y)
        for cell in grid.cells:
            if cell.end_row == row + 1 and cell.span > 1:
                heights[row] = max(heights[row], cell.height - (y - tops[cell.row]))
        y += heights[row] if row < rows else 0
    starts, ends = {link.source for link in grid.links}, {link.target for link in grid.links}
    for cell in grid.cells:
        room = heights[cell.row] - cell.height if cell.grid is None and cell.span == 1 else 0
        part = 0.5
        if room > TALL:  # next to a tall frame, near what it is connected with
            part = 0 if cell not in starts else 1 if cell not in ends else 0.5
        cell.y = tops[cell.row] + room * part
    grid.height = tops[rows] + (0 if grid.frame is None else MARGIN)
    for cell in grid.cells:
        if cell.kind in ("entry", "exit"):
            cell.y = grid.height if cell.kind == "exit" else 0
    return tops, [gap[1] for gap in gaps]


def _gaps(grid: Grid, routes: Sequence[Route], rows: int) -> list[tuple[float, float, float]]:
    """Return three distances for each channel.

    They are from the row above to the first track, from the last track to the row below, and what is added to the
    latter if there are no tracks.
    """
    found: list[tuple[float, float, float]] = []
    for row in range(rows + 1):
        arriving = [route.link for route in routes if route.link.target.row == row]
        has_shape = any(link.shape is not None for link in arriving)
        has_arrow = any(link.target.kind in ("box", "join", "end") for link in arriving)
        is_first = row == 1 and grid.frame is not None
        above = FIRST_STUB if is_first else STUB
        below = ARROW + SHAPE_HEIGHT / 2 if has_shape else ARROW if has_arrow else STUB
        is_open = row in (0, rows) or not arriving
        if all(cell.kind == "exit" for cell in grid.cells if cell.row == row):
            is_open = True
        found.append((above, below, -below if is_open else 0 if is_first else above))
    return found


def _set_pieces(
    grid: Grid,
    routes: Sequence[Route],
    channels: Mapping[int, Channel],
    tops: Sequence[float],
    below: Sequence[float],
) -> None:
    """Set the lines, and the shapes next to them."""
    for route in routes:
        source, target = route.link.source, route.link.target
        points = [(route.xs[0], source.y + (source.grid.height if source.grid else source.height))]
        for number, row in enumerate(route.channels):
            before, after = route.xs[number], route.xs[number + 1]
            if abs(before - after) >= 0.5:
                last = channels[row].track_count - 1
                for x, track in channels[row].way(route.link.net, before, after):
                    points.append((x, tops[row] - below[row] - TRACK_GAP * (last - track)))
        if route.enters_side:
            y = target.y + target.height / 2 + route.slot
            edge = target.x + (target.left if route.xs[-1] > target.x else -target.left)
            points += [(route.xs[-1], y), (edge, y)]
        else:
            points.append((route.xs[-1], target.y))
        grid.pieces[route.link.net, target.key] = Piece(source, points)
    for route in routes:
        if route.link.shape is not None and not route.enters_side:
            _add_shape(grid, route, routes, tops)


def _add_shape(grid: Grid, route: Route, routes: Sequence[Route], tops: Sequence[float]) -> None:
    """Write the shape right of a line, unless another line is in the way."""
    text, x = shape_text(route.link.shape or ()), route.xs[-1] + LABEL_GAP
    end = x + text_width(text, "shape")
    target = route.link.target
    if not any(x - 2 < other.xs[-1] < end + 2 for other in routes if other.link.target is target):
        grid.shapes.append(Text(text, "shape", x, tops[target.row] - 5, "start"))


def _set_title(grid: Grid, frame: Frame) -> None:
    """Place the title left of the trunk, as far left as entries allow, and widen the frame for the badge."""
    title, subtitle, *badge = title_texts(frame)
    passing = sorted([*(x for x in grid.entries.values() if x <= 0), 0.0])
    room = _title_width(frame) + TITLE_LEFT + LABEL_GAP
    gaps = [start for start, end in pairwise([-grid.left, *passing]) if end - start >= room]
    left = (gaps[0] if gaps else -grid.left) + TITLE_LEFT
    grid.texts = [Text(title[0], title[1], left, 14, "start")]
    if subtitle[0]:
        grid.texts.append(Text(subtitle[0], subtitle[1], left, 27, "start"))
    if badge:
        text, role = badge[0]
        occupied = max([0.0, *grid.entries.values()]) + LABEL_GAP
        if not grid.entries:
            occupied = left + _title_width(frame) + LABEL_GAP
        grid.right = max(grid.right, occupied + text_width(text, role) + TITLE_LEFT)
        grid.texts.append(Text(text, role, grid.right - TITLE_LEFT, 16, "end"))
