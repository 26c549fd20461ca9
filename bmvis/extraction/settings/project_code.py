"""Find code and values of the project, in contrast to those of libraries and of Python itself. No code runs.

Only they are read: other releases of a library have other functions and other values.
"""

from __future__ import annotations

import array
import collections
import datetime
import enum
import functools
import operator
import os
import re
import sys
from collections.abc import Iterator, Set
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType, MappingProxyType, ModuleType
from typing import Any

import torch
from torch import nn

from bmvis.extraction import introspection

_PLAIN = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    tuple,
    list,
    dict,
    set,
    frozenset,
    range,
    slice,
    functools.partial,
    enum.Enum,
    array.array,
    bytearray,
    collections.ChainMap,
    collections.UserDict,
    collections.UserList,
    collections.UserString,
    collections.deque,
    datetime.timedelta,
    Decimal,
    Fraction,
    MappingProxyType,
    operator.attrgetter,
    operator.itemgetter,
    operator.methodcaller,
    PurePath,
    re.Pattern,
)
_OF_TORCH = (torch.dtype, torch.layout, torch.memory_format)
_NAMED = (FunctionType, BuiltinFunctionType, type)
_NO_OBJECTS = (*_NAMED, *_PLAIN, nn.Module, torch.Tensor, ModuleType, property, staticmethod, classmethod)
_OF_FUNCTIONS = ("forward", "backward", "setup_context")
"""Methods of a `torch.autograd.Function`."""
_STATE = frozenset(
    ("count", "counts", "counter", "counters", "instances", "registry", "cache", "caches", "cached", "next", "uid")
)
"""Words in the names of what code changes while it runs, such as the number of instances."""
_WORD_ENDS = re.compile(r"_|(?<=[a-z])(?=[A-Z])")
_LIBRARIES = ("bmvis", "torch", "transformers", "peft")
"""Packages that are libraries wherever they are installed."""
_own_packages: frozenset[str] = frozenset()
"""Packages of the project, which count wherever they are installed."""
_PYTHON = os.path.join(os.path.dirname(os.__file__), "")
"""The folder of the standard library; `sysconfig` would import a module that a project can replace."""


def is_of_project(named: Any) -> bool:
    """Return whether a class or function is defined in code of the project, not of a library or of Python itself."""
    module = named.__globals__.get("__name__") if type(named) is FunctionType else named.__module__
    return type(module) is str and is_project_module(module)


def use_sources(folder: Path) -> None:
    """Count the packages whose sources are in a folder as code of the project, also where they are installed.

    Thus a library has the same settings if it was installed by `pip install .` as if it was by `pip install -e .`. The
    sources are in the folder itself or in `src`, as setuptools finds them:
    https://setuptools.pypa.io/en/latest/userguide/package_discovery.html#automatic-discovery

    Args:
        folder: the folder of the project.
    """
    global _own_packages
    _own_packages = frozenset((*_packages_in(folder), *_packages_in(folder / "src"))).difference(_LIBRARIES)
    is_project_module.cache_clear()


def _packages_in(folder: Path) -> list[str]:
    try:
        return [entry.name.removesuffix(".py") for entry in folder.iterdir() if _is_package(entry)]
    except OSError:
        return []  # there is no such folder


def _is_package(entry: Path) -> bool:
    # Of sources. `bmvis.source.module_folders` finds what Python can import: also extensions, bytecode and namespaces.
    return entry.suffix == ".py" or (entry / "__init__.py").is_file()


@cache
def is_project_module(module: str) -> bool:
    """Return whether a module of this name is of the project."""
    file, package = getattr(sys.modules.get(module), "__file__", ""), module.partition(".")[0]
    if type(file) is not str or module in sys.builtin_module_names or package in _LIBRARIES:
        return False
    path = os.path.abspath(file)
    is_installed = not {"site-packages", "dist-packages"}.isdisjoint(Path(path).parts)
    return not path.startswith(_PYTHON) if not is_installed else package in _own_packages


def is_state(name: str, value: Any = None) -> bool:
    """Return whether a name is that of a value that code changes while it runs, such as `call_count`.

    A number with a name of capital letters is a constant.
    """
    if type(value) in (int, float) and name.rpartition(".")[2].isupper():
        return False
    words = [word.lower() for word in _WORD_ENDS.split(name)]
    return words[-1] == "id" or not _STATE.isdisjoint(words)


def is_value(name: str, value: Any) -> bool:
    """Return whether a variable has a value that can be a setting.

    A function or class is one if the variable has another name, as after `act = gelu`: code that mentions a function by
    its own name changes with it.
    """
    if isinstance(value, _NAMED):
        return is_namespace(value) or getattr(value, "__name__", name) not in (name, "<lambda>")
    numpy = sys.modules.get("numpy")
    of_numpy = (numpy.ndarray, numpy.generic) if numpy is not None else ()
    return value is None or isinstance(value, (*_PLAIN, *_OF_TORCH, *of_numpy)) or type(value) is torch.Tensor


def is_namespace(value: Any) -> bool:
    """Return whether a value is a class of the project that only groups values, such as `class Sizes: WIDTH = 4`."""
    return (
        type(value) is type
        and is_of_project(value)
        and type.mro(value) == [value, object]
        and all(name[:2] == "__" or is_value(name, inner) for name, inner in list(value.__dict__.items()))
    )


def is_object(value: Any) -> bool:
    """Return whether a value is an instance of a class of the project that is no module and no tensor."""
    return not issubclass(type(value), _NO_OBJECTS) and is_of_project(type(value))


def functions_in(value: Any) -> Iterator[FunctionType]:
    """Yield the functions of the project that an attribute of a class runs, also below decorators of libraries."""
    pending, seen = [value], set()
    while pending:
        found = pending.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if type(found) is not FunctionType:
            pending += [inner for inner in _inner(found) if inner is not None]
            continue
        if is_of_project(found):
            yield found
        pending += [found.__dict__["__wrapped__"]] if "__wrapped__" in found.__dict__ else methods_in_closure(found)


def _inner(value: Any) -> list[Any]:
    kind = type(value)
    if kind in (staticmethod, classmethod):
        return [value.__func__]
    if kind is property:
        return [value.fget]
    if kind in (functools.cached_property, functools.partialmethod, functools.partial):
        return [value.func]
    if isinstance(value, type) and issubclass(value, torch.autograd.Function):
        return [base.__dict__[name] for base in type.mro(value) for name in _OF_FUNCTIONS if name in base.__dict__]
    return [value.__wrapped__] if kind is functools._lru_cache_wrapper else []


def methods_in_closure(function: FunctionType) -> list[FunctionType]:
    """Return the methods that a decorator without `functools.wraps` keeps in its closure."""
    values = [value for _, value in introspection.closure_values(function)]
    return [one for one in values if type(one) is FunctionType and one.__code__.co_varnames[:1] == ("self",)]


def class_attributes_of(cls: type, private: Set[str] = frozenset()) -> dict[str, Any]:
    """Return the values in the bodies of a class and its base classes, without methods and descriptors.

    Args:
        cls: the class.
        private: the names of private values that count.
    """
    found: dict[str, Any] = {}
    for base in reversed(type.mro(cls)):
        if is_of_project(base):
            found |= _attributes(base, private)
    return found


def _attributes(cls: type, private: Set[str]) -> dict[str, Any]:
    pairs = [(name, value) for name, value in list(cls.__dict__.items()) if is_setting_name(name, private)]
    pairs = [(name, _called_value(value)) for name, value in pairs]
    return {name: value for name, value in pairs if name not in vars(nn.Module) and _is_attribute(cls, name, value)}


def _called_value(value: Any) -> Any:
    """Return what a call of an attribute of a class runs, for a static or partial method; others are unchanged."""
    if type(value) is functools.partialmethod and type(value.func) is FunctionType:
        return functools.partial(value.func, *value.args, **value.keywords)
    return value.__func__ if type(value) is staticmethod else value


def is_setting_name(name: Any, private: Set[str]) -> bool:
    """Return whether an attribute is public, or one of the private ones that count."""
    return type(name) is str and (name[:1] != "_" or name in private)


def _is_attribute(cls: type, name: str, value: Any) -> bool:
    is_method = cls.__dict__[name] is value and type(value) is FunctionType and is_of_project(value)
    return not is_method and not is_state(name, value) and (is_value(name, value) or is_object(value))
