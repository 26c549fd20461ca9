"""Order the horizontal lines between two rows, so that lines of different values never share a track."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

NEAR = 5
"""Vertical lines nearer than this could be taken for one line."""


@dataclass(eq=False, slots=True)
class Connector:
    """A horizontal line in a channel, with the vertical lines that it connects."""

    net: str
    above: set[float] = field(default_factory=set)
    """The x coordinates of vertical lines that come from above."""
    below: set[float] = field(default_factory=set)
    track: int = 0
    bend: float | None = None
    """Where the line changes to a lower track, if no single track avoids other lines."""
    lower: Connector | None = None
    """The part after the bend."""

    @property
    def all_xs(self) -> set[float]:
        """Return the x coordinates of all vertical lines that it connects."""
        return self.above | self.below | (self.lower.below if self.lower else set())

    @property
    def left(self) -> float:
        """Return its left end."""
        return min(self.above | self.below)

    @property
    def right(self) -> float:
        """Return its right end."""
        return max(self.above | self.below)

    @property
    def is_straight(self) -> bool:
        """Return whether it is only a point of a vertical line."""
        return self.right - self.left < 0.5


class Channel:
    """The space above one row."""

    def __init__(self) -> None:
        self.connectors: list[Connector] = []
        self.passing: set[float] = set()
        """The x coordinates of vertical lines that pass the channel."""
        self.track_count = 0

    def connect(self, net: str, start: float, is_start_above: bool, end: float, is_end_above: bool) -> Connector:
        """Add a line from one vertical line to another one. Lines of one net that touch are one connector."""
        found = Connector(net)
        (found.above if is_start_above else found.below).add(start)
        (found.above if is_end_above else found.below).add(end)
        for other in [other for other in self.connectors if other.net == net and _touch(other, found)]:
            other.above |= found.above
            other.below |= found.below
            if found in self.connectors:
                self.connectors.remove(found)
            found = other
        if found not in self.connectors:
            self.connectors.append(found)
        return found

    def connector(self, net: str, x: float) -> Connector:
        """Return the connector of a net with a vertical line at x."""
        return next(other for other in self.connectors if other.net == net and x in other.all_xs)

    def way(self, net: str, start: float, end: float) -> list[tuple[float, int]]:
        """Return the corners of a line from one vertical line to another one: their x coordinates and tracks."""
        whole = self.connector(net, start)
        if whole.bend is None or whole.lower is None:
            return [(start, whole.track), (end, whole.track)]
        tracks = [whole.track if x in whole.above else whole.lower.track for x in (start, end)]
        bend = [(whole.bend, track) for track in tracks] if tracks[0] != tracks[1] else []
        return [(start, tracks[0]), *bend, (end, tracks[1])]

    def assign_tracks(self) -> None:
        """Set the track of each connector, from the top, with as few crossings as a greedy order finds."""
        left = [connector for connector in self.connectors if not connector.is_straight]
        done: list[Connector] = []
        while left:
            before = _constraints(left)
            free = [one for one in left if not before[one]]
            if not free:
                left += self._split(left)
                free = left[:1]
            best = min(free, key=lambda one: (sum(_cost(one, other) for other in left if other is not one), one.left))
            tracks = [other.track + 1 for other in done if _overlap(other, best)]
            best.track = max(tracks, default=0)
            done.append(best)
            left.remove(best)
        self.track_count = max((connector.track + 1 for connector in done), default=0)

    def _split(self, left: Sequence[Connector]) -> list[Connector]:
        """Give a connector a bend, as each of those that are left must be below another one, and return its part."""
        whole = left[0]
        taken = sorted({*self.passing, *(x for connector in self.connectors for x in connector.all_xs)})
        gaps = [(one + other) / 2 for one, other in pairwise(taken) if other - one >= 2 * NEAR + 2]
        middle = (whole.left + whole.right) / 2
        whole.bend = min(gaps, key=lambda x: abs(x - middle), default=taken[-1] + 2 * NEAR)
        whole.lower = Connector(whole.net, {whole.bend}, whole.below)
        whole.below = {whole.bend}
        return [whole.lower]


def _touch(one: Connector, other: Connector) -> bool:
    return bool((one.above | one.below) & (other.above | other.below))


def _overlap(one: Connector, other: Connector) -> bool:
    return one.left - NEAR < other.right and other.left - NEAR < one.right


def _constraints(connectors: Sequence[Connector]) -> Mapping[Connector, list[Connector]]:
    """Return the connectors that must be above each connector, because they come from above at the same x."""
    before: defaultdict[Connector, list[Connector]] = defaultdict(list)
    for one in connectors:
        for other in connectors:
            is_split = one.lower is other
            if is_split or (
                one.net != other.net and any(abs(up - down) < NEAR for up in one.above for down in other.below)
            ):
                before[other].append(one)
    return before


def _cost(upper: Connector, lower: Connector) -> int:
    """Return the number of crossings if one connector is above another one."""
    return sum(lower.left < x < lower.right for x in upper.below) + sum(
        upper.left < x < upper.right for x in lower.above
    )
