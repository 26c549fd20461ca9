"""Read the layers of Keras 3 on its PyTorch backend, which it does not register as modules.

Keras keeps sublayers in the list `_layers` of a layer, and weights in variables, each of which has a parameter. What it
registers is one dictionary, `_torch_params`, with the parameters of all layers under their long paths.
https://github.com/keras-team/keras/blob/master/keras/src/backend/torch/layer.py
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.untrusted import user_text

_BASES = ("keras.src.layers.layer", "keras.src.backend.torch.layer")
"""The modules of the base classes of all layers. A `build` that one of them defines creates no variables."""
_VARIABLES = ("_trainable_variables", "_non_trainable_variables")
UNBUILT = "variables"
"""The name of the variables that a layer creates when it is called."""


class KerasLayers:
    """Reads the layers of one model. Modules that are not Keras layers are read as PyTorch's."""

    def __init__(self) -> None:
        self._is_layer: dict[type, bool] = {}

    def contents(
        self, module: nn.Module
    ) -> tuple[introspection.Children, introspection.Tensors, introspection.Tensors]:
        """Return the submodules, parameters and buffers of a module with their names.

        Raises:
            InvalidModuleError: a dictionary of the module is missing, or has an entry of a wrong type.
        """
        if not self._is_keras(type(module)):
            return introspection.contents(module)
        children, _, buffers = introspection.contents(module)
        layers = [layer for layer in _list(module, "_layers") if isinstance(layer, nn.Module) and layer is not module]
        modules = [
            (name, child) for name, child in children if name != "_torch_params" and not self._is_keras(type(child))
        ]
        own = {id(tensor) for _, child in modules for tensor in child.parameters()}
        found = {
            name: tensor for name, tensor in _named(_own_variables(module)).items() if id(tensor) not in own
        } or self._unbuilt(module)
        return [*_named_layers(layers), *modules], list(found.items()), buffers

    def _is_keras(self, cls: type) -> bool:
        known = self._is_layer.get(cls)
        if known is None:
            known = any(introspection.class_module(base) == _BASES[0] for base in cls.__mro__)
            self._is_layer[cls] = known
        return known

    def _unbuilt(self, layer: nn.Module) -> dict[str, torch.Tensor]:
        """Return a parameter without a shape if the layer is not built, and creates variables then."""
        is_built = introspection.attribute(layer, "built", default=True)
        build = next((vars(base)["build"] for base in type(layer).__mro__ if "build" in vars(base)), None)
        module = introspection.attribute(build, "__module__")
        if is_built or _list(layer, "_layers") or module in _BASES:
            return {}
        return {UNBUILT: nn.UninitializedParameter()}


def _own_variables(layer: nn.Module) -> Iterator[Any]:
    """Yield the variables of a layer itself, and the states of its random generators."""
    for name in _VARIABLES:
        yield from _list(layer, name)
    for generator in _list(layer, "_seed_generators"):
        yield introspection.attribute(generator, "state")


def _named(variables: Iterable[Any]) -> dict[str, torch.Tensor]:
    """Return the tensors of variables by short names, such as `kernel`."""
    found: dict[str, torch.Tensor] = {}
    for variable in variables:
        tensor = introspection.attribute(variable, "_value")
        if isinstance(tensor, torch.Tensor):
            name = user_text.safe_text(str(introspection.attribute(variable, "name") or "variable"))
            found[_unused(name, found)] = tensor
    return found


def _named_layers(layers: Iterable[nn.Module]) -> Iterator[tuple[str, nn.Module]]:
    names: dict[str, None] = {}
    for layer in layers:
        name = user_text.safe_text(str(introspection.attribute(layer, "name") or type(layer).__name__))
        name = _unused(name, names)
        names[name] = None
        yield name, layer


def _unused(name: str, used: Iterable[str]) -> str:
    """Return a name that is not used yet: two layers of one parent can have the same."""
    name, taken = name.replace(".", "_"), set(used)
    return (
        name
        if name not in taken
        else next(other for number in range(2, len(taken) + 3) if (other := f"{name}_{number}") not in taken)
    )


def _list(layer: nn.Module, name: str) -> list[Any]:
    """Return the items of a list of a layer, without the code of the list's class."""
    found = introspection.attribute(layer, name)
    return list(list.__iter__(found)) if isinstance(found, list) else []
