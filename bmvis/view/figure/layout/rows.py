"""Assign the cells of a grid to rows, so that each is below the cells that it depends on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import ceil

from bmvis.view.figure.layout.cells import GridCell, Link


def assign_rows(cells: Sequence[GridCell], links: Sequence[Link], *, has_header: bool) -> list[Link]:
    """Set the rows of all cells, and return the links that lead upward.

    Args:
        cells: the cells, in the order of the calls.
        links: the links between them.
        has_header: whether the first row is the title of a frame, through which entries pass.
    """
    upward = _next_to_each_other(links)
    order = _sorted(cells, [link for link in links if link not in upward])
    place = {cell: number for number, cell in enumerate(order)}
    upward += [link for link in links if place[link.source] > place[link.target]]
    downward = [link for link in links if link not in upward]
    before, after = _neighbors(downward)
    for cell in order:
        first = 1 if has_header and cell.kind != "entry" else 0
        cell.row = max([first, *(source.row + 1 for source in before[cell])])
    _pull_down(order, before, after)
    last = max((cell.row for cell in cells if cell.kind != "exit"), default=0)
    for cell in cells:
        if cell.kind == "exit":
            cell.row = last + 1
    _take_slack(order, after)
    return upward


def _next_to_each_other(links: Sequence[Link]) -> list[Link]:
    """Return the links from an encoder to a decoder, which are drawn next to each other.

    The decoder is a frame whose trunk starts with another value, that does not depend on the encoder.
    """
    _, after = _neighbors(links)
    found = []
    for link in links:
        encoder, decoder = link.source, link.target
        if encoder.grid is None or decoder.grid is None or decoder.grid.main_entry in (None, link.net):
            continue
        main = [other.source for other in links if other.target is decoder and other.net == decoder.grid.main_entry]
        if main and main[0] not in _reached(encoder, after):
            found.append(link)
    return found


def _reached(start: GridCell, after: Mapping[GridCell, list[GridCell]]) -> set[GridCell]:
    found = {start}
    todo = [start]
    while todo:
        for cell in after[todo.pop()]:
            if cell not in found:
                found.add(cell)
                todo.append(cell)
    return found


def _sorted(cells: Sequence[GridCell], links: Sequence[Link]) -> list[GridCell]:
    """Return the cells in a topological order. In a cycle, the cell that is called first is first."""
    before, after = _neighbors(links)
    missing = {cell: len(before[cell]) for cell in cells}
    ready = [cell for cell in cells if not missing[cell]]
    found: list[GridCell] = []
    while missing:
        cell = min(ready or missing, key=lambda cell: cell.order)
        ready = [other for other in ready if other is not cell]
        del missing[cell]
        found.append(cell)
        for target in after[cell]:
            if target in missing:
                missing[target] -= 1
                if not missing[target]:
                    ready.append(target)
    return found


def _neighbors(links: Sequence[Link]) -> tuple[Mapping[GridCell, list[GridCell]], Mapping[GridCell, list[GridCell]]]:
    before: defaultdict[GridCell, list[GridCell]] = defaultdict(list)
    after: defaultdict[GridCell, list[GridCell]] = defaultdict(list)
    for link in links:
        before[link.target].append(link.source)
        after[link.source].append(link.target)
    return before, after


def _pull_down(
    order: Sequence[GridCell],
    before: Mapping[GridCell, Sequence[GridCell]],
    after: Mapping[GridCell, Sequence[GridCell]],
) -> None:
    """Move chains that start in the grid down to the cells that use them."""
    loose: set[GridCell] = set()
    for cell in order:
        sources = before[cell]
        if cell.kind != "entry" and all(source in loose and len(after[source]) == 1 for source in sources):
            loose.add(cell)
    for cell in reversed(order):
        targets = [target.row for target in after[cell] if target.kind != "exit"]
        if cell in loose and targets:
            cell.row = max(cell.row, min(targets) - 1)


def _take_slack(order: Sequence[GridCell], after: Mapping[GridCell, Sequence[GridCell]]) -> None:
    """Let tall frames next to chains of small boxes take several rows."""
    for cell in order:
        if cell.grid is not None and after[cell]:
            slack = min(target.row for target in after[cell]) - cell.row
            cell.span = max(1, min(slack, ceil(cell.grid.row_count / 2)))
