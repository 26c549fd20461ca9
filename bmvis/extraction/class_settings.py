"""Read the settings that the instances of a class have in common: class attributes, and constants of its methods.

Constants of a method are defaults of its arguments, what its closure has, and plain global variables that it mentions,
also in functions that it calls. Only classes of the project are read: other releases of a library have other versions.
No code of the class runs.
"""

from __future__ import annotations

import dis
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from torch import nn

_VALUES = (bool, int, float, complex, str, tuple, frozenset)
_STATE = re.compile(r"count|instances|registry|cache|next|uid|(?:^|_)id$", re.IGNORECASE)
"""Names of class attributes and global variables that code changes while it runs, such as the number of instances."""
_LIBRARIES = ("bmvis", "torch", "transformers", "peft")
"""Packages that are libraries wherever they are installed."""
_PYTHON = os.path.join(os.path.dirname(os.__file__), "")
"""The folder of the standard library; `sysconfig` would import a module that a project can replace."""
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")
_MAX_FUNCTIONS = 50
"""Functions that are read for one method."""


def is_of_project(named: Any) -> bool:
    """Return whether a class or function is defined in code of the project, not of a library or of Python itself."""
    module = named.__module__
    return type(module) is str and _is_project(module)


@cache
def _is_project(module: str) -> bool:
    file = getattr(sys.modules.get(module), "__file__", "")
    if type(file) is not str or module in sys.builtin_module_names or module.partition(".")[0] in _LIBRARIES:
        return False
    path = os.path.abspath(file)
    is_library = not {"site-packages", "dist-packages"}.isdisjoint(Path(path).parts)
    return not is_library and not path.startswith(_PYTHON)


def class_settings(cls: type) -> dict[str, Any]:
    """Return the values that `forward` reads and all instances of a class have in common.

    They are class attributes, such as `factor`, and constants of `forward` and of the methods that it calls, by method
    and name, such as `forward.power` for `def forward(self, x, power=3)`.
    """
    methods = list(_called_methods(cls))
    mentioned = {name for _, method in methods for name in _mentioned_names(method.__code__)}
    found = {name: value for name, value in class_attributes_of(cls).items() if name in mentioned}
    return found | {f"{name}.{key}": value for name, method in methods for key, value in constants(method)}


def _called_methods(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield `forward` and the methods of the project that it mentions, and which those mention, with their names."""
    methods: defaultdict[str, list[FunctionType]] = defaultdict(list)
    for base in type.mro(cls) if is_of_project(cls) else ():
        for name, value in list(base.__dict__.items()):
            if type(value) is FunctionType and is_of_project(value):
                methods[name].append(value)
    pending, seen = ["forward"], {"forward"}
    while pending and len(seen) <= _MAX_FUNCTIONS:
        name = pending.pop()
        for method in methods.get(name, ()):
            yield name, method
            names = _mentioned_names(method.__code__)
            new = sorted(names & methods.keys() - seen)
            seen.update(new)
            pending += new
            if "super" not in names:
                break  # it replaces that of the base class


def class_attributes_of(cls: type) -> dict[str, Any]:
    """Return the public values in the bodies of a class and its base classes, without functions and descriptors."""
    found: dict[str, Any] = {}
    for base in reversed(type.mro(cls)):
        if is_of_project(base):
            found |= _attributes(base)
    return found


def _attributes(cls: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in list(cls.__dict__.items())
        if type(name) is str
        and name[:1] != "_"
        and not _STATE.search(name)
        and (_is_plain(value) or type(value) in (list, dict))
        and name not in vars(nn.Module)
    }


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, _VALUES)


def constants(method: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the constants of a method, and of functions of the project that it mentions."""
    pending, seen = [method], {method}
    while pending and len(seen) <= _MAX_FUNCTIONS:
        function = pending.pop()
        if function is method:
            yield from _defaults(function)
        for name, value in _mentioned(function):
            if _is_plain(value) and value is not None and not _STATE.search(name):
                yield name, value
            elif type(value) is FunctionType and value not in seen and is_of_project(value):
                seen.add(value)
                pending.append(value)


def _defaults(function: FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    given = function.__defaults__ or ()
    pairs = [*zip(positional[len(positional) - len(given) :], given, strict=True)]
    yield from ((name, value) for name, value in [*pairs, *(function.__kwdefaults__ or {}).items()] if _is_plain(value))


def _mentioned(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what the closure of a function has, and the global variables that its code mentions, in a fixed order."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue  # not set yet
    variables: Mapping[str, Any] = function.__globals__
    for name in sorted(_global_names(function.__code__)):
        if name[:2] != "__" and name in variables:
            yield name, variables[name]


def _global_names(code: CodeType) -> set[str]:
    """Return the names of global variables in code, and in functions inside it."""
    steps = (step for part in _with_inner(code) for step in dis.get_instructions(part))
    return {str(step.argval) for step in steps if step.opname in _GLOBAL}


def _mentioned_names(code: CodeType) -> set[str]:
    """Return the names of attributes and global variables in code, and in functions inside it."""
    return {name for part in _with_inner(code) for name in part.co_names}


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    """Yield code, and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _with_inner(constant)
