"""List the changes of what feeds what: connections between modules and operations in one call. Internal.

Both dataflows are drawn with the modules that both models have. What only one of them has, other lines report, so
values pass through it: if a module is put between two others, these are still connected.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from bmvis.comparison.lines import WHOLE, DriftLine, fact_line
from bmvis.comparison.tensor_changes import ChangedFact
from bmvis.model.contraction import OPEN, FigureNode, contract
from bmvis.model.dataflow import Dataflow
from bmvis.model.labels import common_path
from bmvis.model.tree import Model

DATAFLOW = "dataflow"
"""The name of the fact in `Model.unrecorded`."""
TOPIC = "connections"
MAX_EDGES = 3
"""Connections of one module that a line names."""


class _End(NamedTuple):
    """One end of an edge: a module, a join, or an input or output of the model."""

    path: str
    """Of the module, or of the one that computes the join."""
    join: str = ""
    """The operations of a join, or the name of an input or output; '' for a module."""
    number: int = 0
    """The number of the join among those of its module with the same operations, from 1."""


_INPUT, _OUTPUT = -1, -2
"""The numbers of inputs and outputs."""
_Edge = tuple[_End, _End]


def wiring_changes(before: Model, after: Model, now: Mapping[int, int]) -> Iterator[DriftLine]:
    """Yield a line for each module in which other connections are made.

    Args:
        before: the earlier model.
        after: the present model.
        now: for each module of the earlier model, the same one in the present model.
    """
    if before.inputs != after.inputs or DATAFLOW in (*before.unrecorded, *after.unrecorded):
        return
    if before.dataflow is None or after.dataflow is None:
        yield from _recorded(before, after)
        return
    same = {after.paths[new]: after.paths[new] for new in now.values()}
    drawings = (
        _Wiring(before.dataflow, {before.paths[old]: after.paths[new] for old, new in now.items()}),
        _Wiring(after.dataflow, same),
    )
    opened = drawings[0].outer & drawings[1].outer
    was, is_now = _with_names(*(drawing.edges(opened) for drawing in drawings))
    changes: defaultdict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for side, (edges, others) in enumerate(((was, is_now), (is_now, was))):
        known = {step for edge in others for step in _steps(edge, opened)}
        for edge in edges - others:
            steps = list(_steps(edge, opened))
            # If a module uses its inputs in another way, all steps can be known.
            for place, text in [step for step in steps if step not in known] or [_direct(edge)]:
                changes[place][side].add(text)
    for path in sorted(changes, key=lambda path: after.index_of.get(path, 0)):
        yield fact_line(path, _fact(*changes[path]))


def _with_names(was: Set[_Edge], is_now: Set[_Edge]) -> tuple[Set[_Edge], Set[_Edge]]:
    """Return the edges with the present name of the input and of the output, if there is one of them."""
    names: dict[_End, _End] = {}
    for kind in (_INPUT, _OUTPUT):
        old, new = ({end for edge in edges for end in edge if end.number == kind} for edges in (was, is_now))
        if len(old) == len(new) == 1:
            names |= {old.pop(): new.pop()}
    return {(names.get(source, source), names.get(target, target)) for source, target in was}, is_now


def _steps(edge: _Edge, opened: Set[str]) -> Iterator[tuple[str, str]]:
    """Yield the connections in each module that an edge goes through, with the path of the module."""
    source, target = (_modules(end, opened) for end in edge)
    common = 0
    while common < min(len(source), len(target)) and source[common] == target[common]:
        common += 1
    here = source[common - 1]
    yield here, f"{_text(here, edge[0], source[common:])} -> {_text(here, edge[1], target[common:])}"
    for position in range(common, len(source)):
        yield source[position], f"{_text(source[position], edge[0], source[position + 1 :])} -> output"
    for position in range(common, len(target)):
        yield target[position], f"input -> {_text(target[position], edge[1], target[position + 1 :])}"


def _modules(end: _End, opened: Set[str]) -> list[str]:
    """Return the opened modules around an end, from the model on."""
    parts = end.path.split(".")
    above = [".".join(parts[:length]) for length in range(1, len(parts) + (end.number != 0))]
    return ["", *(path for path in above if path in opened and path)]


def _direct(edge: _Edge) -> tuple[str, str]:
    place = common_path([end.path for end in edge])
    return place, " -> ".join(_text(place, end, ()) for end in edge)


def _recorded(before: Model, after: Model) -> Iterator[DriftLine]:
    """Yield whether connections are known, if that has changed."""
    if before.untraced or after.untraced or (before.dataflow is None and after.dataflow is None):
        if after.undrawn and not before.undrawn and not after.untraced:
            yield _of_model(f"cannot be called: {after.undrawn.message}", "called")
        return
    if after.undrawn:
        yield _of_model(f"cannot be called: {after.undrawn.message}", "called")
        return
    texts = ["not recorded" if model.dataflow is None else "recorded" for model in (before, after)]
    fact = ChangedFact(f"{TOPIC}: {' → '.join(texts)}", "cosmetic", False, texts[0], texts[1], TOPIC)
    yield fact_line("", fact, subject=WHOLE)


def _of_model(text: str, topic: str) -> DriftLine:
    return fact_line("", ChangedFact(text, "numerics", False, topic=topic), subject=WHOLE)


class _Wiring:
    """The edges of a dataflow between the modules that both models have.

    Args:
        flow: the dataflow.
        names: for the path of each module that both models have, its path in the present model.
    """

    def __init__(self, flow: Dataflow, names: Mapping[str, str]) -> None:
        self.flow = flow
        self.names = [names.get(call.path) for call in flow.calls]
        self.inner: list[set[str]] = [set() for _ in flow.calls]
        """For each call, the outermost modules in it that both models have, and that it calls."""
        for number in range(len(flow.calls) - 1, 0, -1):
            name = self.names[number]
            self.inner[flow.calls[number].parent] |= self.inner[number] if name is None else {name}

    @property
    def outer(self) -> Set[str]:
        """The modules that call others that both models have."""
        return {name for name, inner in zip(self.names, self.inner, strict=True) if name is not None and inner}

    def edges(self, opened: Set[str]) -> Set[_Edge]:
        """Return the edges, with what is in the modules `opened`, and the other modules as boxes."""
        nodes = contract(self.flow, self._boxes(opened))
        joins: Counter[tuple[str, str]] = Counter()
        ends: dict[FigureNode, Set[_End]] = {}
        """For each node, itself; for one that is not drawn, the nodes that its values come from."""
        found: set[_Edge] = set()
        for node in nodes:
            sources = {end for source in node.ins for end in ends[source]}
            end = self._end(node, joins, opened)
            ends[node] = sources if end is None else {end}
            if end is not None:
                found.update((source, end) for source in sources if source != end)
        return found

    def _boxes(self, opened: Set[str]) -> list[int]:
        """Return for each call the call of the box that it is in, or `OPEN`."""
        boxes = [OPEN]
        for number, call in enumerate(self.flow.calls[1:], 1):
            around, name, inner = boxes[call.parent], self.names[number], self.inner[number]
            is_open = name in opened if name is not None else bool(inner) and not _is_wrapper(inner, opened)
            boxes.append(around if around != OPEN else OPEN if is_open else number)
        return boxes

    def _end(self, node: FigureNode, joins: Counter[tuple[str, str]], opened: Set[str]) -> _End | None:
        """Return the end of the edges of a node; None for a module, or a join in one, of this model alone."""
        if node.kind in ("input", "output"):
            return _End("", node.name, _INPUT if node.kind == "input" else _OUTPUT)
        path = self.names[node.call]
        if node.kind == "module":
            inner = self.inner[node.call]
            path = next(iter(inner)) if path is None and _is_wrapper(inner, opened) else path
            return None if path is None else _End(path)
        if path is None:
            return None
        joins[path, node.text] += 1
        return _End(path, node.text, joins[path, node.text])


def _is_wrapper(inner: Set[str], opened: Set[str]) -> bool:
    """Return whether a module that one model has alone is drawn as the only module that it calls."""
    return len(inner) == 1 and not inner & opened


def _fact(removed: Set[str], added: Set[str]) -> ChangedFact:
    was, is_now = _listed(removed), _listed(added)
    parts = [f"now {is_now}"] * bool(added) + [f"no longer {was}"] * bool(removed)
    return ChangedFact(f"{TOPIC}: {'; '.join(parts)}", "numerics", False, was, is_now, TOPIC)


def _listed(edges: Set[str]) -> str:
    more = len(edges) - MAX_EDGES
    return ", ".join([*sorted(edges)[:MAX_EDGES], *([f"{more} more"] if more > 0 else [])])


def _text(place: str, end: _End, inside: Sequence[str]) -> str:
    """Return the name of an end, or of the outermost module that it is inside of, relative to a module around them."""
    path = inside[0] if inside else end.path
    path = path.removeprefix(f"{place}.") if place else path
    if inside or not end.join:
        return path
    name = end.join if end.number < 2 else f"{end.join} #{end.number}"
    return name if end.path in ("", place) else f"{name} in {path}"
