"""Divide the edges of a figure between its frames: each grid has the part of an edge that is inside its frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from typing import Literal

from bmvis.view.figure.figure import Edge, Figure, Frame, Shape
from bmvis.view.figure.layout.boxes import box_cell, shape_text
from bmvis.view.figure.layout.cells import GridCell, Link, entry_key, exit_key
from bmvis.view.figure.layout.drawing import STACK
from bmvis.view.figure.layout.grid import Grid, lay_out
from bmvis.view.figure.layout.text_size import text_width


@dataclass(eq=False)
class Nest:
    """A frame, or the whole figure, before its layout."""

    key: str
    frame: Frame | None
    nests: list[Nest]
    boxes: list[str]
    links: dict[tuple[str, str, str], Shape | None] = field(default_factory=dict)
    """For the net, the source and the target of each link: the shape to show."""


def nested_grid(figure: Figure) -> Grid:
    """Return the grid of the whole figure, with the grids of its frames in it."""
    framed = {key for frame in figure.frames for key in _all_boxes(frame)}
    root = Nest("", None, [], [box.key for box in figure.boxes if box.key not in framed])
    root.nests = [_nest(frame, f"\0{number}") for number, frame in enumerate(figure.frames)]
    ways = dict(_ways(root, ()))
    shown = _shown_shapes(figure)
    for edge in figure.edges:
        _add_links(edge, ways, shown.get((edge.source, edge.target)))
    order = {box.key: number for number, box in enumerate(figure.boxes)}
    incoming: defaultdict[str, int] = defaultdict(int)
    for edge in figure.edges:
        incoming[edge.target] += 1
    skips = _skips(figure)

    def laid_out(mirrored: Collection[str]) -> Grid:
        cells = {box.key: box_cell(box, order[box.key], incoming[box.key]) for box in figure.boxes}
        return _grid(root, cells, order, skips, mirrored)

    grid = laid_out(())
    mirrored = set(_crossing(grid))
    return laid_out(mirrored) if mirrored else grid


def _crossing(grid: Grid) -> Iterator[str]:
    """Yield the keys of frames whose exits are in the reverse order of the pins below that they lead to."""
    for cell in grid.cells:
        if cell.grid is None:
            continue
        yield from _crossing(cell.grid)
        pins = {
            link.net: link.target.pin(link.net, at_top=True)
            for link in grid.links
            if link.source is cell and link.target.row == cell.end_row
        }
        pairs = list(combinations(pins, 2))
        exits = cell.grid.exits
        crossing = sum((exits[one] - exits[other]) * (pins[one] - pins[other]) < 0 for one, other in pairs)
        if len(pairs) > 1 and crossing > len(pairs) / 2:
            yield cell.key


def _nest(frame: Frame, key: str) -> Nest:
    nests = [_nest(inner, f"{key}.{number}") for number, inner in enumerate(frame.frames)]
    return Nest(key, frame, nests, list(frame.boxes))


def _all_boxes(frame: Frame) -> Iterator[str]:
    yield from frame.boxes
    for inner in frame.frames:
        yield from _all_boxes(inner)


def _ways(nest: Nest, above: tuple[Nest, ...]) -> Iterator[tuple[str, tuple[Nest, ...]]]:
    """Yield the key of each box and the nests around it, the outermost first."""
    way = (*above, nest)
    for key in nest.boxes:
        yield key, way
    for inner in nest.nests:
        yield from _ways(inner, way)


def _shown_shapes(figure: Figure) -> Mapping[tuple[str, str], Shape]:
    """Return the shapes to show: one for each value, if it differs from those that its source gets."""
    given: defaultdict[str, set[Shape]] = defaultdict(set)
    for edge in figure.edges:
        if edge.shape is not None:
            given[edge.target].add(edge.shape)
    found: dict[tuple[str, str], Shape] = {}
    done: set[tuple[str, Shape]] = set()
    for edge in figure.edges:
        if edge.shape is None or edge.shape in given[edge.source] or (edge.source, edge.shape) in done:
            continue
        done.add((edge.source, edge.shape))
        found[edge.source, edge.target] = edge.shape
    return found


def _add_links(edge: Edge, ways: Mapping[str, tuple[Nest, ...]], shape: Shape | None) -> None:
    """Add the parts of an edge to the grids that it passes: up to the innermost one around both ends, and down."""
    out, into = ways[edge.source], ways[edge.target]
    common = 0
    while common < min(len(out), len(into)) and out[common] is into[common]:
        common += 1
    net = edge.source
    for depth in range(len(out) - 1, common - 1, -1):
        inner = out[depth + 1].key if depth + 1 < len(out) else net
        out[depth].links[net, inner, exit_key(net)] = None
    source = out[common].key if common < len(out) else net
    target = into[common].key if common < len(into) else edge.target
    links = out[common - 1].links
    links[net, source, target] = links.get((net, source, target)) or shape
    for depth in range(common, len(into)):
        inner = into[depth + 1].key if depth + 1 < len(into) else edge.target
        into[depth].links.setdefault((net, entry_key(net), inner))


def _skips(figure: Figure) -> Callable[[str, str | None], bool]:
    """Return a function that reports whether all ways from the inputs to a box pass another box before."""
    after: defaultdict[str, list[str]] = defaultdict(list)
    for edge in figure.edges:
        after[edge.source].append(edge.target)
    inputs = [box.key for box in figure.boxes if box.kind == "input"]

    @cache
    def reached(without: str) -> set[str]:
        todo = [key for key in inputs if key != without]
        found = set(todo)
        while todo:
            new = [key for key in after[todo.pop()] if key not in found and key != without]
            found.update(new)
            todo += new
        return found

    return lambda net, other: other is not None and other not in reached(net)


def _grid(
    nest: Nest,
    boxes: Mapping[str, GridCell],
    order: Mapping[str, int],
    is_skip: Callable[[str, str | None], bool],
    mirrored: Collection[str],
) -> Grid:
    cells = [boxes[key] for key in nest.boxes]
    exit_side: Literal[-1, 1] = -1 if any(f"{nest.key}.".startswith(f"{key}.") for key in mirrored) else 1
    for inner in nest.nests:
        grid = _grid(inner, boxes, order, is_skip, mirrored)
        stack = STACK if inner.frame and inner.frame.repeats > 1 else 0
        first = min((order[key] for key in _keys_in(inner)), default=0)
        cell = GridCell(inner.key, "frame", first, grid.left, grid.right + stack, grid.height + stack, grid=grid)
        cell.weight = 1 + grid.row_count / 2
        cells.append(cell)
    cells.sort(key=lambda cell: cell.order)
    of = {cell.key: cell for cell in cells}
    for net, source, target in nest.links:
        if source not in of:
            of[source] = GridCell(source, "entry", order[net], net=net, weight=0.5)
        if target not in of:
            of[target] = GridCell(target, "exit", order[net], net=net, exit_side=exit_side, weight=0.5)
    links = [Link(net, of[source], of[target], shape) for (net, source, target), shape in nest.links.items()]
    for link in links:
        if link.shape is not None:
            x = link.target.grid.entries[link.net] if link.target.grid else 0
            link.target.label_width = max(link.target.label_width, x + text_width(shape_text(link.shape), "shape"))
    return lay_out(nest.frame, list(of.values()), links, is_skip)


def _keys_in(nest: Nest) -> Iterator[str]:
    yield from nest.boxes
    for inner in nest.nests:
        yield from _keys_in(inner)
