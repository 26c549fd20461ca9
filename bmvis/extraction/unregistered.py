"""Find modules and trainable tensors that a model keeps where PyTorch does not look for them.

`module.parameters()`, `state_dict()` and `to()` follow registered submodules and parameters only. What is in a plain
list, dictionary, tuple or set is left out, and so is a trainable tensor that is a plain attribute. Only `__dict__` is
read: properties do not run.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Container, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn

from bmvis.errors import a_type
from bmvis.extraction import introspection
from bmvis.model.tree import join

MAX_ITEMS = 10_000
"""Items of one attribute that are looked at."""
MAX_NESTING = 4
"""Levels of containers in one attribute that are looked into."""
_SLOTS = frozenset(("_modules", "_parameters", "_buffers"))
_CONTAINERS = frozenset((list, tuple, set, frozenset, dict, OrderedDict, defaultdict, deque))
_SCALARS = frozenset((bool, int, float, str, type(None)))


class Unregistered(NamedTuple):
    """An attribute with modules or trainable tensors which are not registered anywhere in the model."""

    path: str
    """Of the attribute, such as `encoder.layers`."""
    container: str
    """Their container, such as `a list`; '' for the thing itself."""
    modules: tuple[nn.Module, ...]
    """With those below them, each once."""
    contained: int
    """How many modules the attribute itself has."""
    tensors: tuple[torch.Tensor, ...]
    """Trainable ones, without the modules' own."""
    parameters: int
    """Elements of the modules' parameters and of the tensors."""


def find_unregistered(places: Iterable[tuple[str, nn.Module]]) -> Iterator[Unregistered]:
    """Yield each attribute of the modules at `places` with something that is registered at none of them.

    A module or tensor of several attributes counts at the first one.
    """
    places = list(places)
    seen = {id(module) for _, module in places}
    for _, module in places:
        seen.update(id(parameter) for _, parameter in introspection.parameters(module))
        seen.update(id(buffer) for _, buffer in introspection.buffers(module))
    for path, module in places:
        for name, value in list(object.__getattribute__(module, "__dict__").items()):
            if _may_hold(value) and type(name) is str and name not in _SLOTS:
                found = _look_into(join(path, introspection.safe_text(name)), value, seen)
                if found is not None:
                    yield found


def note(found: Unregistered) -> str:
    """Return a line for readers of the build log."""
    what = [_counted(found.contained, "module")] if found.contained else []
    what += [_counted(len(found.tensors), "trainable tensor")] if found.tensors else []
    holder = f"is {found.container} with" if found.container else "is"
    return (
        f"{found.path} {holder} {' and '.join(what)} ({_counted(found.parameters, 'parameter')}) that PyTorch doesn't "
        f"register: not in the tree, in parameters(), or in the state dict"
    )


def call_note(found: Unregistered, called: Container[int]) -> str:
    """Return a line with how many of the modules a call of the model ran; `called` has their ids."""
    ran = sum(id(module) in called for module in found.modules)
    return f"{found.path}: with these inputs, {ran:,} of {_counted(len(found.modules), 'module')} ran"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _may_hold(value: object) -> bool:
    kind = type(value)
    if kind in _SCALARS:
        return False
    return bool(value) if kind in _CONTAINERS else isinstance(value, nn.Module | torch.Tensor)


def _look_into(path: str, value: Any, seen: set[int]) -> Unregistered | None:
    contained = [thing for thing in _things(value, MAX_NESTING) if id(thing) not in seen]
    modules = _with_children([thing for thing in contained if isinstance(thing, nn.Module)], seen)
    tensors = [thing for thing in contained if isinstance(thing, torch.Tensor) and _is_trainable(thing)]
    distinct = {id(tensor): tensor for tensor in tensors if id(tensor) not in seen}
    if not modules and not distinct:
        return None
    own = {id(parameter): parameter for module in modules for _, parameter in introspection.parameters(module)}
    parameters = {key: tensor for key, tensor in (own | distinct).items() if key not in seen}
    seen.update(map(id, modules), parameters)
    container = "" if isinstance(value, nn.Module | torch.Tensor) else a_type(value)
    count = len({id(thing) for thing in contained if isinstance(thing, nn.Module)})
    elements = sum(map(_elements, parameters.values()))
    return Unregistered(path, container, tuple(modules), count, tuple(distinct.values()), elements)


def _things(value: Any, levels: int) -> Iterator[Any]:
    """Yield the modules and tensors in an attribute; containers of other classes are not looked into."""
    if isinstance(value, nn.Module | torch.Tensor):
        yield value
    elif levels and type(value) in _CONTAINERS:
        items = list(value.values()) if isinstance(value, dict) else list(value)
        for item in items[:MAX_ITEMS]:
            yield from _things(item, levels - 1)


def _with_children(roots: list[nn.Module], seen: set[int]) -> list[nn.Module]:
    """Return modules and all below them that are not registered, each once."""
    found: dict[int, nn.Module] = {}
    pending = list(reversed(roots))
    while pending:
        module = pending.pop()
        if id(module) in seen or id(module) in found:
            continue
        found[id(module)] = module
        pending += [child for _, child in reversed(introspection.children(module))]
    return list(found.values())


def _is_trainable(tensor: torch.Tensor) -> bool:
    """Return whether an optimizer could train it: an intermediate result requires a gradient too, and is none."""
    return bool(tensor.requires_grad and tensor.is_leaf)


def _elements(tensor: torch.Tensor) -> int:
    try:
        return 0 if nn.parameter.is_lazy(tensor) else tensor.numel()
    except RuntimeError:
        return 0  # a nested tensor
