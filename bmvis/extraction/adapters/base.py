"""What detectors take and return, and what they ask of modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from bmvis.extraction import introspection

Places = Sequence[tuple[str, nn.Module]]
"""Every module of a model once, with the path at which it is first met, in preorder."""

Deltas = dict[int, str]
"""`id` of a delta parameter (valid while the model lives) -> what its library says of the adapter:
'' while it is simply in use, else `inactive`, `merged` or `disabled`."""

Detector = Callable[[Places], Deltas]


def of_library(places: Places, library: str) -> list[tuple[str, nn.Module]]:
    """Return the places of the modules whose class the library defines, or a class it is derived from."""
    ours = {cls for cls in {type(module) for _, module in places} if any(_is_of(base, library) for base in cls.__mro__)}
    return [place for place in places if type(place[1]) in ours] if ours else []


def comes_from(module: nn.Module, library: str, *names: str) -> bool:
    """Return whether the module's class is, or is derived from, one of that name in the library."""
    return any(cls.__name__ in names and _is_of(cls, library) for cls in type(module).__mro__)


def is_of(module: nn.Module, package: str) -> bool:
    """Return whether the package defines the module's class."""
    return _is_of(type(module), package)


def below(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the parameters of the module and of all below it, with their paths from it."""
    seen: set[int] = set()
    pending = [("", module)]
    while pending:
        path, inner = pending.pop()
        if id(inner) in seen:
            continue
        seen.add(id(inner))
        for name, parameter in introspection.parameters(inner):
            yield path + name, parameter
        pending += [(f"{path}{name}.", child) for name, child in introspection.children(inner)]


def _is_of(cls: type, package: str) -> bool:
    return f"{introspection.class_module(cls)}.".startswith(f"{package}.")
