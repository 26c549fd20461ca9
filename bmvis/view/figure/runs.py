"""Fold what repeats: chains of equal boxes, chains of groups of boxes, and equal boxes side by side.

Units repeat in a chain if each one gets its values from the one before it, and all get the same values from elsewhere.
They repeat in parallel if all get the same values, and the same boxes use their results.
"""

from __future__ import annotations

from collections.abc import Sequence

from bmvis.model.contraction import FigureNode
from bmvis.model.dataflow import Dataflow
from bmvis.view.figure.assembly import merge_names
from bmvis.view.figure.items import Item, nest
from bmvis.view.figure.wiring import Signatures, family

MAX_PERIOD = 16
"""Maximum number of items that repeat as a group."""
_MIN_JOINS = 4
"""Minimum number of repeats of joins without a module, such as the steps of a recurrence."""
_MAX_PASSES = 4
"""How often the items in a module are folded: groups can contain groups."""
_Link = tuple[int, object]
"""The position of a node in its unit, and the position in another unit or the node at the other end of the edge."""


def fold_runs(flow: Dataflow, nodes: Sequence[FigureNode], signatures: Signatures, *, similar: bool) -> Item:
    """Fold the nodes of a figure, and return the item of the model. Edges of `nodes` are changed."""
    root, opened = nest(flow, nodes)
    for call in sorted(opened, reverse=True):
        outer = opened[call]
        path = flow.calls[call].path
        for item in outer.items:
            signatures.sign(item, path, similar=similar)
        for longest in (1, *[MAX_PERIOD] * _MAX_PASSES):  # blocks in a row come first, also in the steps of a loop
            folded = _Pass(flow, path, signatures, outer.items, longest).folded()
            if longest > 1 and len(folded) == len(outer.items):
                break
            outer.items = folded
        outer.nodes = [node for item in outer.items for node in item.nodes]
    return root


class _Pass:
    """One search for runs among the items of a module."""

    def __init__(self, flow: Dataflow, path: str, signatures: Signatures, items: list[Item], longest: int) -> None:
        self.longest = longest
        """Maximum number of items that repeat as a group."""
        self.flow = flow
        self.path = path
        self.table = signatures
        self.items = items

    def folded(self) -> list[Item]:
        """Return the items with runs in place of what repeats."""
        numbers = [item.signature for item in self.items]
        found: list[Item] = []
        start = 0
        while start < len(numbers):
            run = self._run_at(start, numbers)
            if run is None:
                found.append(self.items[start])
                start += 1
            else:
                found.append(run[0])
                start += run[1]
        return found

    def _run_at(self, start: int, numbers: Sequence[int]) -> tuple[Item, int] | None:
        """Return the run with the shortest period that starts at an item, and its number of items."""
        for period in range(1, min(self.longest, (len(numbers) - start) // 2) + 1):
            unit = numbers[start : start + period]
            if numbers[start + period] != unit[0]:
                continue
            end = start + period
            while numbers[end : end + period] == unit:
                end += period
            units = [self.items[first : first + period] for first in range(start, end, period)]
            wired = _Wired([[node for item in one for node in item.nodes] for one in units])
            count = wired.count if not wired.is_parallel or self._is_list(units[0]) else 0
            if count >= (2 if _has_module(units[0]) else _MIN_JOINS):
                return self._join(units[:count], wired), count * period
        return None

    def _is_list(self, unit: Sequence[Item]) -> bool:
        """Return whether the modules of a unit are entries of a list: others are not drawn once if parallel."""
        ends = [family(self.path, self.flow.calls[item.call].path) for item in unit if item.call >= 0]
        return all(end.rpartition(".")[2] == "#" for end in ends)

    def _join(self, units: Sequence[Sequence[Item]], wired: _Wired) -> Item:
        wired.fold(len(units))
        first = units[0]
        run = Item()
        if len(first) == 1 and not first[0].members and _has_module(first):
            run.node, run.call, run.items = first[0].node, first[0].call, first[0].items
        else:
            run.items = list(first)
            for item, *others in zip(*units, strict=True):
                item.spread(others)
        run.nodes = wired.units[0]
        run.members = [next((item.call for item in unit if item.call >= 0), -1) for unit in units]
        run.is_parallel = wired.is_parallel
        run.is_similar = any([item.exact for item in unit] != [item.exact for item in first] for unit in units)
        original = Item()
        original.items, original.members, original.is_parallel = list(first), run.members, run.is_parallel
        self.table.sign_group(original)
        run.signature, run.exact = original.signature, original.exact
        return run


def _has_module(unit: Sequence[Item]) -> bool:
    return any(item.call >= 0 or item.items for item in unit)


class _Wired:
    """How the units of a possible run are connected."""

    def __init__(self, units: list[list[FigureNode]]) -> None:
        self.units = units
        self.place = {node: (number, at) for number, unit in enumerate(units) for at, node in enumerate(unit)}
        self.is_parallel = False
        self.count = self._count()

    def _count(self) -> int:
        """Return how many units, from the first one, repeat."""
        inside, outside = self._ins(0)
        leaving = self._leaving(0)
        pattern: tuple[set[_Link], set[_Link]] | None = None
        count = 1
        while count < len(self.units):
            own, foreign = self._ins(count)
            before = {link for link in foreign if isinstance(link[1], int)}
            if own != inside or (pattern is not None and pattern != (before, foreign - before)):
                break
            if self._leaving(count - 1) != leaving:
                break
            if pattern is None and not _begins(outside, before, foreign - before):
                break
            pattern = (before, foreign - before)
            count += 1
        if count > 1 and not leaving <= self._leaving(count - 1):
            count -= 1
        if pattern is not None and not pattern[0]:
            self.is_parallel = True
            while count > 1 and self._leaving(count - 1) != leaving:
                count -= 1
        return count

    def _ins(self, number: int) -> tuple[set[_Link], set[_Link]]:
        """Return the edges in a unit, and those into it: from positions in the unit before it, or from other nodes."""
        inside: set[_Link] = set()
        outside: set[_Link] = set()
        for at, node in enumerate(self.units[number]):
            for source in node.ins:
                unit, position = self.place.get(source, (-1, 0))
                if unit == number:
                    inside.add((at, position))
                else:
                    outside.add((at, position if unit == number - 1 and unit >= 0 else source))
        return inside, outside

    def _leaving(self, number: int) -> set[_Link]:
        """Return the edges from a unit to nodes that are neither in it nor in the next unit."""
        return {
            (at, target)
            for at, node in enumerate(self.units[number])
            for target in node.outs
            if self.place.get(target, (-1, 0))[0] not in (number, number + 1)
        }

    def fold(self, count: int) -> None:
        """Keep the nodes of the first unit, with the edges that leave the last one."""
        for at, node in enumerate(self.units[0]):
            used = zip(*(unit[at].weights for unit in self.units[:count]), strict=True)
            node.weights = [merge_names(list(dict.fromkeys(names))) for names in used]
        for at, target in self._leaving_last(count):
            last, first = self.units[count - 1][at], self.units[0][at]
            first.connect(target, target.ins[last])
            if last in target.changes:
                target.changes[first] = target.changes[last]
        for unit in self.units[1:count]:
            for node in unit:
                for source in list(node.ins):
                    source.disconnect(node)
                for target in list(node.outs):
                    node.disconnect(target)

    def _leaving_last(self, count: int) -> list[tuple[int, FigureNode]]:
        return [
            (at, target)
            for at, node in enumerate(self.units[count - 1])
            for target in node.outs
            if self.place.get(target, (-1, 0))[0] != count - 1
        ]


def _begins(outside: set[_Link], before: set[_Link], foreign: set[_Link]) -> bool:
    """Return whether a unit with the edges `outside` can be the first of a chain.

    It gets all values that the others get from elsewhere. In place of those that the others get from the unit before,
    it gets others, one for each, or nothing, such as an initial state of zeros.
    """
    if not foreign <= outside:
        return False
    start: dict[object, object] = {}
    for at, source in outside - foreign:
        places = [position for other, position in before if other == at]
        if not places:
            return False
        if len(places) == 1 and start.setdefault(places[0], source) is not source:
            return False
    return all(
        len([1 for at, _ in outside - foreign if at == target]) <= len([1 for at, _ in before if at == target])
        for target in {at for at, _ in outside - foreign}
    )
