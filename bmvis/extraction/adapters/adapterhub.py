"""AdapterHub's `adapters`: deltas are in modules of the library, which are children or replacements of the model's.

https://github.com/adapter-hub/adapters/tree/main/src/adapters/methods
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.adapters.base import Deltas, NamedModules, is_of, of_library, parameters_below

_SHARED_PARAMETERS = "shared_parameters"
"""The child of a model with the parameters that its Compacter adapters share."""
_BASE_EMBEDDINGS = "base_model_embeddings"
"""The child of a prompt tuning module that is the model's own embedding: not a delta."""


def adapterhub(named_modules: NamedModules) -> Deltas:
    """Return the parameters of the modules that `adapters.methods` defines, and of their descendants.

    A layer that replaces one of the model (`LoRALinear` is an `nn.Linear`) has the model's weight as its own
    parameter. There, only the parameters of its children are deltas.
    """
    found: Deltas = {}
    for _, module in of_library(named_modules, "adapters"):
        state = "merged" if introspection.attribute(module, "merged") else ""
        for parameter in _added_parameters(module):
            found[id(parameter)] = found.get(id(parameter)) or state
    return found


def _added_parameters(module: nn.Module) -> Iterator[torch.Tensor]:
    """Yield the deltas of a module and of its descendants."""
    if is_of(module, "adapters.methods"):
        if not _replaces(module):
            yield from (parameter for _, parameter in introspection.parameters(module))
        parts = [child for name, child in introspection.children(module) if name != _BASE_EMBEDDINGS]
    else:
        parts = [child for name, child in introspection.children(module) if name == _SHARED_PARAMETERS]
    for part in parts:
        yield from (parameter for _, parameter in parameters_below(part))


def _replaces(module: nn.Module) -> bool:
    """Return whether the module replaces a layer: it has a `weight`, and a base class from outside the library."""
    names = {name for name, _ in introspection.parameters(module)}
    return "weight" in names and any(
        not introspection.class_module(cls).startswith("adapters.") and cls not in (nn.Module, object)
        for cls in type(module).__mro__
    )
