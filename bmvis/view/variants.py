"""Find differences between variants of a block: siblings of one type that do not fold into one row.

The group with the most members is the reference. The others are compared with it row by row, and each row that differs
from its counterpart gets a note with the counterpart's facts. Siblings of one type are not always variants of one
block: for example, `word_embeddings` and `position_embeddings`, or the convolutions of a VGG.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

import msgspec

from bmvis import humanize
from bmvis.model.labels import label, shortened
from bmvis.model.totals import Totals
from bmvis.model.tree import Buffer, Model, Module, Parameter
from bmvis.view.folding import Folding, Group, relative_path
from bmvis.view.param_groups import groups_text

_MAX_VARIANTS = 4
"""Maximum number of groups at which numbered blocks are variants of each other, if no group has half of the blocks."""


class Variant(msgspec.Struct, frozen=True):
    """How one row differs from its counterpart."""

    reference: str
    """The group that it was compared with: `layer.0-5`."""
    module: tuple[str, ...] = ()
    """Facts about the counterpart module itself: `its type is DeepseekV3MoE`."""
    tensors: tuple[tuple[str, str], ...] = ()
    """Facts about the counterpart's parameters and buffers: `("weight", "frozen")`."""
    which: str = ""
    """The modules of the row that have a different counterpart; '' if all have."""

    is_same: bool = False
    """Whether the counterpart has tensors of the same names and shapes, and all differ."""

    def __str__(self) -> str:
        alike: dict[str, list[str]] = {}
        for name, words in self.tensors:
            alike.setdefault(words, []).append(name)
        if self.is_same and not self.which and len(alike) == 1:
            return f"differs from {self.reference}, where {_and([*self.module, f'it is {next(iter(alike))}'])}"
        of = f" of {self.which}" if self.which else ""
        facts = [f"{_and(names)}{of} {'is' if len(names) == 1 else 'are'} {words}" for words, names in alike.items()]
        return f"differs from {self.reference}, where {_and([*self.module, *facts])}"

    def of(self, tensor: str) -> Variant | None:
        """Return the part about one tensor, or about the module itself for ''; None if there is none."""
        mine = tuple((name, words) for name, words in self.tensors if name == tensor)
        module = () if tensor else self.module
        return Variant(self.reference, module, mine, self.which) if module or mine else None


def find_variants(model: Model, folding: Folding, totals: Sequence[Totals], *, buffers: bool) -> dict[int, Variant]:
    """Return how rows differ from their counterparts, by the first module of the row.

    Each row is compared with one counterpart at most, so this is linear in the number of modules.
    """
    return _RowComparison(model, folding, totals, buffers).run()


class _RowComparison:
    """The comparison of the rows of one model."""

    def __init__(self, model: Model, folding: Folding, totals: Sequence[Totals], buffers: bool) -> None:
        self.modules = model.modules
        self.places = model.paths
        self.folding = folding
        self.alike = folding.forms or folding.signatures
        self.totals = totals
        self.buffers = buffers
        self.varied = {member for group in folding.groups if group.varies for member in group.members}
        self.below = _rows_below(folding.groups)
        self.named: dict[int, dict[str, int]] = {}
        self.forms: dict[int, int] = {}
        self.known_forms: dict[Hashable, int] = {}
        self.found: dict[int, Variant] = {}

    def run(self) -> dict[int, Variant]:
        compared: set[int] = set()
        for row, below in enumerate(self.below):
            if len(below) < 2 or row in compared or self.folding.groups[row].varies:
                continue
            for variants in self._variants(below):
                reference = max(variants, key=lambda one: len(self._members(one)))  # the first of several
                for variant in variants:
                    if variant != reference:
                        compared |= self._compare(variant, reference)
        return self.found

    def _members(self, row: int) -> tuple[int, ...]:
        return self.folding.groups[row].members

    def _first(self, row: int) -> Module:
        return self.modules[self._members(row)[0]]

    def _names(self, row: int) -> list[str]:
        return [self.modules[member].name for member in self._members(row)]

    def _variants(self, rows: Sequence[int]) -> Iterator[list[int]]:
        """Yield the sibling rows that are variants of one block."""
        for alike in _grouped(rows, lambda row: _type(self._first(row))):
            if self._are_repeats(alike):
                yield alike
                continue
            for as_large in _grouped(alike, lambda row: self.totals[self._members(row)[0]].count):
                yield from _grouped(as_large, lambda row: self._form(self._members(row)[0]))

    def _are_repeats(self, rows: Sequence[int]) -> bool:
        """Return whether siblings of one type are numbered, and enough of them are equal to be a reference."""
        if not all(name.isdecimal() for row in rows for name in self._names(row)):
            return False
        sizes = [len(self._members(row)) for row in rows]
        if 2 * max(sizes) > sum(sizes):
            return True
        is_block = all(self.folding.children[self._members(row)[0]] for row in rows)
        return is_block and (len(rows) == 2 or (max(sizes) > 1 and len(rows) <= _MAX_VARIANTS))

    def _form(self, root: int) -> int:
        """Return a number that is equal for subtrees of equal types, names and shapes."""
        pending = [root]
        while pending:
            index = pending[-1]
            below = self.folding.children[index]
            unknown = [child for child in below if child not in self.forms]
            if unknown:
                pending += unknown
                continue
            pending.pop()
            module = self.modules[index]
            key = (
                _type(module),
                tuple((p.name, p.shape) for p in module.parameters),
                tuple((self.modules[child].name, self.forms[child]) for child in below),
            )
            self.forms[index] = self.known_forms.setdefault(key, len(self.known_forms))
        return self.forms[root]

    def _compare(self, variant: int, reference: int) -> set[int]:
        """Note the differences of a row and of the rows below it; return the rows whose children were compared."""
        above = self.places[self._members(reference)[0]].split(".")[-2:-1]
        name = ".".join([*above, shortened(label(self._names(reference)))])
        compared: set[int] = set()
        pending = [(variant, self._members(variant)[0], self._members(reference)[0], "")]
        while pending:
            row, here, there, which = pending.pop()
            # The row already shows that a module is shared.
            is_shared = self.modules[here].shared_with is not None or self._is_first_occurrence(here, there)
            if is_shared or self.alike[here] == self.alike[there]:
                continue
            module, tensors = list(self._module_words(here, there)), list(self._tensor_words(here, there))
            if _type(self.modules[here]) == _type(self.modules[there]) and not (
                self._is_cut(here, there) or self.folding.groups[row].varies
            ):
                compared.add(row)
                for below in self.below[row]:
                    pending += self._counterpart(below, there, name)
                module += self._lacks(row, there)
            if module or tensors:
                is_same = len(tensors) == len(self._shapes(here)) and self._shapes(here) == self._shapes(there)
                self._note(row, Variant(name, tuple(module), tuple(tensors), which, is_same))
        return compared

    def _is_first_occurrence(self, here: int, there: int) -> bool:
        """Return whether the counterpart is a later occurrence of the module itself."""
        return self.modules[there].shared_with == self.places[here]

    def _note(self, row: int, difference: Variant) -> None:
        self.found[self._members(row)[0]] = difference

    def _is_cut(self, here: int, there: int) -> bool:
        return self.folding.cut[here] or self.folding.cut[there]

    def _counterpart(self, row: int, there: int, name: str) -> list[tuple[int, int, int, str]]:
        """Return the pair to compare for a row; note members of the row that have no counterpart."""
        named, members = self._children(there), self._members(row)
        paired = [member for member in members if self.modules[member].name in named]
        lone = [member for member in members if self.modules[member].name not in named]
        if lone:
            which = "" if len(lone) == len(members) else label([self.modules[member].name for member in lone])
            self._note(row, Variant(name, (f"there is no {which}" if which else "there is none",)))
        pairs = [(member, named[self.modules[member].name]) for member in paired]
        other = [(a, b) for a, b in pairs if self.alike[a] != self.alike[b]]
        if lone or not other:
            return []
        names = label([self.modules[member].name for member, _ in other])
        return [(row, *other[0], names if len(other) < len(members) else "")]

    def _children(self, index: int) -> dict[str, int]:
        if index not in self.named:
            self.named[index] = {self.modules[child].name: child for child in self.folding.children[index]}
        return self.named[index]

    def _lacks(self, row: int, there: int) -> Iterator[str]:
        """Yield the tensors and child modules of a counterpart that the row does not have."""
        own = self._tensors(self._first(row))
        for name in self._tensors(self.modules[there]):
            if name not in own:
                yield f"there is also {name}"
        shown = {name for below in self.below[row] for name in self._names(below)}
        missing = [name for name in self._children(there) if name not in shown]
        if missing:
            yield f"there is also {shortened(label(missing))}"

    def _module_words(self, here: int, there: int) -> Iterator[str]:
        """Yield the facts about a counterpart that do not apply to the module itself."""
        mine, other = self.modules[here], self.modules[there]
        if _type(mine) != _type(other):
            yield f"its type is {other.type if mine.type != other.type else other.import_path}"
            return
        if other.shared_with is not None:
            yield f"it is {other.shared_with or 'the root'}"
        if self._is_cut(here, there) and (self.folding.children[here] or self.folding.children[there]):
            own, theirs = self.totals[here], self.totals[there]
            if here in self.varied or there in self.varied:
                return  # their numbers of parameters are ranges
            if own.count != theirs.count:
                is_same = humanize.count(own.count) == humanize.count(theirs.count)
                yield f"there are {f'{theirs.count:,}' if is_same else humanize.count(theirs.count)} parameters"
            elif own.trainable != theirs.trainable:
                yield f"{humanize.count(theirs.trainable)} parameters are trainable"
            elif own.delta != theirs.delta:
                yield f"{humanize.count(theirs.delta)} parameters are delta"

    def _tensor_words(self, here: int, there: int) -> Iterator[tuple[str, str]]:
        """Yield for each tensor the facts about its counterpart that do not apply to it."""
        mine, other = self.modules[here], self.modules[there]
        if _type(mine) != _type(other):
            return
        own, theirs = self._tensors(mine), self._tensors(other)
        for name, tensor in own.items():
            counterpart = theirs.get(name)
            words = self._words(tensor, counterpart, here, there) if counterpart else ["missing"]
            if words:
                yield name, ", ".join(words)

    def _tensors(self, module: Module) -> dict[str, Parameter | Buffer]:
        tensors: list[Parameter | Buffer] = [*module.parameters, *(module.buffers if self.buffers else ())]
        return {tensor.name: tensor for tensor in tensors}

    def _shapes(self, index: int) -> list[tuple[str, tuple[int, ...] | None]]:
        return [(name, tensor.shape) for name, tensor in self._tensors(self.modules[index]).items()]

    def _words(self, mine: Parameter | Buffer, other: Parameter | Buffer, here: int, there: int) -> list[str]:
        words = []
        if mine.shape != other.shape:
            words.append("uninitialized" if other.shape is None else humanize.shape(other.shape))
        if isinstance(mine, Parameter) and isinstance(other, Parameter):
            words += _state_words(mine, other)
            if _ties(mine, self.places[here]) != _ties(other, self.places[there]):
                words.append(_tied(other))
        if mine.dtype != other.dtype:
            words.append(other.dtype)
        if mine.device != other.device:
            words.append(f"on {other.device}")
        return words


def _rows_below(groups: Sequence[Group]) -> list[list[int]]:
    """Return the rows directly below each row."""
    found: list[list[int]] = [[] for _ in groups]
    trail: list[int] = []
    for row, group in enumerate(groups):
        del trail[group.depth :]
        if trail:
            found[trail[-1]].append(row)
        trail.append(row)
    return found


def _grouped(rows: Iterable[int], key: Callable[[int], Hashable]) -> list[list[int]]:
    """Return the groups of two or more rows that have the same key."""
    found: dict[Hashable, list[int]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return [group for group in found.values() if len(group) > 1]


def _type(module: Module) -> Hashable:
    return (module.type, module.package, module.qualname)


def _state_words(mine: Parameter, other: Parameter) -> Iterator[str]:
    if mine.delta != other.delta:
        yield "delta" if other.delta else "not delta"
    if mine.adapter != other.adapter:
        yield other.adapter or "active"
    if mine.trainable != other.trainable:
        yield "trainable" if other.trainable else "frozen"
    if mine.groups != other.groups:
        yield f"in {groups_text(other)}" if other.groups else "in no group"
    if mine.quantization != other.quantization:
        yield other.quantization or "not quantized"


def _ties(parameter: Parameter, place: str) -> Hashable:
    return relative_path(place, parameter.tied_to), [relative_path(place, key) for key in parameter.tied_by]


def _tied(parameter: Parameter) -> str:
    places = [parameter.tied_to] if parameter.tied_to else list(parameter.tied_by)
    return f"tied to {places[0]}" if places else "not tied"


def _and(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
