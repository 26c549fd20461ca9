"""List the changes from one model to another: of modules, tensors, settings, optimizers and calls. Internal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bmvis.comparison.alignment import AlignedPair, align
from bmvis.comparison.call_changes import call_changes
from bmvis.comparison.checkpoint import CODE
from bmvis.comparison.configuration_changes import configuration_changes
from bmvis.comparison.ignored import Ignored
from bmvis.comparison.lines import DriftLine, fact_line
from bmvis.comparison.module_changes import module_changes
from bmvis.comparison.optimizer_changes import optimizer_changes
from bmvis.comparison.parametrized import converted, parametrizations, parametrized_tensors
from bmvis.comparison.quantized import is_inner, is_quantized, quantization_changes
from bmvis.comparison.setting_changes import is_position, setting_changes
from bmvis.comparison.setting_lines import Placed, setting_lines
from bmvis.comparison.sizes import resized
from bmvis.comparison.state_code_changes import state_code_changes
from bmvis.comparison.structure_changes import StructureChanges
from bmvis.comparison.subtree_facts import SubtreeFacts
from bmvis.comparison.summary.common_parents import MAX_NAMES
from bmvis.comparison.tensor_changes import ChangedFact, Impact, tensor_changes
from bmvis.comparison.wiring_changes import wiring_changes
from bmvis.model.preorder import child_path
from bmvis.model.settings import SETTINGS
from bmvis.model.tree import Model, Module


class ModelChanges:
    """The changes from an earlier model to the present one, whose modules it aligns."""

    def __init__(self, before: Model, after: Model, ignored: Ignored) -> None:
        self.before, self.after = before, after
        self.ignored = ignored
        self.pairs = align(before, after)
        self.structure = StructureChanges(before, after, self.pairs)
        self.now = self.structure.now
        self.paths = {before.paths[old]: after.paths[new] for old, new in self.now.items()}
        self.common = SubtreeFacts(after, self.structure.kept)
        self.settings: list[Placed] = []
        self.has_settings = SETTINGS not in (*before.unrecorded, *after.unrecorded)
        self.resized = resized(before, after, self.now)

    def lines(self) -> Iterator[DriftLine]:
        """Yield the changes."""
        found = list(self._except_calls())
        yield from found
        is_explained = any(line.impact in ("checkpoint", "numerics") for line in found)
        yield from call_changes(self.before, self.after, self.now, is_explained=is_explained)
        yield from wiring_changes(self.before, self.after, self.now)

    def _except_calls(self) -> Iterator[DriftLine]:
        """Yield the changes of modules, tensors, settings and optimizers."""
        yield from self.structure.added_and_removed()
        own = [line for pair in self.pairs for line in self._changed(pair)]
        yield from self.common.lines()
        yield from setting_lines(self.settings)
        yield from own
        if self.has_settings:
            yield from configuration_changes(self.before, self.after, self.settings, self.resized, own)
        yield from optimizer_changes(self.before, self.after)
        yield from self.structure.reordered()

    def _changed(self, pair: AlignedPair) -> Iterator[DriftLine]:
        """Yield the changes of one module. Common facts and settings are collected for lines about several modules."""
        yield from self.structure.wrapped_or_moved(pair)
        if pair.before is None or pair.after is None:
            return
        path, old, new = self.after.paths[pair.after], self.before.modules[pair.before], self.after.modules[pair.after]
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

    def _tensors(self, index: int, path: str, facts: Sequence[tuple[str, ChangedFact]]) -> Iterator[DriftLine]:
        alike: dict[ChangedFact, list[str]] = {}
        for name, fact in facts:
            if fact.topic == "groups" and not (self.before.optimizers and self.after.optimizers):
                continue  # they come and go with the optimizer
            if not self.ignored.covers(path, fact.topic, fact.impact):
                alike.setdefault(fact, []).append(name)
        yield from _many(path, alike)
        for fact, names in alike.items():
            if fact.is_common:
                self.common.add(fact, index, names)
            else:
                yield fact_line(path, fact, names)

    def _key(self, key: str) -> str:
        module, _, name = key.rpartition(".")
        return child_path(self.paths[module], name) if module in self.paths else key


def _many(path: str, alike: dict[ChangedFact, list[str]]) -> Iterator[DriftLine]:
    """Yield a line for the tensors of several sizes that were added or removed if they are many, and remove them."""
    for topic in ("added", "removed"):
        some = {fact: names for fact, names in alike.items() if fact.topic == topic}
        names = [name for own in some.values() for name in own]
        if len(some) > 1 and len(names) > MAX_NAMES:
            for fact in some:
                del alike[fact]
            impact: Impact = "checkpoint" if any(fact.impact == "checkpoint" for fact in some) else "numerics"
            text = f"{', '.join(names[:2])}, …: {topic}"
            yield fact_line(path, ChangedFact(text, impact, False, topic=topic), tensors=len(names))


def _is_gone(fact: ChangedFact) -> bool:
    return fact.topic in ("added", "removed")
