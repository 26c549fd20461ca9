"""List the changes from an earlier model to the present one, with their class, and a headline.

`bmvis.comparison.alignment` matches the modules. A change that applies to a whole subtree is one line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from bmvis.comparison.alignment import WRAPPED, Place, align
from bmvis.comparison.checkpoint import CODE, Verdict, checkpoint_verdict
from bmvis.comparison.module_changes import module_changes
from bmvis.comparison.optimizer_changes import optimizer_changes
from bmvis.comparison.state_code_changes import state_code_changes
from bmvis.comparison.tensor_changes import Fact, Impact, is_saved, tensor_changes, tensors_of
from bmvis.model.labels import merged_path, split_number
from bmvis.model.totals import Totals, subtree_totals
from bmvis.model.tree import Model, join

IMPACTS: tuple[Impact, ...] = ("checkpoint", "numerics", "training", "cosmetic")
"""The most serious one first."""
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_DROPOUTS = ("Dropout", "DropPath", "StochasticDepth")
_Kind = Literal["added", "removed", "changed"]


class DriftLine(msgspec.Struct, frozen=True, omit_defaults=True, rename={"impact": "class"}):
    """One change, at one place or at the same place in each of several blocks."""

    kind: _Kind
    path: str
    """Path of the module. `encoder.layer.0-11.output` represents twelve modules. '' is the root."""
    text: str
    """Description of the change, such as `Linear, 12 parameters` or `float32 → bfloat16`."""
    impact: Impact
    """What the change affects: old checkpoints, outputs, training, or only names."""
    was: str | None = None
    """The former path if the module was renamed or moved."""
    before: str = ""
    """The former value; '' if the change is not from one value to another."""
    after: str = ""

    def __str__(self) -> str:
        path = self.path or "the root"
        place = path if self.was is None else f"{self.was or 'the root'} → {path}"
        return f"{_SIGNS[self.kind]} {place}  {self.text}"


class Drift(msgspec.Struct, frozen=True):
    """All changes. Falsy if there are none."""

    changes: tuple[DriftLine, ...]
    before: Totals
    after: Totals
    verdict: Verdict = Verdict()

    def __bool__(self) -> bool:
        return bool(self.changes) or self.verdict.differs

    def __str__(self) -> str:
        return "\n".join([*map(str, self.changes), *total_lines(self.before, self.after)])

    @property
    def impact(self) -> Impact | None:
        """The most serious class of the changes; None if there is no change."""
        found = {change.impact for change in self.changes} | (set() if self.verdict.loads else {"checkpoint"})
        return next((impact for impact in IMPACTS if impact in found), None)

    @property
    def headline(self) -> str:
        """The effect of the changes on a state dict that was saved before; '' if there is no change."""
        if not self or not self.verdict.loads:
            return str(self.verdict) if self else ""
        found = {change.impact for change in self.changes}
        if "numerics" in found:
            return "old checkpoints load, but outputs differ"
        return "old checkpoints load; " + ("training differs" if "training" in found else "the changes are cosmetic")


def find_drift(before: Model, after: Model) -> Drift:
    """Return the changes from one model to another. The device of the build is not compared."""
    changes = tuple(_together(_Reader(before, after).lines()))
    verdict = checkpoint_verdict(before, after)
    if not changes and verdict.differs and verdict == checkpoint_verdict(before, before):
        verdict = Verdict()  # the module's own code does not load what it saves: nothing has changed
    return Drift(changes, subtree_totals(before)[0], subtree_totals(after)[0], verdict)


class _Reader:
    """Reads the changes from two aligned trees."""

    def __init__(self, before: Model, after: Model) -> None:
        self.before, self.after = before, after
        self.places = align(before, after)
        self.now = {p.before: p.after for p in self.places if p.before is not None and p.after is not None}
        self.paths = {before.paths[old]: after.paths[new] for old, new in self.now.items()}
        self.common: defaultdict[Fact, dict[int, list[str]]] = defaultdict(dict)
        """Facts that can apply to a whole subtree, each with the tensors that it applies to, by module."""

    def lines(self) -> Iterator[DriftLine]:
        yield from self._missing()
        own = [line for place in self.places for line in self._changed(place)]
        yield from self._summed()
        yield from own
        for fact in optimizer_changes(self.before, self.after):
            yield _line("", fact)
        yield from self._order()

    def _missing(self) -> Iterator[DriftLine]:
        """Yield the outermost modules that only one of the models has."""
        kept_old = _with_above(self.before, self.now.keys())
        kept_new = _with_above(self.after, self.now.values())
        wrapped = {p.after for p in self.places if p.wraps is not None}
        sides: tuple[tuple[_Kind, Model, set[int]], ...] = (
            ("removed", self.before, kept_old),
            ("added", self.after, kept_new),
        )
        for kind, model, kept in sides:
            known = wrapped if kind == "added" else set()
            totals = subtree_totals(model)
            for index, module in enumerate(model.modules):
                if index in kept or (index and model.parents[index] not in kept) or index in known:
                    continue
                text = f"{module.type}, {_parameters(totals[index].count)}"
                yield DriftLine(kind, model.paths[index], text, _subtree_impact(model, index))

    def _changed(self, place: Place) -> Iterator[DriftLine]:
        if place.after is None:
            return
        path, new = self.after.paths[place.after], self.after.modules[place.after]
        if place.before is None:
            if place.wraps is not None:
                saved = _subtree_impact(self.before, place.wraps)
                yield DriftLine("changed", path, f"wrapped in {new.type}", saved if saved != "training" else "numerics")
            return
        old = self.before.modules[place.before]
        if place.was is not None and not self._is_wrapped(place):
            was = self.before.paths[place.before]
            is_renamed = was.rpartition(".")[0] == path.rpartition(".")[0] and not new.name.isdecimal()
            text = "renamed" if is_renamed else "moved"
            impact = _subtree_impact(self.before, place.before)
            yield DriftLine("changed", path, text, "checkpoint" if impact == "checkpoint" else "cosmetic", was)
        facts = list(tensor_changes(old, new, self._key))
        is_resized = any(fact.impact == "checkpoint" for _, fact in facts)
        for fact in module_changes(old, new, is_resized=is_resized):
            yield _line(path, fact)
        if CODE not in self.before.unrecorded:
            yield from (_line(path, fact) for fact in state_code_changes(old, new))
        yield from self._tensors(place.after, path, facts)

    def _is_wrapped(self, place: Place) -> bool:
        if place.was == WRAPPED:
            return True
        wrapped = {p.wraps for p in self.places if p.wraps is not None}
        return place.before in wrapped

    def _tensors(self, index: int, path: str, facts: Sequence[tuple[str, Fact]]) -> Iterator[DriftLine]:
        alike: dict[Fact, list[str]] = {}
        for name, fact in facts:
            alike.setdefault(fact, []).append(name)
        for fact, names in alike.items():
            if fact.is_common:
                self.common[fact][index] = names
            else:
                yield _line(path, fact, ", ".join(filter(None, names)))

    def _key(self, key: str) -> str:
        module, _, name = key.rpartition(".")
        return join(self.paths[module], name) if module in self.paths else key

    def _summed(self) -> Iterator[DriftLine]:
        """Yield each fact once for the largest subtrees in which it applies to all parameters."""
        model = self.after
        for fact, named in self.common.items():
            counts = [len(named.get(index, ())) for index in range(len(model.modules))]
            whole = [{p.name for p in m.parameters} <= set(named.get(i, ())) for i, m in enumerate(model.modules)]
            for index in range(len(model.modules) - 1, 0, -1):
                counts[model.parents[index]] += counts[index]
                whole[model.parents[index]] &= whole[index]
            for index, count in enumerate(counts):
                above = model.parents[index]
                if not count or (index and whole[above]):
                    continue
                if whole[index]:
                    yield self._whole(index, count, fact)
                elif index in named:
                    yield _line(model.paths[index], fact, ", ".join(named[index]))

    def _whole(self, index: int, count: int, fact: Fact) -> DriftLine:
        tensors = f"{fact.text} ({count:,} tensor{'' if count == 1 else 's'})"
        return _line(self.after.paths[index], fact._replace(text=tensors), "" if index else "whole model")

    def _order(self) -> Iterator[DriftLine]:
        """Yield the modules whose children changed their order: the state of an optimizer depends on it."""
        for old, new in self.now.items():
            children = [self.now[child] for child in self.before.children[old] if child in self.now]
            kept = [child for child in children if self.after.parents[child] == new]
            if kept != sorted(kept):
                names = ", ".join(self.after.modules[child].name for child in sorted(kept)[:8])
                yield DriftLine("changed", self.after.paths[new], f"order of modules changed to {names}", "training")


def _line(path: str, fact: Fact, names: str = "") -> DriftLine:
    """Return the change of one place. `names` are the tensors it applies to, if not the whole module."""
    text = f"{names}: {fact.text}" if names else fact.text
    return DriftLine("changed", path, text, fact.impact, before=fact.before, after=fact.after)


def _with_above(model: Model, indices: Iterable[int]) -> set[int]:
    """Return modules and all their ancestors."""
    found: set[int] = set()
    for index in sorted(indices, reverse=True):
        while index >= 0 and index not in found:
            found.add(index)
            index = model.parents[index]
    return found


def _subtree_impact(model: Model, index: int) -> Impact:
    """Return the impact of adding or removing a subtree."""
    modules = model.modules[index : index + model.sizes[index]]
    if any(is_saved(tensor) for module in modules for tensor in tensors_of(module)):
        return "checkpoint"
    return "training" if all(module.type.startswith(_DROPOUTS) for module in modules) else "numerics"


def _together(changes: Iterator[DriftLine]) -> Iterator[DriftLine]:
    """Merge equal changes whose paths differ in one number only: the same change in several blocks."""
    alike: dict[tuple[object, ...], list[DriftLine]] = {}
    for change in changes:
        moved = split_number(change.was) if change.was is not None else None
        key = (change.kind, change.text, change.impact, *split_number(change.path), moved)
        alike.setdefault(key, []).append(change)
    for found in alike.values():
        _, position = split_number(found[0].path)
        if position < 0 or len(found) == 1:
            yield from found
            continue
        was = None
        if found[0].was is not None:
            old = [change.was or "" for change in found]
            if split_number(old[0])[1] < 0:
                yield from found
                continue
            was = merged_path(old, split_number(old[0])[1])
        path = merged_path([change.path for change in found], position)
        yield msgspec.structs.replace(found[0], path=path, was=was)


def total_lines(before: Totals, after: Totals) -> Iterator[str]:
    """Yield a line for each total that changed."""
    for name, was, is_now in (
        ("parameters", before.count, after.count),
        ("trainable", before.trainable, after.trainable),
        ("delta", before.delta, after.delta),
    ):
        if was != is_now:
            yield f"  {name} {was:,} → {is_now:,} ({is_now - was:+,})"


def _parameters(count: int) -> str:
    return f"{count:,} parameter{'' if count == 1 else 's'}"
