"""Predict whether the saved state of an optimizer loads after a change, and to which parameters it then belongs.

`torch.optim.Optimizer.load_state_dict` matches parameters by their position in a group. It checks the number of groups
and of parameters in each, and neither names nor shapes:
https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.load_state_dict.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import msgspec

from bmvis.comparison.quantized import is_quantized
from bmvis.model.optimizer import ParameterGroup
from bmvis.model.preorder import child_path
from bmvis.model.tree import Model


class OptimizerState(msgspec.Struct, frozen=True):
    """The result of loading the state of an optimizer that was saved before a change.

    If the factories return no optimizer, it is one of `model.parameters()`.

    Examples:
        >>> before = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
        >>> after = nn.ModuleDict({"b": nn.Linear(2, 2), "a": nn.Linear(2, 2)})
        >>> print(bmvis.compare(before, after).optimizer_state)
        saved optimizer states go to other parameters (4 of 4)
    """

    before: tuple[int, ...] = ()
    """The number of parameters in each group."""
    after: tuple[int, ...] = ()
    moved: tuple[str, ...] = ()
    """State-dict keys of the present model whose parameters get the state of another tensor."""

    @property
    def loads(self) -> bool:
        """Return whether `load_state_dict` raises no error."""
        return self.before == self.after

    def __str__(self) -> str:
        if len(self.before) != len(self.after):
            return f"saved optimizer states no longer load ({len(self.before)} → {len(self.after)} groups)"
        if not self.loads:
            was, is_now = sum(self.before), sum(self.after)
            counts = f"{was:,} → {is_now:,} parameters" if was != is_now else "other sizes of groups"
            return f"saved optimizer states no longer load ({counts})"
        if self.moved:
            return f"saved optimizer states go to other parameters ({len(self.moved):,} of {sum(self.after):,})"
        return "saved optimizer states load"


def optimizer_state(before: Model, after: Model, renamed: Mapping[str, str]) -> OptimizerState | None:
    """Return whether the states of the optimizers of `before` load into those of `after`.

    None if it is unknown: an optimizer came or went, or one of the models is a checkpoint file.

    Args:
        before: the earlier model.
        after: the present model.
        renamed: the present state-dict key of each parameter that was renamed.
    """
    has_other = len(before.optimizers) != len(after.optimizers)
    if has_other or before.is_checkpoint or after.is_checkpoint:
        return None
    old, new = group_keys(before), group_keys(after)
    moved = tuple(
        key
        for was, is_now in zip(old, new, strict=False)
        for former, key in zip(was, is_now, strict=False)
        if key and renamed.get(former, former) != key
    )
    is_same = [*map(len, old)] == [*map(len, new)]
    return OptimizerState(tuple(map(len, old)), tuple(map(len, new)), moved if is_same else ())


def group_keys(model: Model) -> Sequence[Sequence[str]]:
    """Return the state-dict keys of the tensors in each group, counted through all optimizers.

    The key of a tensor that is not the model's is ''.
    """
    own = [
        (child_path(path, parameter.name), parameter.groups)
        for module, path in zip(model.modules, model.paths, strict=True)
        for parameter in module.parameters
        if not parameter.tied_to and not is_quantized(module)
    ]
    if not model.optimizers:
        return [[key for key, _ in own]]
    groups = chain.from_iterable(optimizer.groups for optimizer in model.optimizers)
    return [
        _ordered([key for key, numbers in own if number in (numbers or ())], group)
        for number, group in enumerate(groups)
    ]


def _ordered(keys: Sequence[str], group: ParameterGroup) -> Sequence[str]:
    """Return the keys of the parameters of a group in its order, with '' for tensors that are not the model's."""
    if not group.order:
        return [*keys, *[""] * group.foreign]
    return [keys[index] if 0 <= index < len(keys) else "" for index in group.order]
