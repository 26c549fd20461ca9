"""The changes of a model as a tree: modules with several changes below them are written once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bmvis.cli.results import ReportedChange


class _Changed:
    """A module with changes of its own or below it."""

    def __init__(self) -> None:
        self.changes: list[ReportedChange] = []
        self.children: dict[str, _Changed] = {}


def change_tree(changes: Sequence[ReportedChange]) -> Iterator[str]:
    """Yield a line for each change, below a line for each module that several of them have in common.

    All lines begin with their sign or a space, as lines of a diff do. Changes of the whole model, and modules with
    another path, come first.

    Examples:
        The changes of `encoder.0.fc` and `encoder.1-5.norm` are two lines below `encoder`:

              encoder
            ~   0.fc  weight: [2] → [3]
            ~   1-5.norm  eps: 1e-05 → 0.001
    """
    root = _Changed()
    for change in changes:
        if not change.path or change.subject or change.was is not None:
            yield change.shown
            continue
        node = root
        for name in change.path.split("."):
            node = node.children.setdefault(name, _Changed())
        node.changes.append(change)
    yield from _below(root)


def _below(root: _Changed) -> Iterator[str]:
    pending = [(name, 0, node) for name, node in reversed(root.children.items())]
    while pending:
        name, level, node = pending.pop()
        while not node.changes and len(node.children) == 1:
            ((below, node),) = node.children.items()
            name = f"{name}.{below}"
        indent = "  " * level
        for change in node.changes:
            yield f"{change.shown[:1]} {indent}{name}  {change.text}"
        if not node.changes:
            yield f"  {indent}{name}"
        pending += [(below, level + 1, child) for below, child in reversed(node.children.items())]
