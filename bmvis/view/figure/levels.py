"""Choose which modules of a figure are opened, and make the figure."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from functools import cached_property

import msgspec

from bmvis import address
from bmvis.comparison.wiring import ComparedWiring
from bmvis.model.contraction import OPEN, FigureNode, contract
from bmvis.model.dataflow import Dataflow
from bmvis.model.tree import Model
from bmvis.options.definitions import FlowOperations
from bmvis.view.figure.assembly import assemble
from bmvis.view.figure.figure import Figure, Frame
from bmvis.view.figure.hidden_operations import hide_operations
from bmvis.view.figure.runs import fold_runs
from bmvis.view.figure.wiring import Signatures

MAX_BOXES = 24
"""Maximum number of modules and joins in the figure of the level `auto`."""
_WITH_FRAMES = 1.5
"""How many times as many modules, joins and frames it can have: frames make a figure long, and its SVG large."""


class Figures:
    """The figures of a model that was called with a record of its dataflow.

    Args:
        model: the model.
        flow: its record.
        operations: which operations between modules are drawn: those that combine values, all, or none.
        opened: patterns for modules that are opened at any level; the rules are those of `bmvis.address`.
        closed: patterns for modules that are never opened.
        similar: whether modules that differ in sizes only can be drawn once: always, never, or (None) if a figure
            would have too many boxes.
        base: a model to compare with, with a record of its dataflow: edges that only one of the models has are marked.
    """

    def __init__(
        self,
        model: Model,
        flow: Dataflow,
        *,
        operations: FlowOperations = "joins",
        opened: Sequence[str] = (),
        closed: Sequence[str] = (),
        similar: bool | None = None,
        base: Model | None = None,
    ) -> None:
        self.model = model
        self.flow = flow
        self.operations = operations
        self.similar = similar
        self._compared = None if base is None else ComparedWiring(base, model)
        self._opened = self._matched(opened, with_parents=True)
        self._closed = self._matched(closed)
        self._made: dict[int, Figure] = {}

    @cached_property
    def _signatures(self) -> Signatures:
        return Signatures(self.model, self.flow)

    def _matched(self, patterns: Sequence[str], *, with_parents: bool = False) -> set[int]:
        """Return the calls of the modules that match a pattern, and if requested the calls around them.

        A list of modules, which is not called itself, represents the modules in it.
        """
        if not patterns:
            return set()
        called = dict.fromkeys(call.path for call in self.flow.calls)
        paths = [*called, *(path for path in self.model.paths if path not in called)]
        matched = {paths[index] for pattern in patterns for index in address.find(paths, pattern)}
        found = {
            number
            for number, call in enumerate(self.flow.calls)
            if any(path in matched for path in _with_lists(call.path, called))
        }
        for call in list(found) if with_parents else ():
            while call >= 0:
                found.add(call)
                call = self.flow.calls[call].parent
        return found

    @cached_property
    def depths(self) -> Sequence[int]:
        """The level of each call. The model has level 0."""
        found = [0]
        for call in self.flow.calls[1:]:
            found.append(found[call.parent] + 1)
        return found

    @property
    def deepest(self) -> int:
        """Return the level at which all modules are open that can be."""
        return max(1, *self.depths)

    def at(self, level: int) -> Figure:
        """Return the figure that shows the modules at a level as boxes. The children of the model have level 1."""
        level = max(1, min(level, self.deepest))
        if level not in self._made:
            similar = self.similar
            figure = self._make(level, similar=bool(similar))
            if similar is None and figure_size(figure) > MAX_BOXES:
                figure = self._make(level, similar=True)
            self._made[level] = figure
        return self._made[level]

    def _make(self, level: int, *, similar: bool) -> Figure:
        boxes = self._boxes(level)
        nodes = contract(self.flow, boxes, shows_all=self.operations == "all")
        undrawn = () if self._compared is None else self._compared.mark(nodes, boxes)
        root = fold_runs(self.flow, nodes, self._signatures, similar=similar)
        is_tangled = False
        if self.operations == "none":
            before = _edges(nodes)
            nodes = hide_operations(nodes, root)
            is_tangled = level > 1 and _edges(nodes) > before
        made = assemble(self.model, self.flow, nodes, root, level)
        return msgspec.structs.replace(made, undrawn=undrawn, tangled=is_tangled)

    def fitting(self, most: int) -> Figure:
        """Return the figure of the deepest level with at most `most` boxes, and half as many more with its frames.

        If none has, it is that of level 1.
        """
        found = self.at(1)
        for level in range(2, self.deepest + 1):
            figure = self.at(level)
            if figure_size(figure) > most or figure_size(figure) + _frames(figure.frames) > _WITH_FRAMES * most:
                break
            found = found if figure.tangled else figure
        return found

    def _boxes(self, level: int) -> list[int]:
        """Return for each call the call of the box that it is in, or `OPEN`."""
        outer = {call.parent for call in self.flow.calls}
        boxes: list[int] = []
        for call, made in enumerate(self.flow.calls):
            around = boxes[made.parent] if call else OPEN
            if around != OPEN:
                boxes.append(around)
                continue
            is_open = call in outer and call not in self._closed
            is_open = is_open and (self.depths[call] < level or call in self._opened)
            boxes.append(OPEN if is_open else call)
        return boxes


def _edges(nodes: Sequence[FigureNode]) -> int:
    return sum(len(node.ins) for node in nodes)


def _with_lists(path: str, called: Container[str]) -> Iterator[str]:
    """Yield a path and those of the modules around it, up to the nearest one that is called."""
    yield path
    above = path.rpartition(".")[0]
    while above and above not in called:
        yield above
        above = above.rpartition(".")[0]


def _frames(frames: Sequence[Frame]) -> int:
    """Return the number of frames, with those inside them."""
    return len(frames) + sum(_frames(frame.frames) for frame in frames)


def figure_size(figure: Figure) -> int:
    """Return the number of modules and joins of a figure."""
    return sum(box.kind in ("module", "join") for box in figure.boxes)
