"""List the modules below the depth limit, which a page's filter finds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property

import msgspec

from bmvis.model.tree import Model, Module
from bmvis.view.folding import Folding


class Hidden(msgspec.Struct, frozen=True, gc=False):
    """Siblings below a row that hides them, in preorder. Equal siblings are one."""

    depth: int
    """Levels below the row, from 1."""
    names: tuple[str, ...]
    module: Module
    """The first of the siblings."""


class HiddenModules:
    """The modules of a model that rows hide.

    Args:
        model: the model to show.
        folding: its groups. Its signatures do not compare names below the depth limit, so they are not used.
    """

    def __init__(self, model: Model, folding: Folding) -> None:
        self._modules = model.modules
        self._children = folding.children

    def below(self, members: Sequence[int]) -> tuple[Hidden, ...]:
        """Return what is below the modules of one row."""
        found: list[Hidden] = []
        pending = self._groups([child for member in members for child in self._children[member]], 1)
        while pending:
            depth, siblings = pending.pop()
            first = siblings[0]
            names = dict.fromkeys(self._modules[index].name for index in siblings)
            found.append(Hidden(depth, tuple(names), self._modules[first]))
            pending += self._groups(self._children[first], depth + 1)
        return tuple(found)

    @cached_property
    def _numbers(self) -> list[int]:
        """Return numbers that are equal for modules with equal types, tensors, and names below."""
        alike: dict[Hashable, int] = {}
        numbers = [0] * len(self._modules)
        for index in range(len(self._modules) - 1, -1, -1):
            module = self._modules[index]
            tensors = tuple((one.name, one.trainable, one.delta, one.is_tied) for one in module.parameters)
            buffers = tuple(one.name for one in module.buffers)
            below = tuple((self._modules[child].name, numbers[child]) for child in self._children[index])
            numbers[index] = alike.setdefault((module.type, tensors, buffers, below), len(alike))
        return numbers

    def _groups(self, siblings: Sequence[int], depth: int) -> list[tuple[int, list[int]]]:
        """Return groups of equal siblings, the last one first."""
        alike: dict[int, list[int]] = {}
        for index in siblings:
            alike.setdefault(self._numbers[index], []).append(index)
        return [(depth, group) for group in reversed(alike.values())]
