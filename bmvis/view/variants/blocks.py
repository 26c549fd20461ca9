"""Find variants of a block, siblings of one type that do not fold into one row, and note how they differ.

The structure that most of them have is the reference. The others are compared with it row by row, and each row that
differs from its counterpart gets a note with the counterpart's facts. Siblings of one type are not always variants of
one block: for example, `word_embeddings` and `position_embeddings`, or the convolutions of a VGG.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from bmvis.model.totals import Totals
from bmvis.model.tree import Model, Module
from bmvis.view.folding import Folding
from bmvis.view.similarity import BLOCK, series
from bmvis.view.variants.differs_mark import Notes, Variant, merge_alike, merge_notes, with_lengths
from bmvis.view.variants.row_comparison import RowComparison, type_of

_MAX_VARIANTS = 4
"""Maximum number of groups at which numbered blocks are variants of each other, if no group has half of the blocks."""
_ROWS_A_NOTE = 5
"""Rows of a page for each note. If there are more notes, those of a block become one."""
_MANY_NOTES = 3
"""Minimum number of notes of a block that become one."""


def find_variants(model: Model, folding: Folding, totals: Sequence[Totals], *, buffers: bool) -> dict[int, Variant]:
    """Return how rows differ from their counterparts, by the first module of the row.

    Each row is compared with one counterpart at most, so this is linear in the number of modules.
    """
    rows = RowComparison(model, folding, totals, buffers=buffers)
    siblings = _Siblings(rows)
    blocks: list[tuple[int, Notes]] = []
    compared: set[int] = set()
    for row, below in enumerate(rows.below):
        if len(below) < 2 or row in compared or folding.groups[row].varies:
            continue
        for variants in siblings.find(below):
            reference = siblings.reference(variants)
            for variant in variants:
                if variant != reference and siblings.agree(variant, reference):
                    found, seen = rows.compare(variant, reference)
                    compared |= seen
                    notes = _block_notes(rows, variant, found)
                    if row in rows.longer:  # the rows show sizes, which the note of the list can have
                        notes = {path: note for path, note in notes.items() if not note.growth}
                    blocks.append((variant, notes))
    return _by_module(rows, blocks)


def _block_notes(rows: RowComparison, block: int, found: dict[int, Variant]) -> Notes:
    """Return the notes of a block by paths below it, fewer if they are alike."""
    if len(found) < 2:
        return {_path(rows, block, row): note for row, note in found.items()}
    pending, tensor_rows = [block], 0
    lengths: dict[str, int] = {}
    while pending:
        row = pending.pop()
        pending += reversed(rows.below[row])
        tensor_rows += bool(rows.first(row).parameters)
        if row in rows.lengths:
            lengths[_path(rows, block, row)] = rows.lengths[row]
    notes = merge_alike({_path(rows, block, row): note for row, note in sorted(found.items())}, tensor_rows)
    return with_lengths(notes, lengths)


def _path(rows: RowComparison, block: int, row: int) -> str:
    """Return the path of a row below its block; '' for the block itself."""
    above, path = (rows.paths[rows.members(index)[0]] for index in (block, row))
    return path[len(above) + 1 :]


def _by_module(rows: RowComparison, blocks: Sequence[tuple[int, Notes]]) -> dict[int, Variant]:
    """Return the notes by the first modules of their rows, with one for a block if the page has many."""
    count, found = sum(len(notes) for _, notes in blocks), dict[int, Variant]()
    first_modules = {rows.paths[group.members[0]]: group.members[0] for group in rows.folding.groups} if blocks else {}
    for block, notes in sorted(blocks, key=lambda one: -len(one[1])):
        kept = notes
        if _ROWS_A_NOTE * count > len(rows.below) and len(notes) >= _MANY_NOTES:
            kept = merge_notes(notes)
            count -= len(notes) - 1
        above = rows.paths[rows.members(block)[0]]
        found |= {first_modules[f"{above}.{path}" if path else above]: note for path, note in kept.items()}
    return found


class _Siblings:
    """The siblings that are variants of one block."""

    def __init__(self, rows: RowComparison) -> None:
        self._rows = rows
        self._forms = _Numbers(
            rows,
            lambda module: tuple((p.name, p.shape) for p in module.parameters),
            lambda module: module.name,
        )
        self._structures = _Numbers(
            rows,
            lambda module: tuple(p.name for p in module.parameters),
            lambda module: series(module.name) or module.name,
        )

    def find(self, rows: Sequence[int]) -> Iterator[list[int]]:
        """Yield the sibling rows that are variants of one block."""
        for of_type in _grouped(rows, lambda row: type_of(self._rows.first(row))):
            others: list[int] = []
            for alike in _grouped(of_type, self._series, least=1):
                if self._are_repeats(alike):
                    yield alike
                else:
                    others += alike
            for as_large in _grouped(others, self._rows.count):
                yield from _grouped(as_large, lambda row: self._forms.of(self._rows.members(row)[0]))

    def _series(self, row: int) -> str | None:
        """Return the series of a row's names; None if they have none in common."""
        found = {series(name) for name in self._rows.names(row)}
        return found.pop() if len(found) == 1 else None

    def _are_repeats(self, rows: Sequence[int]) -> bool:
        """Return whether siblings are blocks of a series, and few enough to be variants of one of them."""
        if len(rows) < 2 or self._series(rows[0]) is None or not all(map(self._is_block, rows)):
            return False
        sizes = [len(self._rows.members(row)) for row in rows]
        return 2 * max(sizes) > sum(sizes) or len(rows) <= _MAX_VARIANTS

    def _is_block(self, row: int) -> bool:
        """Return whether a row is large enough to be a block: `conv1` with its norm is none, `layers.1` is one."""
        below = self._rows.folding.below[self._rows.members(row)[0]]
        return below >= (1 if self._rows.first(row).name.isdecimal() else BLOCK)

    def reference(self, rows: Sequence[int]) -> int:
        """Return the row that the others are compared with.

        This is the largest one of those with the structure that most modules have, or else the same children.
        """
        structures, names = Counter[int](), Counter[frozenset[str]]()
        for row in rows:
            structures[self._structure(row)] += len(self._rows.members(row))
            names[self._child_names(row)] += len(self._rows.members(row))

        def rank(row: int) -> tuple[int, int, int]:
            return structures[self._structure(row)], names[self._child_names(row)], len(self._rows.members(row))

        return max(rows, key=rank)  # the first of several

    def _structure(self, row: int) -> int:
        return self._structures.of(self._rows.members(row)[0])

    def _child_names(self, row: int) -> frozenset[str]:
        return frozenset(series(name) or name for name in self._rows.children(self._rows.members(row)[0]))

    def agree(self, one: int, other: int) -> bool:
        """Return whether modules have most names of their children in common; of a sequence, also the types."""
        own, others = (self._rows.children(self._rows.members(row)[0]) for row in (one, other))
        both = [(child, others[name]) for name, child in own.items() if name in others]
        if all(name.isdecimal() for name in (*own, *others)):
            types = [type_of(self._rows.modules[a]) == type_of(self._rows.modules[b]) for a, b in both]
            return 2 * sum(types) >= len(types)
        return 2 * len(both) >= len({*own, *others})


class _Numbers:
    """Numbers that are equal for subtrees that are equal by some keys.

    Args:
        rows: the rows of the model.
        own: returns the key of a module, apart from its type.
        name: returns the key of a module's name. Equal children of one key count once.
    """

    def __init__(
        self, rows: RowComparison, own: Callable[[Module], Hashable], name: Callable[[Module], Hashable]
    ) -> None:
        self._modules, self._children = rows.modules, rows.folding.children
        self._own, self._name = own, name
        self._numbers: dict[int, int] = {}
        self._known: dict[Hashable, int] = {}

    def of(self, root: int) -> int:
        """Return the number of a subtree."""
        pending = [root]
        while pending:
            index = pending[-1]
            unknown = [child for child in self._children[index] if child not in self._numbers]
            if unknown:
                pending += unknown
                continue
            pending.pop()
            module = self._modules[index]
            below = [(self._name(self._modules[child]), self._numbers[child]) for child in self._children[index]]
            key = (type_of(module), self._own(module), tuple(dict.fromkeys(below)))
            self._numbers[index] = self._known.setdefault(key, len(self._known))
        return self._numbers[root]


def _grouped(rows: Iterable[int], key: Callable[[int], Hashable], least: int = 2) -> list[list[int]]:
    """Return the groups of rows that have the same key, without those of fewer than `least` rows."""
    found: dict[Hashable, list[int]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return [group for group in found.values() if len(group) >= least]
