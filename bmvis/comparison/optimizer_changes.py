"""List the changes of the optimizers that a factory returns with the model."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from bmvis.comparison.lines import DriftLine, Kind, fact_line
from bmvis.comparison.tensor_changes import changed
from bmvis.model.optimizer import Optimizer
from bmvis.model.settings import SETTINGS, function_name
from bmvis.model.tree import Model


def optimizer_changes(before: Model, after: Model) -> Iterator[DriftLine]:
    """Yield each change of an optimizer or of one of its groups."""
    several = len(before.optimizers) > 1 or len(after.optimizers) > 1
    for number, (old, new) in enumerate(zip_longest(before.optimizers, after.optimizers)):
        where = f"optimizer {number}" if several else "optimizer"
        if old is None or new is None:
            there = old or new
            if there is not None:
                groups = f"{len(there.groups)} group{'' if len(there.groups) == 1 else 's'}"
                kind: Kind = "added" if old is None else "removed"
                text = f"{there.type} ({groups})"
                yield DriftLine(kind, "", text, "training", topic="optimizer", subject=where)
            continue
        with_settings = SETTINGS not in (*before.unrecorded, *after.unrecorded)
        was, is_now = _described(old, with_settings), _described(new, with_settings)
        for field in dict.fromkeys([*was, *is_now]):
            if was.get(field) == is_now.get(field) or _repeats_rate(field, was, is_now):
                continue
            values = (was.get(field, "none"), is_now.get(field, "none"))
            group, _, name = field.rpartition(", ")
            subject = f"{where}, {group}" if group else where
            yield fact_line("", changed(*values, "training", name=name), subject=subject)


def _repeats_rate(field: str, was: dict[str, str], is_now: dict[str, str]) -> bool:
    """Return whether the change of a scheduler's `initial_lr` is the same as that of `lr`."""
    group, _, name = field.rpartition(", ")
    if name != "initial_lr":
        return False
    rate = f"{group}, lr"
    return (was.get(field), is_now.get(field)) == (was.get(rate), is_now.get(rate)) and rate in was


def _described(optimizer: Optimizer, with_settings: bool) -> dict[str, str]:
    """Return all facts of an optimizer as text, by the name of the fact."""
    found = {"type": optimizer.type, "schedulers": ", ".join(optimizer.schedulers) or "none"}
    if with_settings:
        for type_, settings in zip(optimizer.schedulers, optimizer.scheduler_settings, strict=False):
            found |= {f"{type_}, {name}": function_name(text) or text for name, text in settings.items()}
    for number, group in enumerate(optimizer.groups):
        of_it = {"name": group.name or "none", "tensors": str(group.tensors), "not the model's": str(group.strangers)}
        found |= {f"group {number}, {name}": value for name, value in {**of_it, **group.settings}.items()}
    return found
