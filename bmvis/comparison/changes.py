"""Compare two models in one tree, which shows what was added, removed and changed.

The result is a `Model` whose modules and parameters have a `Change`, so that folding, rows and renderers need no code
for comparisons. It has all modules of the second model, and the removed ones of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bmvis.comparison.adapter_keys import with_adapter_names
from bmvis.comparison.alignment import WRAPPED, AlignedPair, align
from bmvis.comparison.common_changes import mark_subtrees
from bmvis.comparison.configuration_changes import configuration_changes
from bmvis.comparison.lines import DriftLine, fact_line
from bmvis.comparison.module_changes import module_changes
from bmvis.comparison.moves import former_wrapper, moving, unwrapping, wrapping
from bmvis.comparison.setting_changes import is_position, setting_changes
from bmvis.comparison.setting_facts import setting_fact
from bmvis.comparison.setting_lines import Placed
from bmvis.comparison.sizes import resized
from bmvis.comparison.tensor_changes import ChangedFact, facts_of
from bmvis.comparison.unshown_changes import UnshownChanges
from bmvis.model.preorder import child_path, parents
from bmvis.model.settings import SETTINGS
from bmvis.model.totals import Totals, subtree_totals
from bmvis.model.tree import Change, Model, Module, Parameter

_STORED = ("shape", "dtype")
"""Topics of changes of which a checkpoint file has the facts."""
REMOVED = Change("removed")
ADDED = Change("added")


class Comparison(msgspec.Struct, frozen=True):
    """The combined tree of two models."""

    model: Model
    """The second model and the removed modules and parameters. Its totals are those of the second model."""
    before: Totals
    """Totals of the first model."""
    unchanged: frozenset[int]
    """Indices into `model.modules` of the modules that are unchanged, with all their descendants."""


def compare_models(before: Model, after: Model) -> Comparison:
    """Return how `after` differs from `before`.

    `bmvis.comparison.alignment` matches the modules. Devices and forward passes are not compared.
    """
    if before.is_checkpoint and not after.is_checkpoint:
        before = with_adapter_names(before, after)
    elif after.is_checkpoint and not before.is_checkpoint:
        after = with_adapter_names(after, before)
    pairs = align(before, after)
    where = _Where(before, after, pairs)
    modules = [
        _laid_over(pair, before, after, where) for pair in pairs if pair.after is not None or not where.is_unknown(pair)
    ]
    if modules and (found := (*where.of_configurations(), *where.of_optimizers())):
        details = (*(modules[0].change.details if modules[0].change else ()), *found)
        modules[0] = msgspec.structs.replace(modules[0], change=Change("changed", details))
    model = msgspec.structs.replace(after, modules=tuple(modules))
    return Comparison(model, subtree_totals(before)[0], frozenset(_unchanged(modules)))


def with_common_changes(found: Comparison) -> Comparison:
    """Return a comparison with one mark for each change that all parameters of a subtree have."""
    model = mark_subtrees(found.model)
    return Comparison(model, found.before, frozenset(_unchanged(model.modules)))


def _unchanged(modules: Sequence[Module]) -> Iterator[int]:
    above = parents(module.depth for module in modules)
    changed = [m.change is not None or any(p.change for p in m.parameters) for m in modules]
    for index in range(len(modules) - 1, -1, -1):
        if not changed[index]:
            yield index
        elif index:
            changed[above[index]] = True


class _Where:
    """The paths of the first model's modules in the second model."""

    def __init__(self, before: Model, after: Model, pairs: Sequence[AlignedPair]) -> None:
        self.before, self.after = before.paths, after.paths
        self._models = before, after
        self.has_checkpoint = before.is_checkpoint or after.is_checkpoint
        """Whether one of the models is a file, of which names, shapes and data types are the only known facts."""
        self._unknown_before = _without_tensors(after) if before.is_checkpoint else frozenset()
        self._unknown_after = _without_tensors(before) if after.is_checkpoint else frozenset()
        kept = {p.before: p.after for p in pairs if p.before is not None and p.after is not None}
        self._now = {self.before[old]: self.after[new] for old, new in kept.items()}
        self.has_settings = SETTINGS not in (*before.unrecorded, *after.unrecorded)
        self.resized = resized(before, after, kept)
        self._wrapped = {p.wraps for p in pairs if p.wraps is not None and before.modules[p.wraps].type}
        self._kept = kept
        self.has_optimizers = bool(before.optimizers and after.optimizers)
        """Whether both models have optimizers. Otherwise, the groups of all parameters come or go with them."""
        self._unshown = None if self.has_checkpoint else UnshownChanges(before, after, pairs, self.key)
        self.settings: list[Placed] = []
        """The changes of settings that rows show."""
        self.lines: list[DriftLine] = []
        """Other changes that rows show, and that a configuration can cause."""

    def of_configurations(self) -> Iterator[str]:
        """Yield the changes of configurations that no row shows."""
        if self.has_settings and not self.has_checkpoint:
            for line in configuration_changes(*self._models, self.settings, self.resized, self.lines):
                yield f"{line.subject} {line.text}"

    def unshown(self, pair: AlignedPair) -> Iterator[str]:
        """Yield the changes of a module that both models have and that its row does not show otherwise."""
        if self._unshown and pair.before is not None and pair.after is not None:
            yield from self._unshown.of_module(pair.before, pair.after)

    def of_optimizers(self) -> Iterator[str]:
        """Yield the changes of the optimizers."""
        if self._unshown:
            yield from self._unshown.of_optimizers()

    def placing(self, pair: AlignedPair) -> str:
        """Return where a module was before, in the words of reports; '' if it has not moved."""
        if pair.was is None or pair.before is None or pair.after is None:
            return ""
        if pair.was == WRAPPED or pair.before in self._wrapped:
            return "wrapped"
        before, after = self._models
        outer = former_wrapper(pair, before, after, self._kept)
        if outer is not None:
            return unwrapping(before.modules[outer])
        was, path = self.before[pair.before], self.after[pair.after]
        return f"{moving(was, path, has_same_parent='.' not in pair.was)} from {pair.was or 'the root'}"

    def are_equal(self, old: Module, new: Module) -> bool:
        """Return whether two modules have the same settings, or one of them is shared and lists none."""
        if old.shared_with is not None or new.shared_with is not None:
            return True
        return old.settings == new.settings and old.extra_repr == new.extra_repr

    def is_unknown(self, pair: AlignedPair) -> bool:
        """Return whether the other model is a file, and the module has no tensors, so that the file cannot have it."""
        if pair.after is None:
            return pair.before in self._unknown_after
        return pair.before is None and pair.wraps is None and pair.after in self._unknown_before

    def key(self, key: str) -> str:
        """Return the key in the second model of a state-dict key of the first; the same key if it was removed."""
        module, _, name = key.rpartition(".")
        return child_path(self._now[module], name) if module in self._now else key


def _without_tensors(model: Model) -> frozenset[int]:
    """Return the modules that have nothing in the state dict, and neither have their descendants."""
    has_tensors = [bool(m.parameters or any(b.persistent for b in m.buffers)) for m in model.modules]
    for index in range(len(has_tensors) - 1, 0, -1):
        has_tensors[model.parents[index]] |= has_tensors[index]
    return frozenset(index for index, has_any in enumerate(has_tensors) if not has_any)


def _laid_over(pair: AlignedPair, before: Model, after: Model, where: _Where) -> Module:
    if pair.after is None:
        assert pair.before is not None, "a pair has a module of one of the trees"
        return _removed(before.modules[pair.before], pair.depth, where.before[pair.before])
    new = after.modules[pair.after]
    if pair.before is None:
        if where.is_unknown(pair):
            return msgspec.structs.replace(new, depth=pair.depth)
        wraps = None if pair.wraps is None else before.modules[pair.wraps]
        change = Change("changed", (wrapping(wraps, new),)) if wraps and wraps.type else ADDED
        parameters = tuple(msgspec.structs.replace(p, change=ADDED) for p in new.parameters)
        return msgspec.structs.replace(new, depth=pair.depth, parameters=parameters, change=change)
    old = before.modules[pair.before]
    details = tuple(_details(old, new, pair, where))
    return msgspec.structs.replace(
        new,
        depth=pair.depth,
        parameters=tuple(_parameters(old, new, where)),
        change=Change("changed", details) if details else None,
    )


def _settings(old: Module, new: Module, pair: AlignedPair, where: _Where) -> Iterator[str]:
    """Yield the changes of settings and of arguments in `extra_repr()`."""
    if where.has_checkpoint or pair.before is None or pair.after is None or where.are_equal(old, new):
        return
    is_resized = {p.name: p.shape for p in old.parameters} != {p.name: p.shape for p in new.parameters}
    # The extra_repr() of a parametrized module is not known. The shapes of its tensors show the sizes.
    is_parametrized = any(p.parametrized for p in (*old.parameters, *new.parameters))
    is_resized |= is_parametrized and bool(old.extra_repr) != bool(new.extra_repr)
    absent = "default" if new.package.startswith("torch.nn.") else "none"
    for change in setting_changes(
        old, new, is_resized=is_resized, with_settings=where.has_settings, resized=where.resized
    ):
        path = where.after[pair.after]
        if not is_position(change, where.before[pair.before], path):
            where.settings.append(Placed(path, new.type, absent, change))
            yield setting_fact(change, absent).text


def _removed(module: Module, depth: int, path: str) -> Module:
    return msgspec.structs.replace(
        module,
        depth=depth,
        origin=f"~{path}",  # a module of the second model can have its path
        parameters=tuple(map(_removed_parameter, module.parameters)),
        buffers=(),
        shared_with=None,
        change=REMOVED,
    )


def _removed_parameter(parameter: Parameter) -> Parameter:
    """Return a removed parameter, without its ties, which may be removed too. A tied one was counted elsewhere."""
    return msgspec.structs.replace(
        parameter, tied_to="", tied_by=(), count=0 if parameter.tied_to else parameter.count, change=REMOVED
    )


def _details(old: Module, new: Module, pair: AlignedPair, where: _Where) -> Iterator[str]:
    if placing := where.placing(pair):
        yield placing
    path = where.after[pair.after or 0]
    for fact in module_changes(old, new):
        where.lines.append(fact_line(path, fact))
        yield fact.on_row
    if len({any(p.name == "bias" for p in module.parameters) for module in (old, new)}) > 1:
        where.lines.append(fact_line(path, ChangedFact("", "checkpoint", False, topic="added"), ("bias",)))
    yield from _settings(old, new, pair, where)
    yield from where.unshown(pair)


def _parameters(old: Module, new: Module, where: _Where) -> Iterator[Parameter]:
    """Yield the parameters of `new` with their changes, then those that only `old` has."""
    named = {parameter.name: parameter for parameter in old.parameters}
    buffers = {buffer.name for buffer in (*old.buffers, *new.buffers)} if where.has_checkpoint else set()
    for parameter in new.parameters:
        was = named.pop(parameter.name, None)
        if was is None and parameter.name in buffers:
            yield parameter
        elif was is None:
            yield msgspec.structs.replace(parameter, change=ADDED)
        else:
            details = tuple(_parameter_differences(was, parameter, where))
            yield msgspec.structs.replace(parameter, change=Change("changed", details)) if details else parameter
    yield from (_removed_parameter(parameter) for name, parameter in named.items() if name not in buffers)


def _parameter_differences(old: Parameter, new: Parameter, where: _Where) -> Iterator[str]:
    """Yield the changes of a parameter. A file has shapes and data types only."""
    for fact in facts_of(old, new, where.key):
        if where.has_checkpoint and fact.topic not in _STORED:
            continue
        if fact.topic != "groups" or where.has_optimizers:
            yield fact.on_row
