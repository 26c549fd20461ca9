"""The boxes of a figure, inside the opened modules that run them."""

from __future__ import annotations

from collections.abc import Sequence

from bmvis.model.contraction import FigureNode
from bmvis.model.dataflow import Dataflow


class Item:
    """A box, an opened module, or several of them that repeat."""

    __slots__ = (
        "across",
        "call",
        "exact",
        "is_parallel",
        "is_similar",
        "items",
        "members",
        "node",
        "nodes",
        "signature",
    )

    def __init__(self, node: FigureNode | None = None, call: int = -1) -> None:
        self.node = node
        """The box; None for an opened module and for a repeated group."""
        self.call = call
        """The call of the module; that of the first one if it repeats. -1 for a join and for a group."""
        self.items: list[Item] = []
        """What is in an opened module or in a group."""
        self.nodes: list[FigureNode] = [] if node is None else [node]
        """All boxes inside."""
        self.members: list[int] = []
        """The calls that it represents if it repeats. For a group, those of its first module, if it has one."""
        self.across: list[int] = []
        """In a repeated group, the calls of this item in all repeats."""
        self.signature = self.exact = 0
        """Numbers that are equal for items that can repeat, and for items that are equal."""
        self.is_parallel = self.is_similar = False

    @property
    def is_group(self) -> bool:
        """Return whether it is a repeated group of several items."""
        return self.node is None and self.call < 0

    def calls(self) -> list[int]:
        """Return all calls that it represents."""
        return self.across or self.members or [self.call]

    def spread(self, others: Sequence[Item]) -> None:
        """Record the equal items of the other repeats of a group, also for the items of groups in it."""
        if self.is_group:
            for item, *equal in zip(self.items, *(other.items for other in others), strict=True):
                item.spread(equal)
        elif self.call >= 0:
            self.across = [call for item in (self, *others) for call in item.calls()]


def nest(flow: Dataflow, nodes: Sequence[FigureNode]) -> tuple[Item, dict[int, Item]]:
    """Return the item of the model with all others in it, and the opened modules by their calls."""
    root = Item(call=0)
    opened = {-1: root, 0: root}
    for node in nodes:
        if node.kind in ("input", "output"):
            continue
        is_module = node.kind == "module"
        item = Item(node, node.call if is_module else -1)
        call = flow.calls[node.call].parent if is_module else node.call
        while call not in opened:
            opened[call] = outer = Item(call=call)
            outer.items.append(item)
            item, call = outer, flow.calls[call].parent
        opened[call].items.append(item)
    del opened[-1]
    return root, opened
