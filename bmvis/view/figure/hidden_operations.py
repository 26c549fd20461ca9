"""Leave out the operations of a figure: a box gets its values from the boxes that an operation combines.

This comes after repeats are folded. In a residual stream, each block gets the values of all blocks before it. With the
operations, they are a chain of equal blocks, which is drawn once.
"""

from __future__ import annotations

from bmvis.model.contraction import FigureNode
from bmvis.view.figure.items import Item


def hide_operations(nodes: list[FigureNode], root: Item) -> list[FigureNode]:
    """Return the nodes without joins. Edges, and the items in `root`, are changed."""
    for node in nodes:
        if node.kind == "join":
            _bypass(node)
    _remove_joins(root)
    return [node for node in nodes if node.kind != "join"]


def _bypass(join: FigureNode) -> None:
    """Connect what a join combines with what uses its result, in place of it."""
    for target in list(join.outs):
        shape, change = target.ins[join], target.changes.get(join, "")
        for source in join.ins:
            is_new = source not in target.ins
            source.connect(target, shape)
            if is_new and (one := change or join.changes.get(source, "")):
                target.changes[source] = one
            elif not is_new:  # two ways, such as one with the operation and one without it before
                target.changes.pop(source, None)
        join.disconnect(target)
    for source in list(join.ins):
        source.disconnect(join)


def _remove_joins(outer: Item) -> None:
    """Remove joins from the items in another one, and what has no box then."""
    kept: list[Item] = []
    for item in outer.items:
        _remove_joins(item)
        if item.node is None and item.is_group and len(item.items) == 1:
            kept.append(_single(item))
        elif item.items or (item.node is not None and item.node.kind != "join"):
            kept.append(item)
    outer.items = kept
    outer.nodes = [node for node in outer.nodes if node.kind != "join"]


def _single(group: Item) -> Item:
    """Return what a repeated group has, in place of the group if it is not repeated itself."""
    (item,) = group.items
    if item.members:
        return group
    item.members, item.across = item.calls() if item.across else group.members, []
    item.is_parallel, item.is_similar = group.is_parallel, group.is_similar or item.is_similar
    return item
