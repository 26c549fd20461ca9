"""Lay out optimizer parameter groups as a table, and find likely mistakes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from bmvis import humanize
from bmvis.model.labels import merge_paths
from bmvis.model.totals import NOTHING, Totals, of_parameter
from bmvis.model.tree import Model, Module, Optimizer, Parameter, ParameterGroup, join
from bmvis.options import FindingKind as Kind

MAX_PLACES = 4
"""Maximum number of places that a finding lists."""
_UNSAID = ("None", "False")
"""Values of unused hyperparameters, which are left out if they are the same in all groups."""


class GroupRow(msgspec.Struct, frozen=True):
    """One line of the table."""

    number: int | None
    """As rows of the tree name the group; None for the parameters that are in none."""
    name: str
    """The name of the group; '' if it has none."""
    optimizer: str
    tensors: int
    totals: Totals
    """Of the model's parameters in it."""
    settings: tuple[str, ...]
    """For each of `ParamGroupTable.columns`; '' where the optimizer has no such hyperparameter."""

    @property
    def label(self) -> str:
        """Return `0`, `0 decay`, or `none`."""
        return "none" if self.number is None else f"{self.number} {self.name}".rstrip()


class Finding(msgspec.Struct, frozen=True):
    """A likely mistake in an optimizer."""

    kind: Kind
    text: str
    places: tuple[str, ...] = ()
    """State-dict keys, those that differ in a number in one: `layer.0-11.norm.weight`."""

    def __str__(self) -> str:
        if not self.places:
            return self.text
        more = len(self.places) - MAX_PLACES
        shown = [*self.places[:MAX_PLACES], *([f"and {more} more"] if more > 0 else [])]
        return f"{self.text}: {', '.join(shown)}"


class ParamGroupTable(msgspec.Struct, frozen=True):
    """The parameter groups of all optimizers of a model, with findings."""

    heads: tuple[str, ...]
    """For each optimizer its type, its schedulers, and the hyperparameters that all of its groups share."""
    columns: tuple[str, ...]
    """Hyperparameters that differ between groups."""
    groups: tuple[GroupRow, ...]
    findings: tuple[Finding, ...]

    @property
    def has_several_optimizers(self) -> bool:
        """Return whether the rows need a column for the optimizer."""
        return len(self.heads) > 1


class _Held(msgspec.Struct, frozen=True):
    """A parameter at its first occurrence."""

    key: str
    parameter: Parameter
    module: Module

    @property
    def groups(self) -> tuple[int, ...]:
        return self.parameter.groups or ()


def param_group_table(model: Model) -> ParamGroupTable | None:
    """Return the table of the model's optimizers; None if it has none."""
    if not model.optimizers:
        return None
    held = [
        _Held(join(path, parameter.name), parameter, module)
        for path, module in zip(model.paths, model.modules, strict=True)
        for parameter in module.parameters
        if not parameter.tied_to
    ]
    columns = _columns(model.optimizers)
    rows = [
        GroupRow(
            number,
            group.name,
            optimizer.type,
            group.tensors,
            _sum(one.parameter for one in held if number in one.groups),
            tuple(_setting(group.settings, column) for column in columns),
        )
        for number, (optimizer, group) in enumerate(_numbered(model.optimizers))
    ]
    outside = [one.parameter for one in held if not one.groups]
    if outside:
        rows.append(GroupRow(None, "", "", len(outside), _sum(outside), ("",) * len(columns)))
    return ParamGroupTable(
        heads=tuple(_head(optimizer, columns) for optimizer in model.optimizers),
        columns=columns,
        groups=tuple(rows),
        findings=tuple(_findings(model, held, rows)),
    )


def groups_text(parameter: Parameter) -> str:
    """Return `group 0`, `groups 0 and 2`, `in no group` for a trainable parameter; '' otherwise."""
    if parameter.groups:
        return f"group{'s' * (len(parameter.groups) > 1)} {' and '.join(map(str, parameter.groups))}"
    return "in no group" if parameter.groups is not None and parameter.trainable else ""


def without_groups(model: Model) -> Model:
    """Return the model without its optimizers, so that they do not affect folding."""
    if not model.optimizers:
        return model
    modules = tuple(
        msgspec.structs.replace(m, parameters=tuple(msgspec.structs.replace(p, groups=None) for p in m.parameters))
        for m in model.modules
    )
    return msgspec.structs.replace(model, modules=modules, optimizers=())


def _numbered(optimizers: Sequence[Optimizer]) -> Iterator[tuple[Optimizer, ParameterGroup]]:
    return ((optimizer, group) for optimizer in optimizers for group in optimizer.groups)


def _sum(parameters: Iterable[Parameter]) -> Totals:
    return sum(map(of_parameter, parameters), start=NOTHING)


def _columns(optimizers: Sequence[Optimizer]) -> tuple[str, ...]:
    """Return the hyperparameters that differ between groups of one optimizer, or that all have and set differently."""
    found: dict[str, None] = {}
    for optimizer in optimizers:
        found |= dict.fromkeys(name for name in _names([optimizer]) if len(_values([optimizer], name)) > 1)
    everywhere = [name for name in _names(optimizers) if all(name in _names([one]) for one in optimizers)]
    found |= dict.fromkeys(name for name in everywhere if len(_values(optimizers, name)) > 1)
    order = _names(optimizers)
    return tuple(sorted(found, key=order.index))


def _names(optimizers: Sequence[Optimizer]) -> list[str]:
    """Return the names of all hyperparameters, `lr` first, without `initial_lr`, which is shown with `lr`."""
    names = dict.fromkeys(name for one in optimizers for group in one.groups for name in group.settings)
    return sorted((name for name in names if name != "initial_lr"), key=lambda name: name != "lr")


def _values(optimizers: Sequence[Optimizer], name: str) -> set[str]:
    return {_setting(group.settings, name) for one in optimizers for group in one.groups}


def _setting(settings: dict[str, str], name: str) -> str:
    """Return the text of a hyperparameter. For a learning rate that a scheduler changed, add the initial value."""
    value = settings.get(name, "")
    initial = settings.get("initial_lr", value) if name == "lr" else value
    return value if value == initial else f"{value} (initially {initial})"


def _head(optimizer: Optimizer, columns: Sequence[str]) -> str:
    """Return `AdamW with LambdaLR: betas (0.9, 0.999), eps 1e-08`."""
    kind = " with ".join([optimizer.type, *([", ".join(optimizer.schedulers)] if optimizer.schedulers else [])])
    shared = {name: _setting(group.settings, name) for group in optimizer.groups[:1] for name in _names([optimizer])}
    if optimizer.type == "AdamW":  # its name says so
        shared.pop("decoupled_weight_decay", None)
    said = [f"{name} {value}" for name, value in shared.items() if name not in columns and value not in _UNSAID]
    return f"{kind}: {', '.join(said)}" if said else kind


def _findings(model: Model, held: Sequence[_Held], rows: Sequence[GroupRow]) -> Iterator[Finding]:
    def found(kind: Kind, text: str, is_one: Callable[[_Held], object], consequence: str) -> Iterator[Finding]:
        those = [one for one in held if is_one(one)]
        if those:
            places = tuple(merge_paths(one.key for one in those))
            is_ = "is" if len(those) == 1 else "are"
            yield Finding(kind, f"{_amount(those, text)} {is_} {consequence}", places)

    yield from found(
        "missing",
        "trainable parameter",
        lambda one: one.parameter.trainable and not one.groups,
        "in no group, so never updated",
    )
    yield from found(
        "frozen",
        "frozen parameter",
        lambda one: not one.parameter.trainable and one.groups,
        "in a group, and no gradient will update what is frozen",
    )
    yield from found(
        "twice", "parameter", lambda one: len(one.groups) > 1, "in more than one group, so updated by each"
    )
    for number, (_, group) in enumerate(_numbered(model.optimizers)):
        if not group.tensors:
            yield Finding("empty", f"group {rows[number].label} is empty")
        if group.strangers:
            tensors = f"{group.strangers:,} of {group.tensors:,} tensors"
            cause = "was a module replaced after the optimizer was made?"
            yield Finding("foreign", f"group {rows[number].label} holds {tensors} that are not the model's: {cause}")
    decaying = _decaying(model.optimizers)
    yield from found(
        "decay",
        "bias or normalization weight",
        lambda one: one.parameter.trainable and decaying.intersection(one.groups) and _is_usually_free(one),
        "decayed, though a group without weight decay is there",
    )


def _amount(those: Sequence[_Held], noun: str) -> str:
    if noun.startswith("bias") and len(those) > 1:
        noun = "biases and normalization weights"
    elif len(those) > 1:
        noun += "s"
    return f"{len(those):,} {noun} ({humanize.count(_sum(one.parameter for one in those).count)} elements)"


def _decaying(optimizers: Sequence[Optimizer]) -> set[int]:
    """Return the groups with weight decay of the optimizers that also have a group without."""
    found: set[int] = set()
    first = 0
    for optimizer in optimizers:
        decays = [_is_decay(group.settings.get("weight_decay", "")) for group in optimizer.groups]
        if not all(decays):
            found |= {first + index for index, decay in enumerate(decays) if decay}
        first += len(optimizer.groups)
    return found


def _is_decay(written: str) -> bool:
    try:
        return float(written) != 0
    except ValueError:
        return False


def _is_usually_free(one: _Held) -> bool:
    """Return whether recipes leave a parameter without weight decay: BERT's and its followers' `no_decay` lists."""
    is_flat = one.parameter.shape is not None and len(one.parameter.shape) <= 1
    return is_flat and (one.parameter.name.endswith("bias") or "norm" in one.module.type.lower())
