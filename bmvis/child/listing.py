"""Which models a Python module offers to a gallery: runs in the child, for it looks at imported code.

A gallery can name `zoo:bert_*`. Such a pattern finds, in the module's own order, each public name of the module that
can be called without arguments to make a model:

- public is what a wildcard of the allow list would match (`bmvis.child.allowed`);
- a function whose arguments all have defaults, unless its annotation says it returns something else than a module;
- a subclass of `torch.nn.Module` whose arguments all have defaults;
- a module object.
"""

from __future__ import annotations

import inspect
import typing
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

from torch import nn

from bmvis.child import allowed


def model_names(module: ModuleType, pattern: str) -> list[str]:
    """Return the names in `module` that match `pattern` and make a model without arguments."""
    return [name for name, value in allowed.offered(module) if fnmatchcase(name, pattern) and _is_factory(value)]


def _is_factory(value: Any) -> bool:
    if isinstance(value, nn.Module):
        return True
    if inspect.isclass(value):
        return issubclass(value, nn.Module) and not inspect.isabstract(value) and _needs_nothing(value)
    return inspect.isfunction(value) and _needs_nothing(value) and _may_return_module(value)


def _needs_nothing(target: Any) -> bool:
    """Return whether a callable can be called without arguments, as far as its signature tells."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return False
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


def _may_return_module(function: Any) -> bool:
    """Return whether a function's annotation leaves open that it makes a module."""
    try:
        said = typing.get_type_hints(function).get("return")
    except Exception:  # an annotation may name anything: then it says nothing
        return True
    said = typing.get_origin(said) or said
    if said is type(None):
        return False
    return not inspect.isclass(said) or said is object or issubclass(said, nn.Module) or issubclass(nn.Module, said)
