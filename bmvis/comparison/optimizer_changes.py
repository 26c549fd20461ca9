"""List the changes of the optimizers that a factory returns with the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from bmvis.comparison.lines import DriftLine, LineKind, fact_line
from bmvis.comparison.optimizer_state import group_keys
from bmvis.comparison.tensor_changes import ChangedFact, changed
from bmvis.model.labels import label
from bmvis.model.optimizer import Optimizer, ParameterGroup
from bmvis.model.settings import SETTINGS, function_name
from bmvis.model.tree import Model

_OF_TYPE = ("decoupled_weight_decay",)
"""Settings of a group that the class of the optimizer decides."""


def optimizer_changes(before: Model, after: Model) -> Iterator[DriftLine]:
    """Yield each change of an optimizer or of its groups."""
    several = len(before.optimizers) > 1 or len(after.optimizers) > 1
    with_settings = SETTINGS not in (*before.unrecorded, *after.unrecorded)
    for number, (old, new) in enumerate(zip_longest(before.optimizers, after.optimizers)):
        where = f"optimizer {number}" if several else "optimizer"
        if old is None or new is None:
            there = old or new
            if there is not None:
                groups = f"{len(there.groups)} group{'' if len(there.groups) == 1 else 's'}"
                yield _only(where, f"{there.type} ({groups})", "added" if old is None else "removed")
            continue
        was, is_now = _described(old), _described(new)
        for name, before_text, after_text in _differences(was, is_now):
            yield fact_line("", changed(before_text, after_text, "training", name=name), subject=where)
        if with_settings:
            yield from _of_schedulers(old, new, where)
        yield from _of_groups(old, new, where, with_sizes=_groups(before) == _groups(after))
    if with_settings:
        yield from _of_order(before, after)


def _groups(model: Model) -> list[tuple[int, ...] | None]:
    """Return the groups of each parameter. If they differ, so do the sizes of groups."""
    return [parameter.groups for module in model.modules for parameter in module.parameters]


def _only(subject: str, text: str, kind: LineKind) -> DriftLine:
    return DriftLine(kind, "", text, "training", topic="optimizer", subject=subject)


def _described(optimizer: Optimizer) -> dict[str, str]:
    return {"type": optimizer.type, "schedulers": ", ".join(optimizer.schedulers) or "none"}


def _differences(was: Mapping[str, str], is_now: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*was, *is_now]):
        if was.get(name) != is_now.get(name):
            yield name, was.get(name, "none"), is_now.get(name, "none")


def _of_schedulers(old: Optimizer, new: Optimizer, where: str) -> Iterator[DriftLine]:
    """Yield the changed arguments of schedulers that both have; others come and go with their scheduler."""
    was, is_now = _arguments(old), _arguments(new)
    for key in was:
        for name, before, after in _differences(was[key], is_now.get(key, was[key])):
            yield fact_line("", changed(before, after, "training", name=name), subject=f"{where}, {key[0]}")


def _arguments(optimizer: Optimizer) -> dict[tuple[str, int], dict[str, str]]:
    """Return the arguments of each scheduler, by its class and its number among those of the class."""
    found: dict[tuple[str, int], dict[str, str]] = {}
    for type_, settings in zip(optimizer.schedulers, optimizer.scheduler_settings, strict=False):
        number = sum(other == type_ for other, _ in found)
        found[type_, number] = {name: function_name(text) or text for name, text in settings.items()}
    return found


def _of_groups(old: Optimizer, new: Optimizer, where: str, *, with_sizes: bool) -> Iterator[DriftLine]:
    """Yield the changes of groups: one line for the same change of several groups."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for number, (was, is_now) in enumerate(zip(old.groups, new.groups, strict=False)):
        for change in _of_group(was, is_now, old, new):
            if change[0] != "tensors" or with_sizes:
                alike.setdefault(change, []).append(str(number))
    for (name, before, after), numbers in alike.items():
        subject = f"{where}, group{'s' if len(numbers) > 1 else ''} {label(numbers)}"
        yield fact_line("", changed(before, after, "training", name=name), subject=subject)
    for kind, less, more in (("added", old, new), ("removed", new, old)):
        for number in range(len(less.groups), len(more.groups)):
            yield _only(f"{where}, group {number}", _summary(more, number), "added" if kind == "added" else "removed")


def _of_group(
    was: ParameterGroup, is_now: ParameterGroup, old: Optimizer, new: Optimizer
) -> Iterator[tuple[str, str, str]]:
    left, right = _facts(was), _facts(is_now)
    for name, before, after in _differences(left, right):
        is_of_type = name in _OF_TYPE or name not in left or name not in right
        if old.type != new.type and is_of_type:
            continue
        if name == "initial_lr" and (_repeats_rate(left, right) or (old.schedulers != new.schedulers)):
            continue
        is_scheduled = _arguments(old) != _arguments(new) and left.get("initial_lr") == right.get("initial_lr")
        if name == "lr" and is_scheduled and "initial_lr" in left:
            continue  # the scheduler has already changed the rate
        yield name, before, after


def _repeats_rate(was: Mapping[str, str], is_now: Mapping[str, str]) -> bool:
    """Return whether the change of a scheduler's `initial_lr` is the same as that of `lr`."""
    changes = [(one.get(name) for one in (was, is_now)) for name in ("initial_lr", "lr")]
    return [*changes[0]] == [*changes[1]] and "lr" in was


def _facts(group: ParameterGroup) -> dict[str, str]:
    of_it = {"name": group.name or "none", "tensors": str(group.tensors), "not the model's": str(group.foreign)}
    return of_it | dict(group.settings)


def _of_order(before: Model, after: Model) -> Iterator[DriftLine]:
    """Yield the groups whose parameters have another order, unless that is the order of the modules."""
    places = (
        [(where, group) for where, group in _numbered(before)],
        [(where, group) for where, group in _numbered(after)],
    )
    if not any(group.order for side in places for _, group in side):
        return
    keys = zip(group_keys(before), group_keys(after), strict=False)
    for (_, was), (where, is_now), (old, new) in zip(*places, keys, strict=False):
        both = {key for key in old if key in set(new)}
        if (was.order or is_now.order) and [k for k in old if k in both] != [k for k in new if k in both]:
            text = "order of parameters changed"
            yield fact_line("", ChangedFact(text, "training", True, topic="order"), subject=where)


def _numbered(model: Model) -> Iterator[tuple[str, ParameterGroup]]:
    for number, optimizer in enumerate(model.optimizers):
        where = f"optimizer {number}" if len(model.optimizers) > 1 else "optimizer"
        yield from ((f"{where}, group {index}", group) for index, group in enumerate(optimizer.groups))


def _summary(optimizer: Optimizer, number: int) -> str:
    """Return the number of tensors of a group, and in which settings it differs from the first one."""
    group, first = optimizer.groups[number], optimizer.groups[0].settings
    tensors = f"{group.tensors:,} tensor{'' if group.tensors == 1 else 's'}"
    own = [f"{name}: {text}" for name, text in group.settings.items() if first.get(name) != text]
    return ", ".join([tensors, *own])
