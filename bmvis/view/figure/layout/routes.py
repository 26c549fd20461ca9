"""Route the links of a grid: along lanes, through channels, and into the tops or sides of cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from bmvis.view.figure.layout.cells import GridCell, Link, Strand
from bmvis.view.figure.layout.channels import Channel
from bmvis.view.figure.layout.columns import GAP, lane_of

PIN_GAP = 14
SLOT_GAP = 8


@dataclass(eq=False, slots=True)
class Route:
    """The way of one link."""

    link: Link
    xs: list[float]
    """The vertical lines, from the source to the target."""
    channels: list[int]
    """The channel between each two of them, as the number of the row below it."""
    enters_side: bool = False
    slot: float = 0
    """Where it enters the side of the target: the distance below its middle."""
    ends_above: list[tuple[bool, bool]] = field(default_factory=list)
    """For each channel, whether the vertical line before it, and the one after it, are above the channel."""


def find_routes(links: Sequence[Link], strands: Sequence[Strand], cells: Sequence[GridCell]) -> list[Route]:
    """Return the routes of all links."""
    strand_of = {cell: strand for strand in strands for cell in strand.cells}
    lanes = {link: strand for strand in strands for link in strand.tails}
    routes = [_route(link, lane_of(link, strand_of, lanes), cells) for link in links]
    by_target: defaultdict[GridCell, list[Route]] = defaultdict(list)
    for route in routes:
        by_target[route.link.target].append(route)
    for target, arriving in by_target.items():
        if target.is_leaf:
            _set_slots(target, [route for route in arriving if route.enters_side])
        _set_pins(target, [route for route in arriving if not route.enters_side])
    _part_slots([route for route in routes if route.enters_side])
    return routes


def _route(link: Link, lane: float | None, cells: Sequence[GridCell]) -> Route:
    start = link.source.pin(link.net, at_top=False)
    below, above = link.source.end_row, link.target.row
    if lane is None:
        return Route(link, [start], [above], ends_above=[(True, False)])
    is_upward = above < below
    is_tail = abs(lane - link.target.x) > link.target.left
    if not is_upward and is_tail and link.target.is_leaf and not _is_blocked(link.target, lane, cells):
        return Route(link, [start, lane], [below], True, ends_above=[(True, False)])
    if below == above:
        return Route(link, [start], [above], ends_above=[(True, False)])
    ends_above = [(True, True), (False, False)] if is_upward else [(True, False), (True, False)]
    return Route(link, [start, lane], [below, above], ends_above=ends_above)


def _is_blocked(target: GridCell, lane: float, cells: Iterable[GridCell]) -> bool:
    """Return whether there is a cell between a lane and the side of a cell."""
    low, high = min(lane, target.x), max(lane, target.x)
    return any(
        cell is not target
        and cell.row <= target.row < cell.end_row
        and cell.x - cell.left < high
        and cell.x + cell.right > low
        for cell in cells
    )


def _set_slots(target: GridCell, routes: Sequence[Route]) -> None:
    """Give each line that enters a side its own height, so that inner lanes end above outer ones."""
    for sign in (-1, 1):
        side = sorted((r for r in routes if (r.xs[-1] - target.x) * sign > 0), key=lambda route: abs(route.xs[-1]))
        for number, route in enumerate(side):
            route.slot = (number - (len(side) - 1) / 2) * SLOT_GAP
        target.slots = max(target.slots, len(side))


def _part_slots(routes: Sequence[Route]) -> None:
    """Move lines to neighboring cells apart if their lanes are beyond each other: at one height, they would meet."""
    rows: defaultdict[int, list[Route]] = defaultdict(list)
    for route in sorted(routes, key=lambda route: route.link.target.x):
        rows[route.link.target.row].append(route)
    for one, other in (pair for row in rows.values() for pair in combinations(row, 2)):
        left, right = one.link.target, other.link.target
        if left is not right and left.x < other.xs[-1] < one.xs[-1] + GAP < right.x + GAP and one.slot == other.slot:
            one.slot -= SLOT_GAP / 2
            other.slot += SLOT_GAP / 2


def _set_pins(target: GridCell, routes: Sequence[Route]) -> None:
    """Add the last vertical line of each route that enters the top."""
    if target.kind not in ("box", "join", "end"):
        for route in routes:
            x = target.x if target.kind != "frame" else target.pin(route.link.net, at_top=True)
            route.xs.append(x)
        return
    straight = [route for route in routes if abs(route.xs[-1] - target.x) < 1][:1]
    others = [route for route in routes if route not in straight]
    if straight:
        straight[0].xs.append(target.x)
        for sign in (-1, 1):
            side = sorted(
                (route for route in others if (route.xs[-1] >= target.x) == (sign > 0)),
                key=lambda route: abs(route.xs[-1] - target.x),
            )
            for number, route in enumerate(side):
                route.xs.append(target.x + sign * PIN_GAP * (number + 1))
        return
    others.sort(key=lambda route: route.xs[-1])
    for number, route in enumerate(others):
        route.xs.append(target.x + PIN_GAP * (number - (len(others) - 1) / 2))


def _passed(route: Route) -> Iterator[tuple[int, float]]:
    """Yield the channels that vertical lines of a route pass without a corner."""
    ends = [*route.channels, route.link.target.row + 1] if route.enters_side else route.channels
    for number, (start, end) in enumerate(pairwise(ends), 1):
        for row in range(min(start, end) + 1, max(start, end)):
            yield row, route.xs[number]


def connect(routes: Sequence[Route], channels: Mapping[int, Channel]) -> None:
    """Enter all routes in the channels that they pass, and order the lines there."""
    for route in routes:
        for number, row in enumerate(route.channels):
            start_above, end_above = route.ends_above[number]
            channels[row].connect(route.link.net, route.xs[number], start_above, route.xs[number + 1], end_above)
        for row, x in _passed(route):
            channels[row].passing.add(x)
    for channel in channels.values():
        channel.assign_tracks()
