"""What a live module holds, read without running its code.

`module.children()`, `named_parameters()`, `len(module)` and attribute access can be overridden, recurse,
or build tensors anew (parametrizations do). The dictionaries below them are plain data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


def children(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the submodules with their names; empty places are left out."""
    for name, child in _items(module, "_modules"):
        if isinstance(child, nn.Module):
            yield name, child


def parameters(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the module's own parameters with their names; empty places are left out."""
    yield from _tensors(module, "_parameters")


def buffers(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the module's own buffers with their names; empty places are left out."""
    yield from _tensors(module, "_buffers")


def unsaved(module: nn.Module) -> frozenset[str]:
    """Return the names of the buffers that the state dict leaves out."""
    return frozenset(_slot(module, "_non_persistent_buffers_set") or ())


def attribute(thing: object, name: str, default: Any = None) -> Any:
    """Return an attribute, or `default` where it is missing or its code raises."""
    try:
        return getattr(thing, name, default)
    except Exception:
        return default  # a property or `__getattr__` of somebody else's; that it fails is no fact about the model


def text(value: str) -> str:
    """Return a name as text that every format can hold: half of a surrogate pair is written as its escape."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def _tensors(module: nn.Module, slot: str) -> Iterator[tuple[str, torch.Tensor]]:
    for name, tensor in _items(module, slot):
        if isinstance(tensor, torch.Tensor):
            yield name, tensor


def _items(module: nn.Module, slot: str) -> list[tuple[str, Any]]:
    held = _slot(module, slot)
    return [(text(str(name)), value) for name, value in held.items()] if held is not None else []


def _slot(module: nn.Module, slot: str) -> Any:
    """Return one of the module's dictionaries; None if its `__init__` never made it.

    Script modules keep theirs in C++ and reach them by `__getattr__`; all others in `__dict__`.
    """
    held = object.__getattribute__(module, "__dict__").get(slot)
    return attribute(module, slot) if held is None else held
