"""Divide the edges of a figure between its frames: each grid has the part of an edge that is inside its frame."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from types import MappingProxyType
from typing import Literal, NamedTuple

from bmvis.view.figure.figure import Edge, Figure, Frame, Shape
from bmvis.view.figure.layout.boxes import box_cell, shape_text
from bmvis.view.figure.layout.cells import GridCell, Link, entry_key, exit_key
from bmvis.view.figure.layout.dependence import Dependence
from bmvis.view.figure.layout.drawing import STACK
from bmvis.view.figure.layout.grid import Grid, lay_out
from bmvis.view.figure.layout.straightening import Pin, Pins, outward_pins
from bmvis.view.figure.layout.text_size import text_width

ROUNDS = 3
"""How often frames are laid out again to avoid short bends."""


@dataclass(eq=False)
class Nest:
    """A frame, or the whole figure, before its layout."""

    key: str
    frame: Frame | None
    nests: list[Nest]
    boxes: list[str]
    links: dict[tuple[str, str, str], Shape | None] = field(default_factory=dict)
    """For the net, the source and the target of each link: the shape to show."""


class _LayoutPlan(NamedTuple):
    """What the layout of each frame depends on."""

    figure: Figure
    dependence: Dependence
    order: Mapping[str, int]
    """The position of each box in the figure."""
    incoming: Mapping[str, int]
    """The number of edges that lead to each box."""
    mirrored: Collection[str] = ()
    """The keys of frames whose values leave them on the left."""
    pins: Pins = MappingProxyType({})


def nested_grid(figure: Figure, *, is_straightened: bool = True) -> Grid:
    """Return the grid of the whole figure, with the grids of its frames in it.

    Args:
        figure: the figure.
        is_straightened: whether frames may be wider to avoid short bends.
    """
    framed = {key for frame in figure.frames for key in _all_boxes(frame)}
    root = Nest("", None, [], [box.key for box in figure.boxes if box.key not in framed])
    root.nests = [_nest(frame, f"\0{number}") for number, frame in enumerate(figure.frames)]
    ways = dict(_ways(root, ()))
    shown = _shown_shapes(figure)
    for edge in figure.edges:
        _add_links(edge, ways, shown.get((edge.source, edge.target)))
    order = {box.key: number for number, box in enumerate(figure.boxes)}
    frames_of = {key: tuple(nest.key for nest in way[1:]) for key, way in ways.items()}
    plan = _LayoutPlan(figure, Dependence(figure, frames_of), order, Counter(edge.target for edge in figure.edges))
    grid = _laid_out(root, plan)
    mirrored = set(_crossing(grid))
    if mirrored:
        plan = plan._replace(mirrored=mirrored)
        grid = _laid_out(root, plan)
    return _straightened(root, plan, grid) if is_straightened else grid


def _straightened(root: Nest, plan: _LayoutPlan, grid: Grid) -> Grid:
    """Return the grid with pins farther out where that makes lines straight."""
    in_vain: set[Pin] = set()
    for _ in range(ROUNDS):
        found = outward_pins(grid)
        in_vain |= found.keys() & plan.pins.keys()  # the line next to the pin has moved, too
        pins = {pin: distance for pin, distance in {**plan.pins, **found}.items() if pin not in in_vain}
        if pins == plan.pins:
            break
        plan = plan._replace(pins=pins)
        grid = _laid_out(root, plan)
    return grid


def _laid_out(root: Nest, plan: _LayoutPlan) -> Grid:
    cells = {
        box.key: box_cell(box, plan.order[box.key], plan.incoming[box.key], is_fed=box.key in plan.dependence.fed)
        for box in plan.figure.boxes
    }
    return _grid(root, cells, plan)


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


def _grid(nest: Nest, boxes: Mapping[str, GridCell], plan: _LayoutPlan) -> Grid:
    cells = [boxes[key] for key in nest.boxes] + [_frame_cell(inner, boxes, plan) for inner in nest.nests]
    cells.sort(key=lambda cell: cell.order)
    around = [nest.key[:end] for end in range(len(nest.key) + 1) if nest.key[end : end + 1] in ("", ".")]
    exit_side: Literal[-1, 1] = -1 if any(key in plan.mirrored for key in around) else 1
    of = {cell.key: cell for cell in cells}
    for net, source, target in nest.links:
        order = plan.order[net]
        if source not in of:
            outward = plan.pins.get(Pin(nest.key, net, True), 0)
            of[source] = GridCell(source, "entry", order, net=net, weight=0.5, outward=outward)
        if target not in of:
            outward = plan.pins.get(Pin(nest.key, net, False), 0)
            of[target] = GridCell(target, "exit", order, net=net, exit_side=exit_side, weight=0.5, outward=outward)
    links = [Link(net, of[source], of[target], shape) for (net, source, target), shape in nest.links.items()]
    for link in links:
        if link.shape is not None:
            x = link.target.grid.entries[link.net] if link.target.grid else 0
            link.target.label_width = max(link.target.label_width, x + text_width(shape_text(link.shape), "shape"))
    return lay_out(nest.frame, list(of.values()), links, lambda net, main: plan.dependence.is_skip(net, main, around))


def _frame_cell(nest: Nest, boxes: Mapping[str, GridCell], plan: _LayoutPlan) -> GridCell:
    grid = _grid(nest, boxes, plan)
    stack = STACK if nest.frame and nest.frame.repeats > 1 else 0
    keys = list(_keys_in(nest))
    first = min((plan.order[key] for key in keys), default=0)
    cell = GridCell(nest.key, "frame", first, grid.left, grid.right + stack, grid.height + stack, grid=grid)
    cell.weight = 1 + grid.row_count / 2
    cell.is_fed = any(key in plan.dependence.fed for key in keys)
    return cell


def _keys_in(nest: Nest) -> Iterator[str]:
    yield from nest.boxes
    for inner in nest.nests:
        yield from _keys_in(inner)
