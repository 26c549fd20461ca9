"""What a live module holds, read without running its code.

`module.children()`, `named_parameters()`, `len(module)` and attribute access can be overridden, recurse,
or build tensors anew (parametrizations do). The dictionaries below them are plain data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import nn

_Held = TypeVar("_Held", nn.Module, torch.Tensor)
Children = Sequence[tuple[str, nn.Module]]
Tensors = Sequence[tuple[str, torch.Tensor]]


def contents(module: nn.Module) -> tuple[Children, Tensors, Tensors]:
    """Return the submodules, parameters and buffers with their names, in one look; empty places are left out."""
    slots = object.__getattribute__(module, "__dict__")
    below, own, constant = slots.get("_modules"), slots.get("_parameters"), slots.get("_buffers")
    if below is None or own is None or constant is None:
        return children(module), parameters(module), buffers(module)
    return (
        _items(below, nn.Module) if below else (),
        _items(own, torch.Tensor) if own else (),
        _items(constant, torch.Tensor) if constant else (),
    )


def children(module: nn.Module) -> Children:
    """Return the submodules with their names; empty places are left out."""
    return _items(_slot(module, "_modules"), nn.Module)


def parameters(module: nn.Module) -> Tensors:
    """Return the module's own parameters with their names; empty places are left out."""
    return _items(_slot(module, "_parameters"), torch.Tensor)


def buffers(module: nn.Module) -> Tensors:
    """Return the module's own buffers with their names; empty places are left out."""
    return _items(_slot(module, "_buffers"), torch.Tensor)


def non_persistent(module: nn.Module) -> frozenset[str]:
    """Return the names of the buffers that the state dict leaves out."""
    return frozenset(_slot(module, "_non_persistent_buffers_set") or ())


def has_entry(module: nn.Module, slot: str, name: str) -> bool:
    """Return whether one of the module's dictionaries has an entry of this name."""
    return name in (_slot(module, slot) or ())


def attribute(thing: object, name: str, default: Any = None) -> Any:
    """Return an attribute, or `default` where it is missing or its code raises."""
    try:
        return getattr(thing, name, default)
    except Exception:
        return default  # a property or `__getattr__` of somebody else's; that it fails is no fact about the model


def class_module(cls: type) -> str:
    """Return the name of the Python module that a class says it is from; it may say anything, or nothing."""
    named = cls.__module__
    return named if isinstance(named, str) else ""


def safe_text(value: str) -> str:
    """Return a name as text that every format can hold: half of a surrogate pair is written as its escape."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def _items(held: Any, kind: type[_Held]) -> Sequence[tuple[str, _Held]]:
    if not held:
        return ()
    return [
        (name if type(name) is str and name.isascii() else safe_text(str(name)), value)
        for name, value in held.items()
        if value is not None and isinstance(value, kind)
    ]


def _slot(module: nn.Module, slot: str) -> Any:
    """Return one of the module's dictionaries; None if its `__init__` never made it.

    Script modules keep theirs in C++ and reach them by `__getattr__`; all others in `__dict__`. That it cannot be
    read is an error: nothing true can be said of such a module.
    """
    held = object.__getattribute__(module, "__dict__").get(slot)
    return getattr(module, slot, None) if held is None else held
