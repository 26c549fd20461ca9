"""Modules that were added, removed, wrapped, moved, or put in another order. Internal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property

from bmvis.comparison.alignment import WRAPPED, AlignedPair
from bmvis.comparison.lines import DriftLine, LineKind, fact_line
from bmvis.comparison.module_changes import DROPOUTS
from bmvis.comparison.moves import former_wrapper, moving, outermost, unwrapping, wrapping
from bmvis.comparison.parametrized import converted, parametrizations
from bmvis.comparison.quantized import is_inner
from bmvis.comparison.tensor_changes import ChangedFact, Impact, is_saved, tensors_of
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model


class StructureChanges:
    """The changes of the module tree of an earlier model to that of the present one.

    Args:
        before: the earlier model.
        after: the present model.
        pairs: the alignment of the two.
    """

    def __init__(self, before: Model, after: Model, pairs: Sequence[AlignedPair]) -> None:
        self.before, self.after = before, after
        self.now = {p.before: p.after for p in pairs if p.before is not None and p.after is not None}
        self.former = {new: old for old, new in self.now.items()}
        self.kept = self.former.keys()
        """The modules of the present model that the earlier one has."""
        self._pairs = pairs

    def added_and_removed(self) -> Iterator[DriftLine]:
        """Yield the outermost modules that only one of the models has, but not what belongs to a wrapper."""
        yield from self._only_in(self.before, "removed", self.now.keys(), self._unwrapped)
        yield from self._only_in(self.after, "added", self.kept, self._wrapped)

    def _only_in(
        self, model: Model, kind: LineKind, kept: Set[int], wrappers: Mapping[int, Sequence[int]]
    ) -> Iterator[DriftLine]:
        totals = subtree_totals(model)
        for index in _outermost_without(model, kept):
            if index in wrappers or (index and outermost(model, index, kept) in wrappers):
                continue
            above = model.parents[index]
            if functions := parametrizations(model, index):
                former = self.former.get(above) if kind == "added" else None
                hooked = frozenset() if former is None else converted(self.before.modules[former], functions)
                yield from _parametrized(model.paths[above], functions, kind, hooked)
                continue
            module, count = model.modules[index], totals[index].count
            text = f"{module.type}, {_parameters(count)}" if count else module.type
            yield DriftLine(kind, model.paths[index], text, _subtree_impact(model, index), topic=kind)

    @cached_property
    def _wrapped(self) -> dict[int, list[int]]:
        """The outermost wrappers of the present model, each with the modules that it adds."""
        found = [p.after for p in self._pairs if p.wraps is not None and p.after is not None]
        return _with_contents(self.after, found, self.kept)

    @cached_property
    def _unwrapped(self) -> dict[int, list[int]]:
        """The outermost wrappers of the earlier model that are gone, each with the modules that are gone with it."""
        found = [outer for pair in self._pairs if (outer := self._former_wrapper(pair)) is not None]
        return _with_contents(self.before, found, self.now.keys())

    def _former_wrapper(self, pair: AlignedPair) -> int | None:
        return former_wrapper(pair, self.before, self.after, self.now.keys())

    def wrapped_or_moved(self, pair: AlignedPair) -> Iterator[DriftLine]:
        """Yield whether a module of the present model wraps one of the earlier model, or has moved."""
        if pair.after is None:
            return
        path = self.after.paths[pair.after]
        if pair.before is None:
            yield from self._wraps(pair, path)
        elif pair.was is not None and not self._is_wrapped(pair):
            yield self._moved(pair.before, self._former_wrapper(pair), path)

    def _wraps(self, pair: AlignedPair, path: str) -> Iterator[DriftLine]:
        if pair.wraps is None or pair.after is None:
            return
        impact = _at_least_numerics(_subtree_impact(self.before, pair.wraps))
        text = wrapping(self.before.modules[pair.wraps], self.after.modules[pair.after])
        text += _extras(self.after, self._wrapped[pair.after], "adds")
        yield DriftLine("changed", path, text, impact, topic="wrapped")

    def _moved(self, index: int, outer: int | None, path: str) -> DriftLine:
        """Return the line for a module of the earlier model with another path, or without its wrapper `outer`."""
        impact = _subtree_impact(self.before, index)
        if outer is not None:
            text = unwrapping(self.before.modules[outer])
            text += _extras(self.before, self._unwrapped[outer], "removes")
            return DriftLine("changed", path, text, _at_least_numerics(impact), topic="unwrapped")
        was = self.before.paths[index]
        parent = self.after.parents[self.now[index]]
        text = moving(was, path, has_same_parent=self.now.get(self.before.parents[index]) == parent)
        return DriftLine("changed", path, text, "checkpoint" if impact == "checkpoint" else "cosmetic", was, topic=text)

    def _is_wrapped(self, pair: AlignedPair) -> bool:
        return pair.was == WRAPPED or pair.before in self._inside_wrappers

    @cached_property
    def _inside_wrappers(self) -> frozenset[int | None]:
        return frozenset(p.wraps for p in self._pairs if p.wraps is not None)

    def reordered(self) -> Iterator[DriftLine]:
        """Yield the modules whose children changed their order: the state of an optimizer depends on it."""
        for old, new in self.now.items():
            children = [self.now[child] for child in self.before.children[old] if child in self.now]
            kept = [child for child in children if self.after.parents[child] == new]
            if kept != sorted(kept):
                names = ", ".join(self.after.modules[child].name for child in sorted(kept)[:8])
                text = f"order of modules changed to {names}"
                is_called_in_order = self.after.modules[new].documented_as == "torch.nn.Sequential"
                impact: Impact = "numerics" if is_called_in_order else "training"
                yield DriftLine("changed", self.after.paths[new], text, impact, topic="order")


def _outermost_without(model: Model, kept: Set[int]) -> Iterator[int]:
    """Yield the outermost modules whose subtrees have none of the kept ones."""
    shown = _with_above(model, kept)
    for index in range(len(model.modules)):
        if index not in shown and (not index or model.parents[index] in shown) and not is_inner(model, index):
            yield index


def _with_above(model: Model, indices: Iterable[int]) -> set[int]:
    """Return modules and all their ancestors."""
    found: set[int] = set()
    for index in sorted(indices, reverse=True):
        while index >= 0 and index not in found:
            found.add(index)
            index = model.parents[index]
    return found


def _with_contents(model: Model, wrappers: Iterable[int], kept: Set[int]) -> dict[int, list[int]]:
    """Return wrappers, each with the outermost modules that come or go with it."""
    found: dict[int, list[int]] = {wrapper: [] for wrapper in wrappers}
    for index in _outermost_without(model, kept) if found else ():
        if index and index not in found and (outer := outermost(model, index, kept)) in found:
            found[outer].append(index)
    return found


def _extras(model: Model, indices: Sequence[int], verb: str) -> str:
    """Return what comes or goes with a wrapper: `, adds lora_A, lora_B (512 parameters)`."""
    totals = subtree_totals(model)
    counted = [index for index in indices if totals[index].count]
    if counted:
        names = ", ".join(model.modules[index].name for index in counted)
        return f", {verb} {names} ({_parameters(sum(totals[index].count for index in counted))})"
    types = [model.modules[index].type for index in indices]
    return f", {verb} {', '.join(types)}" if types else ""


def _parametrized(
    path: str, functions: Mapping[str, str], kind: LineKind, hooked: Set[str] = frozenset()
) -> Iterator[DriftLine]:
    for name, function in functions.items():
        text = f"{'' if kind == 'added' else 'no longer '}parametrized by {function}"
        fact = ChangedFact(text, "checkpoint", False, topic="parametrized")
        if name in hooked:
            fact = ChangedFact(f"{text} instead of a hook", "cosmetic", False, topic="parametrized")
        yield fact_line(path, fact, (name,))


def _at_least_numerics(impact: Impact) -> Impact:
    return "checkpoint" if impact == "checkpoint" else "numerics"


def _subtree_impact(model: Model, index: int) -> Impact:
    """Return the impact of adding or removing a subtree."""
    modules = model.modules[index : index + model.sizes[index]]
    if any(is_saved(tensor) for module in modules for tensor in tensors_of(module)):
        return "checkpoint"
    return "training" if all(module.type.startswith(DROPOUTS) for module in modules) else "numerics"


def _parameters(count: int) -> str:
    return f"{count:,} parameter{'' if count == 1 else 's'}"
