"""Count the parameters that one token uses in a mixture of experts: "37B of 671B active".

All parameters count except those of experts that a router does not choose. The number of experts and the number chosen
must be attributes of the modules. If one of them is missing, the count is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from torch import nn

from bmvis.extraction import introspection
from bmvis.model.tree import Model

_CHOSEN = ("top_k", "num_experts_per_tok", "num_experts_per_token", "moe_top_k", "num_selected_experts", "topk")
_NAMED_ROUTER = re.compile(r"Top([1-9])Router$")
_EXPERTS = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts")
_VARYING = ("zero_expert_num",)
"""Attributes of models in which the number of experts differs between tokens."""


def active_parameters(tree: Model, modules: Sequence[nn.Module]) -> int:
    """Return the number of parameters that one token uses; 0 if the model has no experts, or the number is unknown.

    Args:
        tree: the captured model.
        modules: the live module of each module of the tree.
    """
    found = list(_places_of_experts(tree, modules))
    if not found:
        return 0
    counts = [sum(p.count for p in module.parameters if not p.tied_to) for module in tree.modules]
    active = sum(counts)
    for index in found:
        inside = range(index, index + tree.sizes[index])
        number, chosen = _experts_in(modules[index]), _chosen_above(index, tree, modules)
        is_split = _is_split(index, number, tree, is_container=_is_container(modules[index]))
        if not 0 < chosen <= number or _is_changed(index, tree) or not is_split:
            return 0
        unused, rest = divmod(sum(counts[i] for i in inside) * (number - chosen), number)
        if rest:
            return 0
        active -= unused
    return active


def _places_of_experts(tree: Model, modules: Sequence[nn.Module]) -> Iterator[int]:
    """Yield the indices of the outermost modules that contain the experts of one layer."""
    end = 0
    for index, module in enumerate(tree.modules):
        if index >= end and module.shared_with is None and _are_experts(module.name, module.type, modules[index]):
            end = index + tree.sizes[index]
            yield index


def _are_experts(name: str, type_: str, module: nn.Module) -> bool:
    if name != "experts" and not type_.endswith(("Experts", "NaiveMoe", "ExpertGLU")):
        return False
    if _is_container(module):
        return name == "experts"
    return any(tensor.dim() > 1 for _, tensor in introspection.parameters(module))


def _is_container(module: nn.Module) -> bool:
    return issubclass(type(module), nn.ModuleList | nn.ModuleDict)  # `isinstance` runs code of the module's class


def _experts_in(module: nn.Module) -> int:
    """Return how many experts a module has; 0 if unknown."""
    if _is_container(module):
        return len(introspection.children(module)) if None not in module._modules.values() else 0
    return _first(module, _EXPERTS)


def _is_split(index: int, number: int, tree: Model, *, is_container: bool) -> bool:
    """Return whether all experts have equally many parameters: children of one size, or rows of one tensor."""
    if is_container:
        sizes = {_contents(child, tree) for child in tree.children[index]}
        return len(sizes) == 1 and not tree.modules[index].parameters
    if not number:
        return False
    shapes = [parameter.shape for parameter in tree.modules[index].parameters]
    has_more = any(m.parameters for m in tree.modules[index + 1 : index + tree.sizes[index]])
    return not has_more and all(shape and shape[0] % number == 0 for shape in shapes)


def _contents(index: int, tree: Model) -> tuple[tuple[int, str], ...]:
    """Return the parameters of an expert, with ties: a tensor that several experts share is always used."""
    inside = tree.modules[index : index + tree.sizes[index]]
    return tuple((p.count, p.tied_to) for module in inside for p in module.parameters)


def _chosen_above(index: int, tree: Model, modules: Sequence[nn.Module]) -> int:
    """Return how many experts a token uses, from attributes of the layer of the experts and of its children."""
    for above in _layers_above(index, tree):
        near = [modules[above], *(modules[child] for child in tree.children[above])]
        found = {value for module in near if (value := _chosen_by(module))}
        if found or any(map(_varies, near)):
            return found.pop() if len(found) == 1 and not any(map(_varies, near)) else 0
    return 0


def _layers_above(index: int, tree: Model) -> Iterator[int]:
    """Yield the module around the experts, and the one around it if it contains experts alone, as in DBRX."""
    above = tree.parents[index] if index else index
    yield above
    if above and tree.modules[above].name == "experts":
        yield tree.parents[above]


def _chosen_by(module: nn.Module) -> int:
    """Return how many experts a router chooses for a token: an attribute, or a number in the name of its class."""
    named = _NAMED_ROUTER.search(type(module).__name__)
    return _first(module, _CHOSEN) or (int(named[1]) if named else 0)


def _varies(module: nn.Module) -> bool:
    return bool(_first(module, _VARYING) or _first(introspection.attribute(module, "config"), _VARYING))


def _is_changed(index: int, tree: Model) -> bool:
    """Return whether an adapter changes the experts: its tensors may not be split by experts."""
    above = tree.parents[index]
    return any(p.delta for m in tree.modules[above : above + tree.sizes[above]] for p in m.parameters)


def _first(thing: object, names: Sequence[str]) -> int:
    found = (introspection.attribute(thing, name) for name in names)
    return next((value for value in found if isinstance(value, int) and not isinstance(value, bool)), 0)
