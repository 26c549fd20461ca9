"""Find blocks that are equal but for sizes, so that one row shows them with ranges.

The *form* of a subtree has all that its signature has but the sizes of tensors, and but the number of blocks in a
series (`layer1` with three blocks, `layer2` with four). Blocks of one form and one series of names are similar. So are
stages of blocks of which some lack a part, as the last one often lacks a downsampling layer: they have the form of the
stage with all parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import msgspec

from bmvis.model.tree import Buffer, Model, Module, Parameter

BLOCK = 3
"""Modules without children in a block: two similar blocks are one row. A convolution with its norm is none."""
MANY = 4
"""Rows of smaller modules that one row replaces: three convolutions of a block are not alike."""

_NUMBER = re.compile(r"\d+")

_Tensor = TypeVar("_Tensor", Parameter, Buffer)
_Column = tuple[bool, str | None, int]
OwnKey = Callable[[int], Hashable]
"""Returns what a module has in common with similar ones, without its name and children."""


class Forms:
    """The form of each module, as a number, and how the children of similar modules become rows."""

    def __init__(self, model: Model, children: Sequence[Sequence[int]], signatures: Sequence[int]) -> None:
        self.modules = model.modules
        self.children = children
        self.signatures = signatures
        self.forms = [0] * len(signatures)
        """Equal for modules that are equal but for sizes; 0 for a module that is not shown."""
        self._series = [series(module.name) for module in model.modules]
        self._leaves = [0]
        """By form, the number of modules without children, those of similar blocks counted once."""
        self._own: list[Hashable] = [None]
        """By form, what modules have in common without their names and children."""
        self._columns: list[frozenset[_Column]] = [frozenset()]
        """By form, what is below."""
        self._are_stages = [False]
        """By form, whether there are blocks below."""

    def find(self, own: OwnKey) -> None:
        """Fill `forms`, from the leaves to the root."""
        known: dict[Hashable, int] = {}
        for index in range(len(self.forms) - 1, -1, -1):
            if not self.signatures[index]:
                continue
            self._unite_stages(self.children[index])
            columns = tuple(dict.fromkeys(map(self._column, self.children[index])))
            key = own(index)
            form = known.setdefault((key, columns), len(known) + 1)
            if form == len(self._leaves):
                self._leaves.append(sum(self._leaves[below] for *_, below in columns) or 1)
                self._own.append(key)
                self._columns.append(frozenset(columns))
                self._are_stages.append(any(is_block or self._are_stages[below] for is_block, _, below in columns))
            self.forms[index] = form

    def _unite_stages(self, siblings: Sequence[int]) -> None:
        """Give stages of blocks that lack a part of another stage the form of that one."""
        alike: dict[Hashable, dict[int, None]] = {}
        for child in siblings:
            form = self.forms[child]
            if self._series[child] is not None and self._are_stages[form]:
                alike.setdefault((self._series[child], self._own[form]), {})[form] = None
        whole: dict[int, int] = {}
        for forms in alike.values():
            most = max(forms, key=lambda form: len(self._columns[form]))
            whole |= {form: most for form in forms if self._lacks_a_part(form, most)}
        for child in siblings if whole else ():
            self.forms[child] = whole.get(self.forms[child], self.forms[child])

    def _lacks_a_part(self, form: int, whole: int) -> bool:
        """Return whether modules of a form have all that those of another have, but a part that is not a block."""
        missing = self._columns[whole] - self._columns[form]
        is_part = self._columns[form] < self._columns[whole]
        return is_part and not any(is_block for is_block, *_ in missing)

    def is_block(self, index: int) -> bool:
        """Return whether a module is large enough to be a block, and one of a series."""
        return self._series[index] is not None and self._leaves[self.forms[index]] >= BLOCK

    def vary(self, members: Sequence[int]) -> bool:
        """Return whether modules of one row differ in sizes."""
        return any(self.signatures[member] != self.signatures[members[0]] for member in members)

    def rows_below(self, parents: Sequence[int]) -> list[tuple[int, ...]]:
        """Return the rows below modules of one form: for each the modules that it shows, in the model's order."""
        columns: dict[Hashable, list[int]] = {}
        for parent in parents:
            for child in self.children[parent]:
                columns.setdefault(self._column(child), []).append(child)
        blocks = [column for column in columns.values() if len(column) != len(parents)]
        single = [column for column in columns.values() if len(column) == len(parents)]
        rows = [*blocks, *self._merged_many(self._merged_equal(single))]
        rows = self._merged_rows(rows) if len(parents) == 1 else rows
        return sorted(tuple(sorted(row)) for row in rows)

    def _column(self, child: int) -> _Column:
        """Return what the children have in common that are in the same place of similar modules."""
        is_block = self.is_block(child)
        return is_block, self._series[child] if is_block else self.modules[child].name, self.forms[child]

    def _merged_equal(self, columns: Sequence[list[int]]) -> list[list[int]]:
        """Merge siblings that are equal in each of the modules above them."""
        alike: dict[Hashable, list[int]] = {}
        for column in columns:
            alike.setdefault(tuple([self.signatures[child] for child in column]), []).extend(column)
        return list(alike.values())

    def _merged_rows(self, rows: Sequence[list[int]]) -> list[list[int]]:
        """Merge rows of siblings that are all equal, whatever their names are."""
        alike: dict[Hashable, list[int]] = {}
        for number, row in enumerate(rows):
            signatures = {self.signatures[child] for child in row}
            alike.setdefault(signatures.pop() if len(signatures) == 1 else -1 - number, []).extend(row)
        return list(alike.values())

    def _merged_many(self, rows: Sequence[list[int]]) -> list[list[int]]:
        """Merge rows of similar siblings that are not blocks, if they are many."""
        alike: dict[Hashable, list[list[int]]] = {}
        for number, row in enumerate(rows):
            names = {self._series[child] for child in row}
            is_series = len(names) == 1 and None not in names
            key: Hashable = (*names, self.forms[row[0]]) if is_series else number
            alike.setdefault(key, []).append(row)
        merged: list[list[int]] = []
        for found in alike.values():
            merged += [[child for row in found for child in row]] if len(found) >= MANY else found
        return merged


def series(name: str) -> str | None:
    """Return what the names of a series have in common; None if a name does not end in a number.

    Examples:
        >>> series("denselayer12"), series("inception3a"), series("7"), series("block2-1"), series("query")
        ('denselayer#', 'inception#', '#', 'block#-#', None)
    """
    body = name[:-1] if name[-2:-1].isdecimal() and name[-1].isalpha() else name
    return _NUMBER.sub("#", body) if body[-1:].isdecimal() else None


def without_sizes(tensor: _Tensor) -> _Tensor:
    """Return a tensor without its sizes, with its number of dimensions."""
    shape = None if tensor.shape is None else (0,) * len(tensor.shape)
    sizes = {"count": 0} if isinstance(tensor, Parameter) else {}
    return msgspec.structs.replace(tensor, shape=shape, stored_bytes=0, **sizes)


def names_by_parent(
    members: Sequence[int], above: Sequence[int], modules: Sequence[Module], parents: Sequence[int]
) -> list[tuple[str, ...]]:
    """Return the names of the modules of a row, in each of the modules above them."""
    found: dict[int, list[str]] = {parent: [] for parent in above}
    for member in members:
        found[parents[member]].append(modules[member].name)
    return list(map(tuple, found.values()))
