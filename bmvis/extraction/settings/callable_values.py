"""Find the values that a function, or another object that is called, depends on. No code of them runs.

They are constants of functions of the project, attributes of objects of the project, and arguments of library functions
that have made the function.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import FunctionType, MethodType
from typing import Any

from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.settings.class_settings import (
    CalledMethods,
    called_methods,
    constants,
    method_constants,
    private_names,
)
from bmvis.extraction.settings.object_parts import Pairs, own_attributes
from bmvis.extraction.settings.project_code import class_attributes_of, is_namespace, is_of_project

MAX_WRAPPERS = 8
"""Maximum number of decorators around a function."""


def values_of_call(value: Any) -> Iterable[tuple[str, Any]] | None:
    """Return the values that a function or another object of the project depends on; None for other objects."""
    if type(value) in (FunctionType, functools._lru_cache_wrapper):
        inner = _function_of_project(value)
        return constants(inner) if inner is not None else _in_closure(value)
    if type(value) is MethodType:
        return _values_of_method(value)
    if is_namespace(value):
        return list(class_attributes_of(value).items())
    is_object = is_called(type(value)) and not issubclass(type(value), type | nn.Module) and is_of_project(type(value))
    return _values_of_own_method(value, "__call__") if is_object else None


def _values_of_method(method: MethodType) -> Iterable[tuple[str, Any]]:
    function, cls = method.__func__, type(method.__self__)
    if type(function) is not FunctionType or not is_of_project(function):
        return _attributes(method.__self__, ())
    if any(base.__dict__.get(function.__name__) is function for base in type.mro(cls)):
        return _values_of_own_method(method.__self__, function.__name__)
    return [*_attributes(method.__self__, [(function.__name__, function)]), *constants(function)]


def _values_of_own_method(owner: Any, name: str) -> list[tuple[str, Any]]:
    """Return the attributes that a method of a class of the project has, and constants, also those of what it calls."""
    methods = called_methods(type(owner), (name,))
    found = [(key.removeprefix(f"{name}."), value) for key, value in method_constants(methods).items()]
    return [*_attributes(owner, methods), *found]


def _in_closure(function: Any) -> list[tuple[str, Any]]:
    """Return the plain values in the closure of a function of a library: arguments of what has made the function."""
    found = []
    for _ in range(MAX_WRAPPERS):
        values = introspection.closure_values(function) if type(function) is FunctionType else ()
        found += [(name, value) for name, value in values if type(value) in (bool, int, float, str)]
        function = introspection.own_dict(function).get("__wrapped__")
    return found


def is_called(cls: type) -> bool:
    """Return whether instances of a class can be called."""
    return any("__call__" in base.__dict__ for base in type.mro(cls))


def _function_of_project(value: Any) -> FunctionType | None:
    """Return a function of the project, also if a decorator of a library has wrapped it; None for others."""
    function = value
    for _ in range(MAX_WRAPPERS):
        if isinstance(function, FunctionType) and function.__module__ and is_of_project(function):
            return function
        function = introspection.own_dict(function).get("__wrapped__")
    return None


def _attributes(owner: Any, methods: CalledMethods) -> Pairs:
    """Return the public attributes of an object of the project, and private ones that its methods read.

    Those of a module that are public are settings of the module.
    """
    if issubclass(type(owner), type) or not is_of_project(type(owner)):
        return ()
    found = own_attributes(owner, private_names(methods))
    return [pair for pair in found if pair[0][0] == "_"] if issubclass(type(owner), nn.Module) else found
