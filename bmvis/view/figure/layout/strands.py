"""Divide a grid into strands: chains of cells on one axis, and lanes for values that skip rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from bmvis.view.figure.layout.cells import GridCell, Link, Strand


def find_strands(cells: Sequence[GridCell], downward: Sequence[Link], upward: Sequence[Link]) -> list[Strand]:
    """Return the strands, of which the first is the trunk."""
    chains = _chains(cells, downward)
    strand_of = {cell: strand for strand in chains for cell in strand.cells}
    number_of = {cell: number for number, strand in enumerate(chains) for cell in strand.cells}
    drawn: set[Link] = set()
    for number, strand in enumerate(chains):
        _attach(strand, number, downward, number_of, drawn)
    lanes: dict[tuple[str, GridCell], Strand] = {}
    for link in downward:
        if link in drawn:
            continue
        is_direct = link.target.row == link.source.end_row and strand_of[link.target] is not strand_of[link.source]
        if is_direct and not link.target.is_leaf:
            continue  # a line between neighboring rows needs no lane
        key = (link.net, link.source)
        lane = lanes.setdefault(key, Strand([], link))
        lane.tails.append(link)
    raised = [Strand([], link, [link], is_upward=True) for link in upward]
    return [*chains, *raised, *lanes.values()]


def _chains(cells: Sequence[GridCell], links: Sequence[Link]) -> list[Strand]:
    """Divide the cells into chains. Each is the heaviest of those that are left."""
    before: defaultdict[GridCell, list[GridCell]] = defaultdict(list)
    uses: Counter[GridCell] = Counter()
    for link in links:
        before[link.target].append(link.source)
        uses[link.source] += 1
    left = sorted(cells, key=lambda cell: (cell.row, cell.order))
    found = []
    while left:
        chain = _heaviest(left, before, uses)
        found.append(Strand(chain))
        taken = set(chain)
        left = [cell for cell in left if cell not in taken]
    return found


def _heaviest(
    cells: Sequence[GridCell], before: Mapping[GridCell, Sequence[GridCell]], uses: Mapping[GridCell, int]
) -> list[GridCell]:
    """Return the heaviest chain, of those that start at an input of the model if there are any.

    Of equal branches that meet, it takes the middle one of those that other cells do not use, as they use the embedding
    of the time step in a diffusion model. Values enter and leave frames at their trunks if possible.
    """
    best: dict[GridCell, tuple[bool, float]] = {}
    came_from: dict[GridCell, GridCell] = {}
    for cell in cells:
        sources = [source for source in before[cell] if source in best]
        most = max((best[source] for source in sources), default=(cell.is_fed, 0.0))
        equal = sorted((s for s in sources if best[s] == most), key=lambda source: source.order)
        least = min((uses[source] for source in equal), default=0)
        equal = [source for source in equal if uses[source] <= least + 1]
        if equal:
            came_from[cell] = _middle(equal, cell)
        best[cell] = (most[0], most[1] + cell.weight)
    most = max(best.values())
    ends = [cell for cell in cells if best[cell] == most]
    straight = [cell for cell in ends if cell.kind == "exit" and _leaves_trunk(cell, came_from.get(cell))]
    chain = [straight[0] if straight else ends[(len(ends) - 1) // 2]]
    while chain[-1] in came_from:
        chain.append(came_from[chain[-1]])
    return chain[::-1]


def _middle(sources: Sequence[GridCell], target: GridCell) -> GridCell:
    """Return the source above a cell. Of entries, it is the one of the trunk of a frame, or the one computed last."""
    if any(source.kind != "entry" for source in sources):
        return sources[(len(sources) - 1) // 2]
    straight = [source for source in sources if target.grid and target.grid.entries[source.net] == 0]
    return straight[0] if straight else sources[-1]


def _leaves_trunk(exit_: GridCell, source: GridCell | None) -> bool:
    """Return whether a value leaves a frame at the bottom of the trunk of the frame that it comes from."""
    return source is not None and source.grid is not None and source.grid.exits[exit_.net] == 0


def _attach(
    strand: Strand, number: int, links: Sequence[Link], number_of: Mapping[GridCell, int], drawn: set[Link]
) -> None:
    """Set the head and the tails of a chain, and record the links that the chain draws."""
    for source, target in zip(strand.cells, strand.cells[1:], strict=False):
        found = [link for link in links if link.source is source and link.target is target]
        drawn.add(next((link for link in found if source.grid and source.grid.exits[link.net] == 0), found[0]))
    first, last = strand.cells[0], strand.cells[-1]
    if number == 0:
        return
    heads = [link for link in links if link.target is first and number_of[link.source] < number]
    if heads:
        strand.head = max(heads, key=lambda link: link.source.row)
        drawn.add(strand.head)
    tails = [link for link in links if link.source is last and number_of[link.target] < number]
    nets = {link.net for link in tails}
    if len(nets) == 1:  # a frame with several values at its bottom edge gives each a lane
        strand.tails = sorted(tails, key=lambda link: link.target.row)
        drawn.update(tails)
