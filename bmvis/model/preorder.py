"""Paths, parents and sizes of trees that are stored flat, in preorder: a node, then everything below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bmvis.model.tree import Module


def child_path(parent: str, name: str) -> str:
    """Return the dotted path of `name` inside `parent` ('' is the root)."""
    return f"{parent}.{name}" if parent else name


def module_paths(modules: Sequence[Module]) -> list[str]:
    """Return the dotted path of each module; '' for the root."""
    trail: list[str] = []
    found = []
    for module in modules:
        del trail[module.depth :]
        path = module.origin
        if path is None:
            path = child_path(trail[-1], module.name) if trail else ""
        trail.append(path)
        found.append(path)
    return found


def parents(depths: Iterable[int]) -> list[int]:
    """Return the index of each node's parent in a tree, by the depths of its nodes; -1 for the root."""
    trail: list[int] = []
    found = []
    for index, depth in enumerate(depths):
        del trail[depth:]
        found.append(trail[-1] if trail else -1)
        trail.append(index)
    return found


def subtree_sizes(modules: Sequence[Module]) -> list[int]:
    """Return the number of modules in each subtree, including its root: `[i, i + size)` is the subtree of `i`."""
    found = [1] * len(modules)
    above = parents(module.depth for module in modules)
    for index in range(len(modules) - 1, 0, -1):
        found[above[index]] += found[index]
    return found
