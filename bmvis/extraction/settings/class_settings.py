"""Read the values that `forward` reads and that are no attributes of an instance.

They are class attributes, defaults of its arguments, what its closure has, and plain global variables that it mentions,
also in functions and methods that it calls. Only classes of the project are read: other releases of a library have
other versions. No code of the class runs.
"""

from __future__ import annotations

import abc
import dis
import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.settings.config_objects import is_config, values_of
from bmvis.extraction.settings.object_parts import attributes_of_object
from bmvis.extraction.settings.project_code import (
    class_attributes_of,
    functions_in,
    is_object,
    is_of_project,
    is_project_module,
    is_state,
    is_value,
    methods_in_closure,
)

_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")
_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")
_ASSIGNMENT = ("STORE_ATTR", "DELETE_ATTR")
_MAX_FUNCTIONS = 50
"""Functions that are read for one method."""
CalledMethods = Sequence[tuple[str, FunctionType]]
"""Methods with their names."""
_ABSENT = object()
_FORWARD = frozenset(("forward", "__call__"))
_OF_MODULES = frozenset((*vars(nn.Module()), *vars(nn.Module)))
"""Names of attributes that each module has."""
_PLAIN_METACLASSES = (type, abc.ABCMeta, type(torch.autograd.Function))
"""Classes of classes whose attributes can be read from `__dict__`."""


def class_settings(cls: type, called: Set[str] = frozenset()) -> dict[str, Any]:
    """Return the values that `forward` reads and all instances of a class have in common.

    They are class attributes, such as `factor`, and constants of `forward` and of the methods that it calls, by method
    and name, such as `forward.power` for `def forward(self, x, power=3)`.

    Args:
        cls: the class of a module.
        called: the names of other methods that the model calls if a class has them.
    """
    methods = called_methods(cls, called | _FORWARD)
    mentioned = mentioned_names(methods)
    attributes = class_attributes_of(cls, private_names(methods))
    found = {name: value for name, value in attributes.items() if name in mentioned}
    return found | method_constants(methods)


def names_of_calls(cls: type, called: Set[str]) -> frozenset[str]:
    """Return the names of attributes and methods that `forward` of a class mentions, and what it calls."""
    return mentioned_names(called_methods(cls, called | _FORWARD))


def private_settings(cls: type, called: Set[str]) -> frozenset[str]:
    """Return the names of private attributes that `forward` of a class of the project reads, and what it calls.

    Args:
        cls: the class of a module.
        called: the names of other attributes and methods that the model mentions.
    """
    return private_names(called_methods(cls, called | _FORWARD), called) if is_of_project(cls) else frozenset()


def private_names(methods: CalledMethods, mentioned: Set[str] = frozenset()) -> frozenset[str]:
    """Return the names of private attributes that methods read, without the state that they change, such as a cache.

    Args:
        methods: methods of one class.
        mentioned: the names of attributes that other code reads of its instances.
    """
    names = mentioned_names(methods) | mentioned
    private = {name for name in names if name[:1] == "_" and name[-2:] != "__" and name not in _OF_MODULES}
    if not private:
        return frozenset()
    return frozenset(private.difference(*(_names_in_code(part.__code__).assigned for part in _with_functions(methods))))


def method_constants(methods: CalledMethods) -> dict[str, Any]:
    """Return the constants of methods by their names: `apply.factor`."""
    return {f"{name}.{key}": value for name, method in methods for key, value in constants(method)}


def mentioned_names(methods: CalledMethods) -> frozenset[str]:
    """Return the names in the code of methods."""
    return frozenset(name for part in _with_functions(methods) for name in _mentioned_names(part.__code__))


def called_methods(cls: type, called: Iterable[str]) -> CalledMethods:
    """Return methods of a class of the project, and those that they mention, with their names.

    Args:
        cls: the class.
        called: the names of methods that are called if the class has them.
    """
    return list(_called_methods(cls, called))


def _called_methods(cls: type, called: Iterable[str]) -> Iterator[tuple[str, FunctionType]]:
    """Yield methods of the project, and those that they mention, with their names."""
    methods: defaultdict[str, list[list[FunctionType]]] = defaultdict(list)
    for base in type.mro(cls) if is_of_project(cls) else ():
        for name, value in list(base.__dict__.items()):
            if functions := list(functions_in(value)):
                methods[name].append(functions)
    pending = sorted(methods.keys() & set(called), reverse=True)
    seen = set(pending)
    while pending and len(seen) <= _MAX_FUNCTIONS:
        name = pending.pop()
        for functions in methods.get(name, ()):
            yield from ((name, function) for function in functions)
            names = mentioned_names([(name, function) for function in functions])
            new = sorted(names & methods.keys() - seen)
            seen.update(new)
            pending += new
            if "super" not in names:
                break  # it replaces that of the base class


def constants(method: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the constants of a method, and of functions of the project that it mentions.

    The name of a default of such a function, and of what its closure or its own file has, begins with that of the
    function.
    """
    for function in _reached(method):
        prefix = "" if function is method else f"{function.__name__}."
        defaults = introspection.arguments_with_default(function)
        yield from ((prefix + name, value) for name, value in defaults if is_value(name, value))
        for name, value in _mentioned(function):
            is_closure = name in function.__code__.co_freevars
            is_module = is_closure and name != "self" and isinstance(value, nn.Module)
            is_read = is_module or is_object(value) or is_value(name.rpartition(".")[2], value)
            if value is not None and not is_state(name, value) and is_read:
                is_common = function.__globals__ is method.__globals__ and not is_closure
                yield name if is_common else prefix + name, value


def _with_functions(methods: CalledMethods) -> list[FunctionType]:
    """Return methods, and the functions of the project that they mention, each once."""
    return list(dict.fromkeys(part for _, method in methods for part in _reached(method)))


def _reached(method: FunctionType) -> Iterator[FunctionType]:
    """Yield a method, and the functions of the project that it mentions."""
    pending, seen = [method], {method}
    while pending and len(seen) <= _MAX_FUNCTIONS:
        function = pending.pop()
        yield function
        for _, value in _mentioned(function):
            inner = [found for found in functions_in(value) if found not in seen]
            seen.update(inner)
            pending += inner


def _mentioned(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what the closure of a function has, and the global variables that its code mentions, in a fixed order.

    A configuration is a dictionary of its values.
    """
    methods = [function.__dict__.get("__wrapped__"), *methods_in_closure(function)]
    for name, value in introspection.closure_values(function):
        if name[:2] != "__" and not any(value is method for method in methods):
            yield name, _plain(value)
    variables: Mapping[str, Any] = function.__globals__
    for path in _names_in_code(function.__code__).global_names:
        if path[0][:2] != "__" and path[0] in variables:
            name, value = _resolved(path, variables)
            yield name, _plain(value)


def _resolved(path: tuple[str, ...], variables: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the name and the value of a variable, or of an attribute of a module, class or configuration in it."""
    name, value = path[0], variables[path[0]]
    for attribute in path[1:]:
        inner = _inside(value, attribute)
        if inner is _ABSENT:
            break
        name, value = f"{name}.{attribute}", inner
    return name, value


def _inside(value: Any, attribute: str) -> Any:
    if type(value) is ModuleType:
        return value.__dict__.get(attribute, _ABSENT) if is_project_module(value.__name__) else _ABSENT
    if type(value) in _PLAIN_METACLASSES:
        base = next((base for base in type.mro(value) if attribute in base.__dict__), None)
        return base.__dict__[attribute] if base is not None and is_of_project(base) else _ABSENT
    if type(value) is enum.EnumMeta:
        members = value.__dict__.get("_member_map_")
        return members.get(attribute, _ABSENT) if type(members) is dict and is_of_project(value) else _ABSENT
    if is_config(type(value)):
        return values_of(value).get(attribute, _ABSENT)
    return dict(attributes_of_object(value, {attribute}) or ()).get(attribute, _ABSENT)


def _plain(value: Any) -> Any:
    return values_of(value) if is_config(type(value)) else value


class _NamesInCode(NamedTuple):
    """What code, and functions inside it, do with names."""

    global_names: Sequence[tuple[str, ...]]
    """The names of global variables, sorted, each with the attributes read of it."""
    assigned: frozenset[str]
    """The names of attributes that are assigned or deleted."""


@lru_cache(maxsize=10_000)
def _names_in_code(code: CodeType) -> _NamesInCode:
    """Return what code does with names.

    Many classes use the same functions, and disassembling them takes most of the time.
    """
    found, assigned = set(), set()
    for part in _with_inner(code):
        path: tuple[str, ...] = ()
        for step in dis.get_instructions(part):
            if step.opname in _ASSIGNMENT:
                assigned.add(str(step.argval))
            if path and step.opname in _ATTRIBUTE:
                path += (str(step.argval),)
                continue
            found.add(path)
            path = (str(step.argval),) if step.opname in _GLOBAL else ()
        found.add(path)
    return _NamesInCode(sorted(found - {()}), frozenset(assigned))


def _mentioned_names(code: CodeType) -> set[str]:
    """Return the names of attributes and global variables in code, and in functions inside it."""
    return {name for part in _with_inner(code) for name in part.co_names}


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    """Yield code, and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _with_inner(constant)
