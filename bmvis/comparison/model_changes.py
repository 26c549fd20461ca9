"""List the changes from one model to another: of modules, tensors, settings, optimizers and calls. Internal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property

import msgspec

from bmvis.comparison.alignment import WRAPPED, AlignedPair, align
from bmvis.comparison.call_changes import call_changes
from bmvis.comparison.checkpoint import CODE
from bmvis.comparison.collapsing import MAX_NAMES
from bmvis.comparison.configuration_changes import configuration_changes
from bmvis.comparison.ignored import Ignored
from bmvis.comparison.lines import FORMER, WHOLE, DriftLine, Kind, fact_line
from bmvis.comparison.module_changes import DROPOUTS, module_changes
from bmvis.comparison.moves import former_wrapper, moving, outermost, unwrapping, wrapping
from bmvis.comparison.optimizer_changes import optimizer_changes
from bmvis.comparison.parametrized import converted, parametrizations, parametrized_tensors
from bmvis.comparison.quantized import is_inner, is_quantized, quantization_changes
from bmvis.comparison.setting_changes import is_position, setting_changes
from bmvis.comparison.setting_lines import Placed, setting_lines
from bmvis.comparison.sizes import resized
from bmvis.comparison.state_code_changes import state_code_changes
from bmvis.comparison.tensor_changes import ChangedFact, Impact, is_saved, tensor_changes, tensors_of
from bmvis.comparison.wiring_changes import wiring_changes
from bmvis.model.settings import SETTINGS
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model, Module, join


class ModelChanges:
    """The changes from an earlier model to the present one, whose modules it aligns."""

    def __init__(self, before: Model, after: Model, ignored: Ignored) -> None:
        self.before, self.after = before, after
        self.ignored = ignored
        self.pairs = align(before, after)
        self.now = {p.before: p.after for p in self.pairs if p.before is not None and p.after is not None}
        self.former = {new: old for old, new in self.now.items()}
        self.kept = self.former.keys()
        """The modules of the present model that the earlier one has."""
        self.paths = {before.paths[old]: after.paths[new] for old, new in self.now.items()}
        self.common: defaultdict[ChangedFact, dict[int, list[str]]] = defaultdict(dict)
        """Facts that can apply to a whole subtree, each with the tensors that it applies to, by module."""
        self.settings: list[Placed] = []
        self.has_settings = SETTINGS not in (*before.unrecorded, *after.unrecorded)
        self.resized = resized(before, after, self.now)

    def lines(self) -> Iterator[DriftLine]:
        """Yield the changes."""
        found = list(self._structure())
        yield from found
        is_explained = any(line.impact in ("checkpoint", "numerics") for line in found)
        yield from call_changes(self.before, self.after, self.now, is_explained=is_explained)
        yield from wiring_changes(self.before, self.after, self.now)

    def _structure(self) -> Iterator[DriftLine]:
        """Yield the changes of modules, tensors, settings and optimizers."""
        yield from self._missing()
        own = [line for pair in self.pairs for line in self._changed(pair)]
        yield from self._summed()
        yield from setting_lines(self.settings)
        yield from own
        if self.has_settings:
            yield from configuration_changes(self.before, self.after, self.settings, self.resized, own)
        yield from optimizer_changes(self.before, self.after)
        yield from self._order()

    def _missing(self) -> Iterator[DriftLine]:
        """Yield the outermost modules that only one of the models has, but not what belongs to a wrapper."""
        sides: tuple[tuple[Kind, Model, Set[int], Mapping[int, list[int]]], ...] = (
            ("removed", self.before, self.now.keys(), self.unwrapped),
            ("added", self.after, self.kept, self.wrapped),
        )
        for kind, model, kept, wrappers in sides:
            shown = _with_above(model, kept)
            totals = subtree_totals(model)
            for index, module in enumerate(model.modules):
                above = model.parents[index]
                if index in shown or (index and above not in shown) or index in wrappers or is_inner(model, index):
                    continue
                if index and (outer := outermost(model, index, kept)) in wrappers:
                    wrappers[outer].append(index)
                elif functions := parametrizations(model, index):
                    former = self.former.get(above) if kind == "added" else None
                    hooked = frozenset() if former is None else converted(self.before.modules[former], functions)
                    yield from _parametrized(model.paths[above], functions, kind, hooked)
                else:
                    count = totals[index].count
                    text = f"{module.type}, {_parameters(count)}" if count else module.type
                    yield DriftLine(kind, model.paths[index], text, _subtree_impact(model, index), topic=kind)

    @cached_property
    def wrapped(self) -> dict[int, list[int]]:
        """The outermost wrappers of the present model, each with the modules that it adds."""
        return {p.after: [] for p in self.pairs if p.wraps is not None and p.after is not None}

    @cached_property
    def unwrapped(self) -> dict[int, list[int]]:
        """The outermost wrappers of the earlier model that are gone, each with the modules that are gone with it."""
        return {outer: [] for pair in self.pairs if (outer := self._former_wrapper(pair)) is not None}

    def _former_wrapper(self, pair: AlignedPair) -> int | None:
        return former_wrapper(pair, self.before, self.after, self.now.keys())

    def _changed(self, pair: AlignedPair) -> Iterator[DriftLine]:
        if pair.after is None:
            return
        path, new = self.after.paths[pair.after], self.after.modules[pair.after]
        if pair.before is None:
            if pair.wraps is not None:
                impact = _at_least_numerics(_subtree_impact(self.before, pair.wraps))
                text = wrapping(self.before.modules[pair.wraps], new)
                text += _extras(self.after, self.wrapped[pair.after], "adds")
                yield DriftLine("changed", path, text, impact, topic="wrapped")
            return
        yield from self._moved(pair, path)
        old = self.before.modules[pair.before]
        if "adapter_facts" in self.before.unrecorded and new.package.startswith("peft.tuners."):
            old = msgspec.structs.replace(old, extra_repr=new.extra_repr)
        if is_quantized(old) or is_quantized(new) or is_inner(self.after, pair.after):
            yield from self._quantized(old, new, path, is_inner(self.after, pair.after))
            return
        parametrized = {
            *parametrized_tensors(self.before, pair.before),
            *parametrized_tensors(self.after, pair.after),
        }
        hooked = converted(old, dict(self._parametrizations(pair.after)))
        computed = parametrized | {f"{name}{ending}" for name in hooked for ending in ("_g", "_v")}
        facts = [f for f in tensor_changes(old, new, self._key) if f[0] not in computed or not _is_gone(f[1])]
        is_resized = bool(parametrized) or any(fact.impact == "checkpoint" for _, fact in facts)
        found = self._settings(pair.before, pair.after, is_resized)
        self.settings += [one for one in found if not (hooked and one.change.name == "forward_pre_hooks")]
        yield from (fact_line(path, fact) for fact in module_changes(old, new))
        if CODE not in self.before.unrecorded:
            yield from (fact_line(path, fact) for fact in state_code_changes(old, new))
        yield from self._tensors(pair.after, path, facts)

    def _parametrizations(self, index: int) -> Iterator[tuple[str, str]]:
        for child in self.after.children[index]:
            yield from parametrizations(self.after, child).items()

    def _quantized(self, old: Module, new: Module, path: str, is_inner_one: bool) -> Iterator[DriftLine]:
        """Yield the changes of a module that is or was quantized."""
        if is_inner_one:
            return
        yield from (fact_line(path, fact) for fact in quantization_changes(old, new))
        shapes = [(name, fact) for name, fact in tensor_changes(old, new, self._key) if fact.topic == "shape"]
        yield from self._tensors(0, path, shapes)

    def _settings(self, before: int, after: int, is_resized: bool) -> Iterator[Placed]:
        """Yield the changed settings of a module, without ignored ones."""
        old, new = self.before.modules[before], self.after.modules[after]
        if not (old.type and new.type) or old.shared_with is not None or new.shared_with is not None:
            return
        if old.settings == new.settings and old.extra_repr == new.extra_repr:
            return
        was, path = self.before.paths[before], self.after.paths[after]
        absent = "default" if new.package.startswith("torch.nn.") else "none"
        for change in setting_changes(
            old, new, is_resized=is_resized, with_settings=self.has_settings, resized=self.resized
        ):
            if not is_position(change, was, path) and not self.ignored.covers(path, change.name, change.impact):
                yield Placed(path, new.type, absent, change)

    def _moved(self, pair: AlignedPair, path: str) -> Iterator[DriftLine]:
        if pair.was is None or pair.before is None or pair.after is None or self._is_wrapped(pair):
            return
        saved = _subtree_impact(self.before, pair.before)
        if (outer := self._former_wrapper(pair)) is not None:
            text = unwrapping(self.before.modules[outer])
            text += _extras(self.before, self.unwrapped[outer], "removes")
            yield DriftLine("changed", path, text, _at_least_numerics(saved), topic="unwrapped")
            return
        was = self.before.paths[pair.before]
        text = moving(was, path)
        yield DriftLine("changed", path, text, "checkpoint" if saved == "checkpoint" else "cosmetic", was, topic=text)

    def _is_wrapped(self, pair: AlignedPair) -> bool:
        return pair.was == WRAPPED or pair.before in self._wraps

    @cached_property
    def _wraps(self) -> frozenset[int | None]:
        return frozenset(p.wraps for p in self.pairs if p.wraps is not None)

    def _tensors(self, index: int, path: str, facts: Sequence[tuple[str, ChangedFact]]) -> Iterator[DriftLine]:
        alike: dict[ChangedFact, list[str]] = {}
        for name, fact in facts:
            if fact.topic == "groups" and not (self.before.optimizers and self.after.optimizers):
                continue  # they come and go with the optimizer
            if not self.ignored.covers(path, fact.topic, fact.impact):
                alike.setdefault(fact, []).append(name)
        for fact, names in _few(alike):
            if fact.is_common:
                self.common[fact][index] = names
            else:
                yield fact_line(path, fact, names)

    def _key(self, key: str) -> str:
        module, _, name = key.rpartition(".")
        return join(self.paths[module], name) if module in self.paths else key

    def _summed(self) -> Iterator[DriftLine]:
        """Yield each fact once for the largest subtrees in which it applies to all parameters."""
        model = self.after
        for fact, named in self.common.items():
            counts = [len(named.get(index, ())) for index in range(len(model.modules))]
            whole = [
                i not in self.kept or {p.name for p in m.parameters} <= set(named.get(i, ()))
                for i, m in enumerate(model.modules)
            ]
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
                    yield fact_line(model.paths[index], fact, named[index])

    def _whole(self, index: int, count: int, fact: ChangedFact) -> DriftLine:
        """Return the line for a fact of all tensors of a subtree that both models have."""
        subject = "" if index else WHOLE if self.is_all_kept else FORMER
        return fact_line(self.after.paths[index], fact, subject=subject, tensors=count)

    @cached_property
    def is_all_kept(self) -> bool:
        """Whether no module of the present model is new."""
        return len(set(self.now.values())) == len(self.after.modules)

    def _order(self) -> Iterator[DriftLine]:
        """Yield the modules whose children changed their order: the state of an optimizer depends on it."""
        for old, new in self.now.items():
            children = [self.now[child] for child in self.before.children[old] if child in self.now]
            kept = [child for child in children if self.after.parents[child] == new]
            if kept != sorted(kept):
                names = ", ".join(self.after.modules[child].name for child in sorted(kept)[:8])
                text = f"order of modules changed to {names}"
                yield DriftLine("changed", self.after.paths[new], text, "training", topic="order")


def _with_above(model: Model, indices: Iterable[int]) -> set[int]:
    """Return modules and all their ancestors."""
    found: set[int] = set()
    for index in sorted(indices, reverse=True):
        while index >= 0 and index not in found:
            found.add(index)
            index = model.parents[index]
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


def _at_least_numerics(impact: Impact) -> Impact:
    return "checkpoint" if impact == "checkpoint" else "numerics"


def _few(alike: Mapping[ChangedFact, list[str]]) -> Iterator[tuple[ChangedFact, list[str]]]:
    """Yield facts with their tensors; many tensors of several sizes that were added or removed are one fact."""
    for topic in ("added", "removed"):
        some = {fact: names for fact, names in alike.items() if fact.topic == topic}
        names = [name for own in some.values() for name in own]
        if len(some) > 1 and len(names) > MAX_NAMES:
            alike = {fact: own for fact, own in alike.items() if fact not in some}
            text = f"{', '.join(names[:2])}, …: {topic} ({len(names)} tensors)"
            impact: Impact = "checkpoint" if any(fact.impact == "checkpoint" for fact in some) else "numerics"
            yield ChangedFact(text, impact, False, topic=topic), []
    yield from alike.items()


def _is_gone(fact: ChangedFact) -> bool:
    return fact.topic in ("added", "removed")


def _parametrized(
    path: str, functions: Mapping[str, str], kind: Kind, hooked: Set[str] = frozenset()
) -> Iterator[DriftLine]:
    for name, function in functions.items():
        text = f"{'' if kind == 'added' else 'no longer '}parametrized by {function}"
        fact = ChangedFact(text, "checkpoint", False, topic="parametrized")
        if name in hooked:
            fact = ChangedFact(f"{text} instead of a hook", "cosmetic", False, topic="parametrized")
        yield fact_line(path, fact, (name,))


def _subtree_impact(model: Model, index: int) -> Impact:
    """Return the impact of adding or removing a subtree."""
    modules = model.modules[index : index + model.sizes[index]]
    if any(is_saved(tensor) for module in modules for tensor in tensors_of(module)):
        return "checkpoint"
    return "training" if all(module.type.startswith(DROPOUTS) for module in modules) else "numerics"


def _parameters(count: int) -> str:
    return f"{count:,} parameter{'' if count == 1 else 's'}"
