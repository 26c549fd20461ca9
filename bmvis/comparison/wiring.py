"""The edges of the dataflows of two models, between the modules that both have. Internal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from bmvis.comparison.alignment import align
from bmvis.model.contraction import OPEN, FigureNode, contract
from bmvis.model.dataflow import Dataflow
from bmvis.model.tree import Model


class End(NamedTuple):
    """One end of an edge: a module, a join, or an input or output of the model."""

    path: str
    """Of the module, or of the one that computes the join."""
    join: str = ""
    """The operations of a join, or the name of an input or output; '' for a module."""
    number: int = 0
    """The number of the join among those of its module with the same operations, from 1."""

    def __str__(self) -> str:
        if not self.join or self.number < 0:
            return self.join or self.path
        return f"{self.join} in {self.path or 'root'}" + (f" #{self.number}" if self.number > 1 else "")


_NUMBER = re.compile(r"\d+")
INPUT, OUTPUT = -1, -2
"""The numbers of inputs and outputs."""
EndPair = tuple[End, End]


class WiringDrawing:
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

    def edges(self, opened: Set[str]) -> Set[EndPair]:
        """Return the edges, with what is in the modules `opened`, and the other modules as boxes."""
        nodes = contract(self.flow, self._boxes(opened))
        joins: Counter[tuple[str, str]] = Counter()
        ends: dict[FigureNode, Set[End]] = {}
        """For each node, itself; for one that is not drawn, the nodes that its values come from."""
        found: set[EndPair] = set()
        for node in nodes:
            sources = {end for source in node.ins for end in ends[source]}
            end = self.end(node, joins, opened)
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

    def end(self, node: FigureNode, joins: Counter[tuple[str, str]], opened: Set[str]) -> End | None:
        """Return the end of the edges of a node.

        None if the node is a module that only this model has, or a join in such a module.
        """
        if node.kind in ("input", "output"):
            return End("", node.name, INPUT if node.kind == "input" else OUTPUT)
        path = self.names[node.call]
        if node.kind == "module":
            inner = self.inner[node.call]
            path = next(iter(inner)) if path is None and _is_wrapper(inner, opened) else path
            return None if path is None else End(path)
        if path is None:
            return None
        joins[path, node.text] += 1
        return End(path, node.text, joins[path, node.text])


def _is_wrapper(inner: Set[str], opened: Set[str]) -> bool:
    """Return whether a module that one model has alone is drawn as the only module that it calls."""
    return len(inner) == 1 and not inner & opened


def with_present_names(was: Set[EndPair], is_now: Set[EndPair]) -> tuple[Set[EndPair], Set[EndPair]]:
    """Return the edges with the present name of the input and of the output, if there is one of them."""
    names: dict[End, End] = {}
    for kind in (INPUT, OUTPUT):
        old, new = ({end for edge in edges for end in edge if end.number == kind} for edges in (was, is_now))
        if len(old) == len(new) == 1:
            names |= {old.pop(): new.pop()}
    return {(names.get(source, source), names.get(target, target)) for source, target in was}, is_now


def _texts(edges: Sequence[EndPair]) -> Iterator[str]:
    """Yield each edge as text. Edges that differ in numbers alone, such as those of equal blocks, are one."""
    alike: dict[str, list[str]] = {}
    for source, target in edges:
        text = f"{source} -> {target}"
        alike.setdefault(_NUMBER.sub("#", text), []).append(text)
    for first, *more in alike.values():
        yield f"{first} (and {len(more)} more like it)" if more else first


class ComparedWiring:
    """Marks the edges of the figure of a model that another one does not have, and adds those that it alone has.

    Args:
        before: the earlier model, with its dataflow.
        after: the present model, with its dataflow.
    """

    def __init__(self, before: Model, after: Model) -> None:
        assert before.dataflow is not None
        assert after.dataflow is not None
        now = {p.before: p.after for p in align(before, after) if p.before is not None and p.after is not None}
        self.before = WiringDrawing(before.dataflow, {before.paths[old]: after.paths[new] for old, new in now.items()})
        self.after = WiringDrawing(after.dataflow, {after.paths[new]: after.paths[new] for new in now.values()})

    def mark(self, nodes: Sequence[FigureNode], boxes: Sequence[int]) -> tuple[str, ...]:
        """Mark the edges of a figure of the present model.

        Args:
            nodes: the nodes of the figure.
            boxes: for each call, the call of the box that it is in, or `OPEN`.

        Returns:
            The edges of the earlier model that the figure can't have, as text: an end of the edge is not in the
            figure, or the edge would be a cycle.
        """
        shown = {name for name, box in zip(self.after.names, boxes, strict=True) if name is not None and box == OPEN}
        opened = shown & self.before.outer & self.after.outer
        was, is_now = with_present_names(self.before.edges(opened), self.after.edges(opened))
        joins: Counter[tuple[str, str]] = Counter()
        ends = {node: self.after.end(node, joins, opened) for node in nodes}
        for node in nodes:
            for source in node.ins:
                pair = ends[source], ends[node]
                if None in pair or (pair in is_now and pair not in was):
                    node.changes[source] = "added"
        first: dict[End, FigureNode] = {}
        for node, end in ends.items():
            if end is not None:
                first.setdefault(end, node)
        absent = []
        for one, other in sorted(was - is_now):
            start, target = first.get(one), first.get(other)
            if start is None or target is None or start.order >= target.order:
                absent.append((one, other))
            elif start not in target.ins:
                start.connect(target, None)
                target.changes[start] = "removed"
        return tuple(_texts(absent))
