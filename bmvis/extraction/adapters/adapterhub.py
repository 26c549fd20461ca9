"""AdapterHub's `adapters` keeps its deltas in modules of its own, below or in place of the model's."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.adapters.base import Deltas, Places, below, is_of, of_library

_SHARED = "shared_parameters"
"""Where a model keeps what its adapters have in common (Compacter)."""
_BORROWED = "base_model_embeddings"
"""Under this name prompt tuning holds the model's own embeddings."""


def adapterhub(places: Places) -> Deltas:
    """Return what the modules of `adapters.methods` hold, and all below them.

    A layer that takes the place of the model's own (`LoRALinear` is an `nn.Linear`) holds the model's
    weights itself, and the deltas in the modules below it.
    """
    found: Deltas = {}
    for _, module in of_library(places, "adapters"):
        state = "merged" if introspection.attribute(module, "merged") else ""
        for parameter in _held(module):
            found[id(parameter)] = found.get(id(parameter)) or state
    return found


def _held(module: nn.Module) -> Iterator[torch.Tensor]:
    """Yield the deltas in and below a module."""
    if is_of(module, "adapters.methods"):
        if not _replaces(module):
            yield from (parameter for _, parameter in introspection.parameters(module))
        parts = [child for name, child in introspection.children(module) if name != _BORROWED]
    else:
        parts = [child for name, child in introspection.children(module) if name == _SHARED]
    for part in parts:
        yield from (parameter for _, parameter in below(part))


def _replaces(module: nn.Module) -> bool:
    """Return whether the module is one of the model's layers as well: of a class from elsewhere that has a weight."""
    names = {name for name, _ in introspection.parameters(module)}
    return "weight" in names and any(
        not introspection.class_module(cls).startswith("adapters.") and cls not in (nn.Module, object)
        for cls in type(module).__mro__
    )
