"""Compare the rows of a block with those of a reference block, row by row."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from bmvis import humanize
from bmvis.model.labels import label, series_label, shortened
from bmvis.model.totals import Totals
from bmvis.model.tree import Buffer, Model, Module, Parameter
from bmvis.view.folding import Folding, Group
from bmvis.view.similarity import series
from bmvis.view.variants.differs_mark import Variant
from bmvis.view.variants.tensor_comparison import growth_of, size_words, state_words

WIDE_REFERENCE = 20
"""Maximum length of the names of a reference block. Notes with longer ones would take three lines of a terminal."""


class RowComparison:
    """The comparison of the rows of one model.

    Args:
        model: the model.
        folding: its groups.
        totals: the totals of each subtree.
        buffers: whether buffers are shown.
    """

    def __init__(self, model: Model, folding: Folding, totals: Sequence[Totals], *, buffers: bool) -> None:
        self.modules = model.modules
        self.paths = model.paths
        self.folding = folding
        self.below = _rows_below(folding.groups)
        self._alike = folding.forms or folding.signatures
        self._totals = totals
        self._buffers = buffers
        self._varied = {member for group in folding.groups if group.varies for member in group.members}
        self._children: dict[int, dict[str, int]] = {}
        self.longer: set[int] = set()
        """Rows of lists that are longer than their counterparts, so that some of the modules were not compared."""
        self.lengths: dict[int, int] = {}
        """For rows of lists of another length than their counterparts, the number of modules of the counterpart."""

    def members(self, row: int) -> tuple[int, ...]:
        """Return the indices of the modules of a row, in the order of the model."""
        return self.folding.groups[row].members

    def first(self, row: int) -> Module:
        """Return the first module of a row."""
        return self.modules[self.members(row)[0]]

    def names(self, row: int) -> list[str]:
        """Return the names of the modules of a row."""
        return [self.modules[member].name for member in self.members(row)]

    def count(self, row: int) -> int:
        """Return the number of parameters of a module of a row."""
        return self._totals[self.members(row)[0]].count

    def children(self, index: int) -> dict[str, int]:
        """Return the children of a module by their names."""
        if index not in self._children:
            self._children[index] = {self.modules[child].name: child for child in self.folding.children[index]}
        return self._children[index]

    def compare(self, variant: int, reference: int) -> tuple[dict[int, Variant], set[int]]:
        """Return the differences of a row and of the rows below it, and the rows whose children were compared."""
        above = self.paths[self.members(reference)[0]].split(".")[-2:-1]
        write = series_label if self.folding.forms else label
        name = ".".join([*above, shortened(write(self.names(reference)), WIDE_REFERENCE)])
        found: dict[int, Variant] = {}
        compared: set[int] = set()
        pending = [(variant, self.members(variant)[0], self.members(reference)[0], "")]
        while pending:
            row, here, there, which = pending.pop()
            # The row already shows that a module is shared.
            is_shared = self.modules[here].shared_with is not None or self._is_first_occurrence(here, there)
            if is_shared or self._alike[here] == self._alike[there]:
                continue
            module = list(self._module_words(here, there))
            if self._is_compared_below(row, here, there):
                (self.longer if any(self._is_longer(below, there) for below in self.below[row]) else compared).add(row)
                self._note_length(row, here, there)
                if shift := self._shift(here, there):
                    module.append(shift)
                else:
                    for below in self.below[row]:
                        pending += self._counterpart(below, there, name, found)
                    module += self._lacks(row, there)
            if note := self._note(here, there, name, module, which):
                found[row] = note
        return found, compared

    def _note(self, here: int, there: int, reference: str, module: Sequence[str], which: str) -> Variant | None:
        pairs = self._pairs(here, there)
        tensors = list(self._tensor_words(here, there))
        if not (module or tensors):
            return None
        is_paired = len(pairs) == len(self._tensors(self.modules[there]))
        # With similar folding, rows have ranges of sizes, so notes are not about them.
        is_sized = self.folding.forms or all(one and tensor.shape == one.shape for _, tensor, one in pairs)
        is_same = bool(is_sized) and is_paired and len(tensors) == len(pairs)
        states = [words for _, words in tensors if words]
        sizes = [size_words(tensor, one) for _, tensor, one in pairs if one]
        is_sizes = not module and states == [words for words in sizes if words]
        growth = growth_of((tensor, one) for _, tensor, one in pairs if one) if is_sizes else ""
        return Variant(reference, tuple(module), tuple(tensors), which, is_same, growth)

    def _is_first_occurrence(self, here: int, there: int) -> bool:
        """Return whether the counterpart is a later occurrence of the module itself."""
        return self.modules[there].shared_with == self.paths[here]

    def _is_compared_below(self, row: int, here: int, there: int) -> bool:
        is_same_type = type_of(self.modules[here]) == type_of(self.modules[there])
        return is_same_type and not (self._is_cut(here, there) or self.folding.groups[row].varies)

    def _is_cut(self, here: int, there: int) -> bool:
        return self.folding.cut[here] or self.folding.cut[there]

    def _shift(self, here: int, there: int) -> str:
        """Return how many modules the counterpart has, if a module is inserted in a sequence of different ones."""
        own, other = self.children(here), self.children(there)
        if len(own) == len(other) or not all(name.isdecimal() for name in (*own, *other)):
            return ""
        both = [(child, other[name]) for name, child in own.items() if name in other]
        is_shifted = any(type_of(self.modules[a]) != type_of(self.modules[b]) for a, b in both)
        is_list = self._is_list(here) and self._is_list(there)
        return f"there are {len(other)} modules" if is_shifted and not is_list else ""

    def _note_length(self, row: int, here: int, there: int) -> None:
        count = len(self.children(there))
        if count != len(self.children(here)) and self._is_list(here) and self._is_list(there):
            self.lengths[row] = count

    def _is_list(self, index: int) -> bool:
        """Return whether the children of a module are a series of one type."""
        found = {self._series(child) for child in self.children(index).values()}
        return len(found) == 1 and None not in found

    def _series(self, index: int) -> Hashable:
        """Return what a module has in common with the others of its series; None if it is in none."""
        module = self.modules[index]
        found = series(module.name)
        return None if found is None else (found, type_of(module))

    def _counterpart(
        self, row: int, there: int, name: str, found: dict[int, Variant]
    ) -> list[tuple[int, int, int, str]]:
        """Return the pair to compare for a row; note members of the row that have no counterpart."""
        named, members = self.children(there), self.members(row)
        paired = [member for member in members if self.modules[member].name in named]
        unpaired = [member for member in members if self.modules[member].name not in named]
        if unpaired and not self._is_length(unpaired[0], there):
            which = "" if len(unpaired) == len(members) else label([self.modules[member].name for member in unpaired])
            found[row] = Variant(name, (f"there is no {which}" if which else "there is none",))
            return []
        pairs = [(member, named[self.modules[member].name]) for member in paired]
        other = [(a, b) for a, b in pairs if self._alike[a] != self._alike[b]]
        if not other:
            return []
        alike = [a for a, b in other if self._alike[b] == self._alike[other[0][1]]]
        names = label([self.modules[member].name for member in alike])
        return [(row, *other[0], names if len(alike) < len(members) else "")]

    def _is_longer(self, row: int, there: int) -> bool:
        """Return whether a row is a part of a list that has no counterpart because that list is shorter."""
        named = self.children(there)
        return not any(name in named for name in self.names(row)) and self._is_length(self.members(row)[0], there)

    def _is_length(self, child: int, there: int) -> bool:
        """Return whether only the number of modules in a list differs, which rows show."""
        above = next(iter(self.children(there).values()), None)
        is_series = above is not None and self._series(child) == self._series(above) is not None
        return is_series and self._is_list(there)

    def _lacks(self, row: int, there: int) -> Iterator[str]:
        """Yield the tensors and child modules of a counterpart that the row does not have."""
        own = self._tensors(self.first(row))
        for name in self._tensors(self.modules[there]):
            if name not in own:
                yield f"there is also {name}"
        shown = {name for below in self.below[row] for name in self.names(below)}
        missing = [name for name in self.children(there) if name not in shown]
        if missing and not (shown and self._is_list(there) and self._is_list(self.members(row)[0])):
            yield f"there is also {shortened(label(missing))}"

    def _module_words(self, here: int, there: int) -> Iterator[str]:
        """Yield the facts about a counterpart that do not apply to the module itself."""
        module, other = self.modules[here], self.modules[there]
        if type_of(module) != type_of(other):
            yield f"its type is {other.type if module.type != other.type else other.import_path}"
            return
        if other.shared_with is not None:
            yield f"it is {other.shared_with or 'the root'}"
        if self._is_cut(here, there) and (self.folding.children[here] or self.folding.children[there]):
            totals, other_totals = self._totals[here], self._totals[there]
            if here in self._varied or there in self._varied:
                return  # their numbers of parameters are ranges
            if totals.count != other_totals.count:
                count = humanize.count(other_totals.count)
                is_same = count == humanize.count(totals.count)
                yield f"there are {f'{other_totals.count:,}' if is_same else count} parameters"
            elif totals.trainable != other_totals.trainable:
                yield f"{humanize.count(other_totals.trainable)} parameters are trainable"
            elif totals.delta != other_totals.delta:
                yield f"{humanize.count(other_totals.delta)} parameters are delta"

    def _tensor_words(self, here: int, there: int) -> Iterator[tuple[str, str]]:
        """Yield for each tensor the facts about its counterpart that do not apply to it."""
        if type_of(self.modules[here]) != type_of(self.modules[there]):
            return
        for name, tensor, other in self._pairs(here, there):
            if other is None:
                yield name, "missing"
                continue
            # With similar folding, rows have ranges of sizes.
            size = "" if self.folding.forms else size_words(tensor, other)
            if words := [*filter(None, [size]), *state_words(tensor, other, self.paths[here], self.paths[there])]:
                yield name, ", ".join(words)

    def _pairs(self, here: int, there: int) -> list[tuple[str, Parameter | Buffer, Parameter | Buffer | None]]:
        """Return the tensors of a module, each with its name and counterpart."""
        others = self._tensors(self.modules[there])
        return [(name, tensor, others.get(name)) for name, tensor in self._tensors(self.modules[here]).items()]

    def _tensors(self, module: Module) -> dict[str, Parameter | Buffer]:
        tensors: list[Parameter | Buffer] = [*module.parameters, *(module.buffers if self._buffers else ())]
        return {tensor.name: tensor for tensor in tensors}


def type_of(module: Module) -> Hashable:
    """Return a key that is equal for modules of one class."""
    return (module.type, module.package, module.qualname)


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
