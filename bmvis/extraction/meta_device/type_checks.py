"""Find functions that call `isinstance(x, torch.FloatTensor)`, as no mode of PyTorch sees that.

A tensor on the meta device is no instance of such a class. The names in code are read, not the text of a source:
a model whose source is read as data depends on its comments.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

_TYPES = ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
_CLASSES = frozenset(f"{name}Tensor" for name in _TYPES)


def type_checks(modules: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the files and lines of the functions in some Python modules that check for such a class."""
    for name in sorted(set(modules)):
        module = sys.modules.get(name)
        for function in _functions(dict(vars(module)) if module else {}, name):
            if _checks_type(function.__code__):
                yield function.__code__.co_filename, function.__code__.co_firstlineno


def _functions(namespace: dict[str, Any], module: str) -> Iterator[FunctionType]:
    """Yield the functions and methods in a namespace that a module defines."""
    for value in namespace.values():
        if type(value) in (staticmethod, classmethod):
            value = value.__func__
        elif type(value) is property:
            value = value.fget
        if type(value) is FunctionType and value.__module__ == module:
            yield value
        elif issubclass(type(value), type) and type.__getattribute__(value, "__dict__").get("__module__") == module:
            methods = {name: one for name, one in type.mro(value)[0].__dict__.items() if not isinstance(one, type)}
            yield from _functions(methods, module)


def _checks_type(code: CodeType) -> bool:
    if "isinstance" in code.co_names and not _CLASSES.isdisjoint(code.co_names):
        return True
    return any(_checks_type(constant) for constant in code.co_consts if type(constant) is CodeType)
