"""Modules of `torch.ao.nn.quantized`, whose class, settings, and inner modules all follow from the data type.

Their code for the state dict is PyTorch's own, so the comparison of checkpoints handles it:
https://github.com/pytorch/pytorch/blob/main/torch/ao/nn/quantized/modules/linear.py
"""

from __future__ import annotations

from collections.abc import Iterator

from bmvis.comparison.tensor_changes import ChangedFact, changed
from bmvis.model.settings import arguments
from bmvis.model.tree import Model, Module

LIBRARY = "torch.ao.nn.quantized."
_KEYS = {
    "Linear": ("scale", "zero_point"),
    "LinearPackedParams": ("dtype", "_packed_params"),
    "PackedParameter": ("param",),
    "LSTM": (),
    "GRU": (),
}
"""State-dict keys of the classes that pack their parameters, or have an inner module that does."""


def is_quantized(module: Module) -> bool:
    """Return whether a module is of a class of `torch.ao.nn.quantized`."""
    return module.package.startswith(LIBRARY)


def is_inner(model: Model, index: int) -> bool:
    """Return whether a module is an implementation detail of the quantized one above it."""
    return index > 0 and is_quantized(model.modules[model.parents[index]])


def quantization_changes(old: Module, new: Module) -> Iterator[ChangedFact]:
    """Yield the change of the data type of weights, if there is one."""
    was, is_now = _scheme(old), _scheme(new)
    if was != is_now:
        yield changed(was, is_now, "checkpoint", name="weights", topic="quantization")


def packed_keys(module: Module) -> tuple[str, ...] | None:
    """Return the names in the state dict of a module that packs its parameters; None for other modules."""
    return _KEYS.get(module.type) if is_quantized(module) else None


def _scheme(module: Module) -> str:
    schemes = dict.fromkeys(parameter.quantization for parameter in module.parameters if parameter.quantization)
    if schemes:
        return ", ".join(schemes)
    if is_quantized(module) and (dtype := {**(module.settings or {}), **arguments(module.extra_repr)}.get("dtype")):
        return dtype.removeprefix("torch.")
    return module.parameters[0].dtype if module.parameters else "none"
