"""The optimizers that a factory returns with a model."""

from __future__ import annotations

import msgspec


class ParameterGroup(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One of an optimizer's `param_groups`. `Parameter.groups` lists the groups of each parameter."""

    name: str = ""
    """The value of the group's key `name`; '' if it has none."""
    settings: dict[str, str] = {}
    """Hyperparameters in the optimizer's order, as text: `{"lr": "0.001", "betas": "(0.9, 0.999)"}`."""
    tensors: int = 0
    """Number of tensors in the group."""
    foreign: int = 0
    """Number of tensors in the group that are not parameters of the model."""
    order: tuple[int, ...] = ()
    """For each tensor, its index among the group's parameters in the order of the model; -1 if it is not the model's.
    Empty for the order of the model, followed by the tensors that are not the model's."""


class Optimizer(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An optimizer that the factory returned with the model."""

    type: str
    """Class name."""
    groups: tuple[ParameterGroup, ...] = ()
    """Its `param_groups`, in order."""
    schedulers: tuple[str, ...] = ()
    """Class names of the learning rate schedulers of this optimizer that the factory returned."""
    scheduler_settings: tuple[dict[str, str], ...] = ()
    """The arguments of each scheduler, as text: `{"T_max": "100", "eta_min": "0.0"}`."""
