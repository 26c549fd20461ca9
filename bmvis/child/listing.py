"""List the models of a Python module that a gallery pattern matches. Runs in the child, which imports the module.

A gallery can name `zoo:bert_*`. Such a pattern matches, in the order of the module, each public name that gives a model
without arguments. Public names are those that a wildcard of the allow list matches (`bmvis.child.allowed`). They are:

- a function, `functools.partial`, cached function, bound method or callable object whose arguments all have defaults,
  unless it is a coroutine function, or its return annotation excludes a module;
- a subclass of `torch.nn.Module` whose arguments all have defaults;
- a module object.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import types
import typing
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

from torch import nn

from bmvis.child import allowed
from bmvis.errors import FactoryError, a_type
from bmvis.reference import Reference

MAX_MODELS = 10_000
"""Maximum number of keys or items of which references are made."""

_CACHED = type(functools.lru_cache(lambda: None))


def model_names(module: ModuleType, pattern: str) -> list[str]:
    """Return the names in `module` that match `pattern` and give a model without arguments."""
    return [name for name, value in allowed.offered(module) if fnmatchcase(name, pattern) and _is_factory(value)]


def each(module: ModuleType, pattern: Reference) -> Iterator[str]:
    """Yield a reference for each key of a dictionary, or for each item of a list as the argument of a function.

    Raises:
        FactoryError: the module has no such dictionary or list.
    """
    holder = f"{pattern.module}:{pattern.attribute}"
    if not pattern.each:
        for key, value in _items(module, pattern.attribute, pattern, Mapping):
            if isinstance(key, str) and _is_factory(value):
                yield f"{holder}[{key!r}]"
        return
    for item, _ in _items(module, pattern.each, pattern, Mapping | list | tuple | set | frozenset):
        if type(item) in (str, int, float, bool):
            yield f"{holder}({item!r})"


def _items(module: ModuleType, name: str, pattern: Reference, kinds: Any) -> list[tuple[Any, Any]]:
    found: Any = module
    for step in name.split("."):
        found = getattr(found, step, None)
    if not isinstance(found, kinds):
        raise FactoryError(
            f"{pattern.module}:{name} is {'missing' if found is None else a_type(found)}",
            hint="name a dictionary of factories in ZOO[*], or a list or dictionary of arguments in build(*names)",
        )
    pairs = found.items() if isinstance(found, Mapping) else [(item, None) for item in found]
    return list(itertools.islice(pairs, MAX_MODELS))


def _is_factory(value: Any) -> bool:
    try:
        return _gives_model(value)
    except Exception:  # its class, signature and wrappers are user code; the module can have other models
        return False


def _gives_model(value: Any) -> bool:
    if isinstance(value, nn.Module):
        return True
    if inspect.isclass(value):
        return issubclass(value, nn.Module) and not inspect.isabstract(value) and _needs_nothing(value)
    function = _function(value)
    if function is None or _is_asynchronous(function):
        return False
    return _needs_nothing(value) and _may_return_module(function)


def _function(value: Any) -> Any:
    """Return the function that runs if `value` is called; None if `value` is not callable, or is not Python code."""
    for _ in range(20):  # a partial of a cached function
        if isinstance(value, functools.partial):
            value = value.func
        elif isinstance(value, types.FunctionType):
            return inspect.unwrap(value)
        elif isinstance(value, types.MethodType):
            value = value.__func__
        elif isinstance(value, _CACHED):
            value = value.__wrapped__
        elif inspect.isclass(value):
            return value if issubclass(value, nn.Module) else None
        else:
            value = inspect.getattr_static(type(value), "__call__", None)
    return None


def _is_asynchronous(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


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
