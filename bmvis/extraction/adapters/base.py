"""The types that detectors take and return, and functions that several detectors use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from bmvis.extraction import introspection

NamedModules = Sequence[tuple[str, nn.Module]]
"""`(path, module)` of each module of a model in preorder. A shared module occurs once, at its first path."""

Deltas = dict[int, str]
"""`id` of each delta parameter (valid while the model exists), and the state of its adapter: '' if it is active, else
a short text such as `inactive`, `merged` or `disabled`."""

Detector = Callable[[NamedModules], Deltas]


def of_library(named_modules: NamedModules, library: str) -> list[tuple[str, nn.Module]]:
    """Return the modules whose class, or one of its base classes, is defined by the library."""
    classes = {
        cls
        for cls in {type(module) for _, module in named_modules}
        if any(_is_of(base, library) for base in cls.__mro__)
    }
    return [pair for pair in named_modules if type(pair[1]) in classes] if classes else []


def comes_from(module: nn.Module, library: str, *names: str) -> bool:
    """Return whether the module's class, or one of its base classes, has one of these names in the library."""
    return any(cls.__name__ in names and _is_of(cls, library) for cls in type(module).__mro__)


def is_of(module: nn.Module, package: str) -> bool:
    """Return whether the module's class is defined in the package."""
    return _is_of(type(module), package)


def parameters_below(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the parameters of a module and of its descendants, with paths relative to the module."""
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
    module = introspection.class_module(cls)
    return module.startswith(package) and module[len(package) : len(package) + 1] in ("", ".")
