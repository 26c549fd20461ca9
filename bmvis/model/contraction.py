"""Draw a record of operations at some level: closed modules become boxes, and what combines their values, joins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from bmvis.model.dataflow import Dataflow, Dims, FlowOperation, FlowValue
from bmvis.model.preorder import child_path

OPEN = -1
"""The box of the operations of an opened module."""
Kind = Literal["input", "module", "join", "output"]
EdgeChange = Literal["", "added", "removed"]
_MAX_SYMBOLS = 3
"""Maximum number of symbols in the label of a join."""
_PRODUCTS = frozenset(("matmul", "einsum", "baddbmm"))
_ARITHMETIC = frozenset((*_PRODUCTS, "softmax", "+", "−", "×", "÷", "concat", "where", "index", "attention"))
"""Operations that are parts of attention if they lead to it."""


class FigureNode:
    """A box under construction."""

    __slots__ = ("call", "changes", "ins", "kind", "name", "order", "outs", "steps", "symbols", "weights")

    def __init__(self, kind: Kind, call: int, order: int, name: str = "") -> None:
        self.kind = kind
        self.call = call
        """For a module, its call. For a join, the call that runs the operation. -1 for inputs and outputs."""
        self.order = order
        self.name = name
        self.symbols: list[str] = []
        """For a join, the operations."""
        self.weights: list[str] = []
        """For a join, the names of the parameters that it uses."""
        self.steps: list[tuple[int, list[str], list[str]]] = []
        """For a join of several operations, the order, name and parameters of each one."""
        self.ins: dict[FigureNode, Dims | None] = {}
        self.outs: dict[FigureNode, None] = {}
        self.changes: dict[FigureNode, EdgeChange] = {}
        """In a comparison, how the edges from other nodes changed."""

    def connect(self, target: FigureNode, shape: Dims | None) -> None:
        """Add an edge to another node. Several values share one edge, with a shape if that is the same for all."""
        if target is self:
            return
        target.ins[self] = shape if target.ins.get(self, shape) == shape else None
        self.outs[target] = None

    def merge(self, other: FigureNode) -> None:
        """Add the operations of another join, in the order of the call."""
        steps = [step for node in (other, self) for step in node.steps or [(node.order, node.symbols, node.weights)]]
        self.steps = sorted(steps, key=lambda step: step[0])
        self.symbols = [symbol for step in self.steps for symbol in step[1]]
        self.weights = [name for step in self.steps for name in step[2]]

    def disconnect(self, target: FigureNode) -> None:
        """Remove the edge to another node."""
        del self.outs[target]
        del target.ins[self]

    @property
    def text(self) -> str:
        """Return the label of a join: its operations and parameters."""
        symbols = list(dict.fromkeys(self.symbols))
        shown = [*symbols[:_MAX_SYMBOLS], *(["…"] if len(symbols) > _MAX_SYMBOLS else [])]
        return " ".join([*shown, ", ".join(dict.fromkeys(self.weights))] if self.weights else shown)


def contract(flow: Dataflow, box: Sequence[int], *, shows_all: bool = False) -> list[FigureNode]:
    """Return the nodes of a figure: inputs, modules and joins in the order of the call, and outputs.

    An operation in a closed module is part of its box. Another operation is a join if its values come from several
    boxes, or if it uses a parameter of an opened module. Else the value counts as that of the box.

    Args:
        flow: the record.
        box: for each call, the call of the box that it is in, or `OPEN`.
        shows_all: whether all operations are nodes, not joins alone.
    """
    nodes = _Contraction(flow, box, shows_all=shows_all).nodes()
    joins = [node for node in nodes if node.kind == "join"]
    if not shows_all:
        attending = {one.call for one in flow.operations if one.name == "softmax" and box[one.call] == OPEN}
        dropped = {node for node in joins if _merged_into_next(node)}
        nodes = [node for node in nodes if node not in dropped]
        for node in joins:
            node.symbols = _simplified(node.symbols, node.call in attending)
    return nodes


class _Contraction:
    """The state of `contract`: the nodes that each operation's result comes from."""

    def __init__(self, flow: Dataflow, box: Sequence[int], *, shows_all: bool) -> None:
        self.flow = flow
        self.box = box
        self.shows_all = shows_all
        self.inputs: dict[str, FigureNode] = {}
        self.boxes: dict[int, tuple[FigureNode]] = {}
        self.joins: list[FigureNode] = []
        self.attention = _attention_products(flow)
        self.origins: list[tuple[FigureNode, ...]] = []
        """For each operation, the nodes that its result comes from; none if it depends on nothing that is shown."""

    def nodes(self) -> list[FigureNode]:
        while len(self.origins) < len(self.flow.operations):
            index = len(self.origins)
            call = self.box[self.flow.operations[index].call]
            if call == OPEN or not self._add_whole_box(index, call):
                self.origins.append(self._origins(index, self.flow.operations[index]))
        results = []
        for result in self.flow.results:
            node = FigureNode("output", -1, len(self.flow.operations), result.name)
            self._connect(result.sources, node)
            if node.ins:
                results.append(node)
        inner = sorted([*(node for (node,) in self.boxes.values()), *self.joins], key=lambda node: node.order)
        return [*(node for node in self.inputs.values() if node.outs), *inner, *results]

    def _add_whole_box(self, start: int, call: int) -> bool:
        """Add a box with all its operations at once, if each of the values from outside depends on a shown one."""
        end = self.flow.ranges[call][1]
        used = [ref for one in self.flow.operations[start:end] for ref in one.sources if ref < start]
        if call in self.boxes or not all(ref < 0 or self.origins[ref] for ref in used):
            return False
        node = FigureNode("module", call, start)
        self.boxes[call] = (node,)
        self._connect(dict.fromkeys(used), node)
        self.origins += [self.boxes[call]] * (end - start)
        return True

    def _origins(self, index: int, operation: FlowOperation) -> tuple[FigureNode, ...]:
        call = self.box[operation.call]
        if call != OPEN:
            return self._origins_in_box(index, call, operation.sources)
        values = [self.flow.values[-1 - ref] for ref in operation.sources if ref < 0]
        path = self.flow.calls[operation.call].path
        weights = [_name_in(path, value) for value in values if value.kind == "parameter"]
        if not (
            weights
            or any(value.kind == "input" for value in values)
            or any(ref >= 0 and self.origins[ref] for ref in operation.sources)
        ):
            return ()
        found = dict.fromkeys(node for ref in operation.sources for node in self._nodes_of(ref))
        if not (self.shows_all or weights or len(found) > 1):
            return tuple(found)
        node = FigureNode("join", operation.call, index)
        node.symbols, node.weights = [self._symbol(index, operation)] if operation.name else [], weights
        self.joins.append(node)
        self._connect(operation.sources, node)
        return (node,)

    def _symbol(self, index: int, operation: FlowOperation) -> str:
        """Return the name of an operation: `attention` for the second product if the first one is no join."""
        scores = self.attention.get(index)
        is_join = scores is None or any(node.kind == "join" and node.order == scores for node in self.origins[scores])
        return operation.name if is_join else "attention"

    def _origins_in_box(self, index: int, call: int, sources: Sequence[int]) -> tuple[FigureNode, ...]:
        own = self.boxes.get(call)
        others = [ref for ref in sources if ref < 0 or self.origins[ref] is not own]
        if len(others) == len(sources) and not any(ref < 0 or self.origins[ref] for ref in others):
            return ()
        if own is None:
            own = self.boxes[call] = (FigureNode("module", call, index),)
        if others:
            self._connect(others, own[0])
        return own

    def _nodes_of(self, ref: int) -> tuple[FigureNode, ...]:
        if ref >= 0:
            return self.origins[ref]
        value = self.flow.values[-1 - ref]
        if value.kind != "input":
            return ()
        return (self.inputs.setdefault(value.name, FigureNode("input", -1, -1, value.name)),)

    def _connect(self, sources: Iterable[int], target: FigureNode) -> None:
        for ref in sources:
            shape = self.flow.operations[ref].shape if ref >= 0 else self.flow.values[-1 - ref].shape
            for node in self._nodes_of(ref):
                node.connect(target, shape)


def _name_in(path: str, value: FlowValue) -> str:
    """Return the name of a parameter for code of the module at a path: `layer.weight` if a module inside has it."""
    inside = value.path.removeprefix(f"{path}.") if path else value.path
    return value.name if value.path == path else child_path(inside, value.name)


def _attention_products(flow: Dataflow) -> dict[int, int]:
    """Return the products of values with the softmax of a product in the same call, and for each one that product."""
    scores: dict[int, int] = {}
    """For an operation that depends on a product, that product."""
    weighting: set[int] = set()
    """The operations that depend on the softmax of a product."""
    found: dict[int, int] = {}
    for index, operation in enumerate(flow.operations):
        inside = [ref for ref in operation.sources if ref in scores and flow.operations[ref].call == operation.call]
        is_product = operation.name in _PRODUCTS
        if is_product and (used := [ref for ref in inside if ref in weighting]):
            found[index] = scores[used[0]]
        elif inside and not is_product:
            scores[index] = scores[inside[0]]
            if operation.name == "softmax" or not weighting.isdisjoint(inside):
                weighting.add(index)
        if is_product:
            scores[index] = index
    return found


def _merged_into_next(node: FigureNode) -> bool:
    """Merge a join with the only node that uses it, if that is a join in the same call.

    The last step of a loop is not merged with what collects the results of all steps: it is drawn like the others.
    """
    if len(node.outs) != 1:
        return False
    (target,) = node.outs
    if target.kind != "join" or target.call != node.call:
        return False
    if any(_is_like(other, node) and len(other.outs) > 1 for other in target.ins if other is not node):
        return False
    node.disconnect(target)
    for source, shape in list(node.ins.items()):
        source.disconnect(node)
        source.connect(target, shape)
    target.merge(node)
    return True


def _is_like(one: FigureNode, other: FigureNode) -> bool:
    is_same = one.symbols == other.symbols and one.weights == other.weights
    return is_same and one.kind == "join" and one.call == other.call


def _simplified(symbols: list[str], is_attending: bool) -> list[str]:
    """Return the operations of a join, with `attention` for those that lead to it."""
    ends = [index for index, symbol in enumerate(symbols) if symbol == "attention"]
    if not ends and is_attending:
        ends = [index for index, symbol in enumerate(symbols) if symbol in _PRODUCTS][1:]
    if not ends:
        return symbols
    before = [symbol for symbol in symbols[: ends[-1]] if symbol not in _ARITHMETIC]
    return [*before, "attention", *symbols[ends[-1] + 1 :]]
