"""How a model differs from its snapshot: a tree diff to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, Literal

import msgspec

from bmvis.model.labels import merged_path, split_number
from bmvis.model.snapshot import describe
from bmvis.model.totals import Totals, subtree_totals
from bmvis.model.tree import Model, Optimizer

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_Facts = Mapping[str, Any]


class DriftLine(msgspec.Struct, frozen=True):
    """One difference, at one place or at the same place in each of several blocks."""

    kind: Literal["added", "removed", "changed"]
    path: str
    """Of a module; `encoder.layer.0-11.output` stands for twelve. '' is the root."""
    text: str
    """What was added or removed, or what it was and what it is."""

    def __str__(self) -> str:
        return f"{_SIGNS[self.kind]} {self.path or 'the root'}  {self.text}"


class Drift(msgspec.Struct, frozen=True):
    """All differences; none if `changes` is empty."""

    changes: tuple[DriftLine, ...]
    before: Totals
    after: Totals

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.changes), *_totals(self.before, self.after)])


def find_drift(before: Model, after: Model) -> Drift:
    """Return what changed from one model to the other. The device it was built on is no difference."""
    old, new = _facts(before), _facts(after)
    changes = [*_missing("removed", before, new), *_missing("added", after, old)]
    for path in [path for path in old if path in new]:
        changes += [DriftLine("changed", path, text) for text in _differences(old[path], new[path])]
    changes += [DriftLine("changed", "", text) for text in _optimizers(before, after)]
    if not changes and list(old) != list(new):
        changes = [DriftLine("changed", "", "its modules stand in another order")]
    return Drift(tuple(_together(changes)), subtree_totals(before)[0], subtree_totals(after)[0])


def _facts(model: Model) -> dict[str, _Facts]:
    places = model.paths
    return {path: describe(m, path, model.device) for path, m in zip(places, model.modules, strict=True)}


def _missing(kind: Literal["added", "removed"], model: Model, other: Mapping[str, _Facts]) -> Iterator[DriftLine]:
    """Yield the outermost modules of `model` that the other does not have."""
    totals = subtree_totals(model)
    for index, path in enumerate(model.paths):
        if path not in other and path.rpartition(".")[0] in other:
            yield DriftLine(kind, path, f"{model.modules[index].type}, {_parameters(totals[index].count)}")


def _differences(old: _Facts, new: _Facts) -> Iterator[str]:
    """Yield what differs. What a module says of itself counts where nothing else differs: it repeats the sizes."""
    fields = [field for field in dict.fromkeys([*old, *new]) if field != "extra_repr"]
    if all(old.get(field) == new.get(field) for field in fields):
        fields = ["extra_repr"]
    for field in fields:
        was, is_now = old.get(field, {}), new.get(field, {})
        if field not in ("parameters", "buffers"):
            if was != is_now:
                yield f"{field}: {was or 'none'} → {is_now or 'none'}"
            continue
        for name in dict.fromkeys([*was, *is_now]):
            if was.get(name) != is_now.get(name):
                yield f"{name}: {_tensor(was.get(name))} → {_tensor(is_now.get(name))}"
        if was == is_now and list(was) != list(is_now):
            yield f"{field} stand in another order"


def _optimizers(before: Model, after: Model) -> Iterator[str]:
    """Yield what differs between the optimizers, or between two of their groups."""
    old, new = ([_described(optimizer) for optimizer in model.optimizers] for model in (before, after))
    nothing: dict[str, str] = {}
    for number, (was, is_now) in enumerate(zip_longest(old, new, fillvalue=nothing)):
        for field in dict.fromkeys([*was, *is_now]):
            if was.get(field) != is_now.get(field):
                where = f"optimizer {number}" if len(old) > 1 or len(new) > 1 else "optimizer"
                yield f"{where}, {field}: {was.get(field, 'none')} → {is_now.get(field, 'none')}"


def _described(optimizer: Optimizer) -> dict[str, str]:
    """Return all that is known of an optimizer as texts, each under what it is of."""
    found = {"type": optimizer.type, "schedulers": ", ".join(optimizer.schedulers) or "none"}
    for number, group in enumerate(optimizer.groups):
        of_it = {"name": group.name or "none", "tensors": str(group.tensors), "not the model's": str(group.strangers)}
        found |= {f"group {number}, {name}": value for name, value in {**of_it, **group.settings}.items()}
    return found


def _tensor(written: str | Mapping[str, Any] | None) -> str:
    if written is None or isinstance(written, str):
        return written or "none"
    return ", ".join([written["is"], *(f"{name} {_said(value)}" for name, value in written.items() if name != "is")])


def _said(value: object) -> str:
    return (", ".join(map(str, value)) or "none") if isinstance(value, list | tuple) else str(value)


def _together(changes: list[DriftLine]) -> Iterator[DriftLine]:
    """Make one of the changes that differ in one number of their paths: the same change in each of many blocks."""
    alike: dict[tuple[str, str, str, int], list[DriftLine]] = {}
    for change in changes:
        alike.setdefault((change.kind, change.text, *split_number(change.path)), []).append(change)
    for (*_, position), found in alike.items():
        yield msgspec.structs.replace(found[0], path=merged_path([change.path for change in found], position))


def _totals(before: Totals, after: Totals) -> Iterator[str]:
    for name, was, is_now in (
        ("parameters", before.count, after.count),
        ("trainable", before.trainable, after.trainable),
        ("delta", before.delta, after.delta),
    ):
        if was != is_now:
            yield f"  {name} {was:,} → {is_now:,} ({is_now - was:+,})"


def _parameters(count: int) -> str:
    return f"{count:,} parameter{'' if count == 1 else 's'}"
