"""List the models of a Python module that a gallery pattern matches. Runs in the child, which imports the module.

A gallery can name `zoo:bert_*`. Such a pattern matches, in the order of the module, each public name that gives a model
without arguments. Public names are those that a wildcard of the allow list matches (`bmvis.child.allowed`). They are:

- a function whose arguments all have defaults, unless its return annotation excludes a module;
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
    """Return the names in `module` that match `pattern` and give a model without arguments."""
    return [name for name, value in allowed.offered(module) if fnmatchcase(name, pattern) and _is_factory(value)]


def _is_factory(value: Any) -> bool:
    if isinstance(value, nn.Module):
        return True
    if inspect.isclass(value):
        return issubclass(value, nn.Module) and not inspect.isabstract(value) and _needs_nothing(value)
    return inspect.isfunction(value) and _needs_nothing(value) and _may_return_module(value)


def _needs_nothing(target: Any) -> bool:
    """Return whether the signature of a callable permits a call without arguments."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return False
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


def _may_return_module(function: Any) -> bool:
    """Return whether the annotation of a function permits it to return a module."""
    try:
        hint = typing.get_type_hints(function).get("return")
    except Exception:  # an annotation can raise anything when evaluated; it is then ignored
        return True
    hint = typing.get_origin(hint) or hint
    if hint is type(None):
        return False
    return not inspect.isclass(hint) or hint is object or issubclass(hint, nn.Module) or issubclass(nn.Module, hint)
