"""Full names of functions, read without running code of theirs."""

from __future__ import annotations

import functools
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from bmvis.extraction import introspection

LONGEST = 120
"""Characters of a name."""
_HELD_HOOK = "_WrappedHook"
"""The class of torch.nn that keeps a hook together with its module."""


def callable_name(function: Any) -> str:
    """Return the full name of a function, such as `torch.nn.functional.relu`; of another object that of its class.

    A partial function, a bound method and a hook that torch wraps have the name of the function inside.
    """
    for _ in range(8):
        if type(function) is functools.partial:
            function = function.func
        elif type(function) is MethodType:
            function = function.__func__
        elif type(function).__name__ == _HELD_HOOK and type(function).__module__ == "torch.nn.modules.module":
            function = object.__getattribute__(function, "__dict__").get("hook")
        else:
            break
    named = function if isinstance(function, FunctionType | BuiltinFunctionType | type) else type(function)
    module, qualname = _text(named.__module__), _text(named.__qualname__)
    return introspection.safe_text(f"{module}.{qualname}" if module else qualname)[:LONGEST]


def _text(value: Any) -> str:
    return value if type(value) is str else ""
