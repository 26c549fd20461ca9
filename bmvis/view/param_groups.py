"""Lay out optimizer parameter groups as a table, and find likely mistakes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from bmvis import humanize
from bmvis.model.labels import merge_paths
from bmvis.model.optimizer import Optimizer, ParameterGroup
from bmvis.model.preorder import child_path
from bmvis.model.totals import NOTHING, Totals, of_parameter
from bmvis.model.tree import Model, Module, Parameter
from bmvis.options.definitions import FindingKind as Kind

MAX_PLACES = 4
"""Maximum number of places that a finding lists."""
_UNUSED = ("None", "False")
"""Values of unused hyperparameters, which are omitted if they are the same in all groups."""


class GroupRow(msgspec.Struct, frozen=True):
    """One line of the table."""

    number: int | None
    """The number of the group in the rows of the tree; None for the parameters that are in no group."""
    name: str
    """The name of the group; '' if it has none."""
    optimizer: str
    tensors: int
    totals: Totals
    """Totals of the model's parameters in the group."""
    settings: tuple[str, ...]
    """One value for each of `ParamGroupTable.columns`; '' if the optimizer has no such hyperparameter."""

    @property
    def label(self) -> str:
        """Return `0`, `0 decay`, or `none`."""
        return "none" if self.number is None else f"{self.number} {self.name}".rstrip()


class Finding(msgspec.Struct, frozen=True):
    """A likely mistake in an optimizer."""

    kind: Kind
    text: str
    places: tuple[str, ...] = ()
    """State-dict keys. Keys that differ only in a number are merged: `layer.0-11.norm.weight`."""

    def __str__(self) -> str:
        if not self.places:
            return self.text
        more = len(self.places) - MAX_PLACES
        shown = [*self.places[:MAX_PLACES], *([f"and {more} more"] if more > 0 else [])]
        return f"{self.text}: {', '.join(shown)}"


class ParamGroupTable(msgspec.Struct, frozen=True):
    """The parameter groups of all optimizers of a model, with findings."""

    heads: tuple[str, ...]
    """The type, the schedulers, and the hyperparameters that all groups share, for each optimizer."""
    columns: tuple[str, ...]
    """Hyperparameters that differ between groups."""
    groups: tuple[GroupRow, ...]
    findings: tuple[Finding, ...]

    @property
    def has_several_optimizers(self) -> bool:
        """Return whether the rows need a column for the optimizer."""
        return len(self.heads) > 1


class _Occurrence(msgspec.Struct, frozen=True):
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
    occurrences = [
        _Occurrence(child_path(path, parameter.name), parameter, module)
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
            _sum(one.parameter for one in occurrences if number in one.groups),
            tuple(_setting(group.settings, column) for column in columns),
        )
        for number, (optimizer, group) in enumerate(_numbered(model.optimizers))
    ]
    outside = [one.parameter for one in occurrences if not one.groups]
    if outside:
        rows.append(GroupRow(None, "", "", len(outside), _sum(outside), ("",) * len(columns)))
    return ParamGroupTable(
        heads=tuple(_head(optimizer, columns) for optimizer in model.optimizers),
        columns=columns,
        groups=tuple(rows),
        findings=tuple(_findings(model, occurrences, rows)),
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
    """Return the hyperparameters that differ between the groups of an optimizer, or between all optimizers."""
    found: dict[str, None] = {}
    for optimizer in optimizers:
        found |= dict.fromkeys(name for name in _names([optimizer]) if len(_values([optimizer], name)) > 1)
    everywhere = [name for name in _names(optimizers) if all(name in _names([one]) for one in optimizers)]
    found |= dict.fromkeys(name for name in everywhere if len(_values(optimizers, name)) > 1)
    order = _names(optimizers)
    return tuple(sorted(found, key=order.index))


def _names(optimizers: Sequence[Optimizer]) -> list[str]:
    """Return the names of all hyperparameters, `lr` first, without `initial_lr`, which is shown next to `lr`."""
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
    """Return the heading of an optimizer, such as `AdamW with LambdaLR: betas (0.9, 0.999), eps 1e-08`."""
    kind = " with ".join([optimizer.type, *([", ".join(optimizer.schedulers)] if optimizer.schedulers else [])])
    shared = {name: _setting(group.settings, name) for group in optimizer.groups[:1] for name in _names([optimizer])}
    if optimizer.type == "AdamW":  # implied by the name
        shared.pop("decoupled_weight_decay", None)
    settings = [f"{name} {value}" for name, value in shared.items() if name not in columns and value not in _UNUSED]
    return f"{kind}: {', '.join(settings)}" if settings else kind


def _findings(model: Model, occurrences: Sequence[_Occurrence], rows: Sequence[GroupRow]) -> Iterator[Finding]:
    def found(kind: Kind, text: str, is_one: Callable[[_Occurrence], object], consequence: str) -> Iterator[Finding]:
        those = [one for one in occurrences if is_one(one)]
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
        "in a group, but frozen parameters are never updated",
    )
    yield from found(
        "twice", "parameter", lambda one: len(one.groups) > 1, "in more than one group, so updated by each"
    )
    for number, (_, group) in enumerate(_numbered(model.optimizers)):
        if not group.tensors:
            yield Finding("empty", f"group {rows[number].label} is empty")
        if group.foreign:
            tensors = f"{group.foreign:,} of {group.tensors:,} tensors"
            cause = "was a module replaced after the optimizer was created?"
            yield Finding("foreign", f"in group {rows[number].label}, {tensors} are not in the model: {cause}")
    decaying = _decaying(model.optimizers)
    yield from found(
        "decay",
        "bias or normalization weight",
        lambda one: one.parameter.trainable and decaying.intersection(one.groups) and _is_usually_free(one),
        "in a group with weight decay, though another group has none",
    )


def _amount(those: Sequence[_Occurrence], noun: str) -> str:
    if noun.startswith("bias") and len(those) > 1:
        noun = "biases and normalization weights"
    elif len(those) > 1:
        noun += "s"
    return f"{len(those):,} {noun} ({humanize.count(_sum(one.parameter for one in those).count)} elements)"


def _decaying(optimizers: Sequence[Optimizer]) -> set[int]:
    """Return the groups with weight decay, of optimizers that also have a group without weight decay."""
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


def _is_usually_free(one: _Occurrence) -> bool:
    """Return whether training recipes usually exclude a parameter from weight decay, as `no_decay` lists do.

    See for example https://github.com/huggingface/transformers/blob/v4.40.0/examples/pytorch/language-modeling/run_clm_no_trainer.py.
    """
    is_flat = one.parameter.shape is not None and len(one.parameter.shape) <= 1
    return is_flat and (one.parameter.name.endswith("bias") or "norm" in one.module.type.lower())
