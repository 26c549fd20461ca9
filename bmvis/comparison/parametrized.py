"""Find the tensors that `torch.nn.utils.parametrize` computes, by the modules that it adds.

https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.register_parametrization.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bmvis.model.tree import Model, Module

_PACKAGE = "torch.nn.utils.parametrize"
_NAME = "parametrizations"


def parametrizations(model: Model, index: int) -> dict[str, str]:
    """Return the tensors that a module named `parametrizations` computes, each with its functions; {} for others."""
    if model.modules[index].name != _NAME:
        return {}
    children = model.children[index]
    if any(model.modules[child].package != _PACKAGE for child in children):
        return {}
    return {model.modules[child].name: _functions(model, child) for child in children}


def parametrized_tensors(model: Model, index: int) -> Iterator[str]:
    """Yield the names of the tensors of a module that are parametrized."""
    for child in model.children[index]:
        yield from parametrizations(model, child)


def converted(old: Module, functions: Mapping[str, str]) -> frozenset[str]:
    """Return the tensors that `torch.nn.utils.weight_norm` computed before: its state dicts still load."""
    had = {parameter.name for parameter in old.parameters}
    return frozenset(
        name for name, function in functions.items() if function == "WeightNorm" and {f"{name}_g", f"{name}_v"} <= had
    )


def _functions(model: Model, index: int) -> str:
    types = [model.modules[child].type for child in model.children[index]]
    return " + ".join(kind.lstrip("_") for kind in types) or model.modules[index].type
