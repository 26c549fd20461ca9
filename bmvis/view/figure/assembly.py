"""Make the figure from the nodes and items of a level: keys, labels, notes and frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bmvis.model.contraction import FigureNode
from bmvis.model.dataflow import Dataflow
from bmvis.model.labels import label, series_label
from bmvis.model.tree import Model
from bmvis.view.figure.figure import Box, Edge, Figure, Frame
from bmvis.view.figure.items import Item

_ROOT = "root"
"""The path of the model in keys."""


def assemble(model: Model, flow: Dataflow, nodes: Sequence[FigureNode], root: Item, level: int) -> Figure:
    """Return the figure of nodes whose repeats are folded."""
    return _Assembly(model, flow, nodes, root).figure(level)


class _Assembly:
    """The keys of the boxes of one figure."""

    def __init__(self, model: Model, flow: Dataflow, nodes: Sequence[FigureNode], root: Item) -> None:
        self.model = model
        self.flow = flow
        self.root = root
        kept = set(root.nodes)
        self.nodes = [node for node in nodes if node.call < 0 or node in kept]
        self.item_of = {item.node: item for item in _items(root) if item.node is not None}
        self.parent: dict[int, str] = {}
        """For the `id` of an item, the path of the module that it is in."""
        self.calls = Counter(self._path(item) for item in _items(root) if item.call >= 0)
        self.met: Counter[str] = Counter()
        self.numbers: dict[int, int] = {}
        """For the `id` of an item, its number among those of its module."""
        self.run: Counter[str] = Counter()
        """For each module, the calls that all boxes represent."""
        self.own_calls: dict[int, range] = {}
        """For the `id` of an item, the calls of its module that it represents; they are counted from 1."""
        self.keys: dict[FigureNode, str] = {}
        self._number_items(root, "", 1)

    def _path(self, item: Item) -> str:
        return self.flow.calls[item.call].path

    def _number_items(self, outer: Item, path: str, times: int) -> None:
        """Number the items in another one, of which there are several calls, `times`, if its module repeats."""
        for item in outer.items:
            self.parent[id(item)] = path
            own, inner = path, times
            if item.call >= 0:
                own = self._path(item)
                self.met[own] += 1
                self.numbers[id(item)] = self.met[own]
                inner = times * sum(self.flow.calls[call].path == own for call in item.calls())
                self.own_calls[id(item)] = range(self.run[own] + 1, self.run[own] + 1 + inner)
                self.run[own] += inner
            self._number_items(item, own, inner)

    def figure(self, level: int) -> Figure:
        boxes = [self._box(node) for node in self.nodes]
        edges = [
            Edge(self.keys[source], self.keys[node], shape, node.changes.get(source, ""))
            for node in self.nodes
            for source, shape in sorted(node.ins.items(), key=lambda pair: pair[0].order)
        ]
        frames = tuple(frame for item in self.root.items for frame in self._frames(item))
        return Figure(tuple(boxes), tuple(edges), frames, self.flow.called_with, level, unseen=self.flow.unseen)

    def _box(self, node: FigureNode) -> Box:
        if node.kind in ("input", "output"):
            return Box(self._key(node, f"{'in' if node.kind == 'input' else 'out'}:{node.name}"), node.kind, node.name)
        if node.kind == "join":
            path = self.flow.calls[node.call].path
            return Box(self._key(node, f"({node.text}){path or _ROOT}"), "join", node.text, path=path)
        item = self.item_of[node]
        path = self._path(item)
        repeats = max(1, len(item.members))
        key = (path or _ROOT) + (f"..x{repeats}" if repeats > 1 else "")
        if self.calls[path] > 1:
            key += f"#{self.numbers[id(item)]}"
        return Box(
            self._key(node, key),
            "module",
            self._label(item),
            self._type(path),
            path,
            repeats,
            item.is_similar,
            self._note(item),
            item.is_parallel,
        )

    def _key(self, node: FigureNode, wanted: str) -> str:
        taken = set(self.keys.values()) if wanted in self.keys.values() else set()
        key, number = wanted, 1
        while key in taken:
            number += 1
            key = f"{wanted}~{number}"
        self.keys[node] = key
        return key

    def _type(self, path: str) -> str:
        index = self.model.index_of.get(path)
        return "" if index is None else self.model.modules[index].type

    def _label(self, item: Item) -> str:
        """Return the path in the module around it, with the names of all modules that it represents."""
        above = self.parent[id(item)]
        paths = list(dict.fromkeys(self.flow.calls[call].path for call in item.calls()))
        below = [path.removeprefix(f"{above}.") if above else path for path in paths]
        return merge_names(below) or _ROOT

    def _note(self, item: Item) -> str:
        path = self._path(item)
        if not self._has_weights(path):
            return ""
        calls, own = item.calls(), self.own_calls[id(item)]
        if len({self.flow.calls[call].path for call in calls}) > 1:
            return ""
        if self.calls[path] == 1:
            return "same weights" if len(calls) > 1 else ""
        return f"call {own[0]} of {self.run[path]}" if len(own) == 1 else f"{len(own)} of {self.run[path]} calls"

    def _has_weights(self, path: str) -> bool:
        start = self.model.index_of.get(path, 0)
        shared = self.model.modules[start].shared_with
        start = start if shared is None else self.model.index_of[shared]
        return any(module.parameters for module in self.model.modules[start : start + self.model.sizes[start]])

    def _frames(self, item: Item) -> Iterator[Frame]:
        """Yield the frame of an opened module or a group; nothing for a box."""
        if item.node is not None:
            return
        path = None if item.is_group else self._path(item)
        yield Frame(
            "" if path is None else self._label(item),
            path,
            "" if path is None else self._type(path),
            max(1, len(item.members)),
            tuple(self.keys[one.node] for one in item.items if one.node is not None),
            tuple(frame for one in item.items for frame in self._frames(one)),
            item.is_similar,
            "" if path is None else self._note(item),
            item.is_parallel,
        )


def merge_names(paths: Sequence[str]) -> str:
    """Return a label for paths that differ in numbers: `layer.0-11`, `block1-3`."""
    parts = [path.split(".") for path in paths]
    if len({len(names) for names in parts}) != 1:
        return label(paths)
    columns = list(zip(*parts, strict=True))
    varying = [column for column in columns if len(set(column)) > 1]
    if len(varying) > 1:
        return f"{paths[0]}…{paths[-1]}"
    return ".".join(column[0] if len(set(column)) == 1 else series_label(column) for column in columns)


def _items(outer: Item) -> Iterator[Item]:
    for item in outer.items:
        yield item
        yield from _items(item)
