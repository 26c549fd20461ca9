"""Read the full names of functions without running user code."""

from __future__ import annotations

import functools
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from bmvis.untrusted import user_text

LONGEST = 120
"""Characters of a name."""
_WRAPPED_HOOK = "_WrappedHook"
"""The class of torch.nn that wraps a hook that gets its module as an argument."""


def callable_name(function: Any) -> str:
    """Return the full name of a function, such as `torch.nn.functional.relu`, or of the class of another object.

    Partial functions, bound methods and hooks that torch wraps have the name of the function that they wrap.
    """
    for _ in range(8):
        if type(function) is functools.partial:
            function = function.func
        elif type(function) is MethodType:
            function = function.__func__
        elif type(function).__name__ == _WRAPPED_HOOK and type(function).__module__ == "torch.nn.modules.module":
            function = object.__getattribute__(function, "__dict__").get("hook")
        else:
            break
    named = function if isinstance(function, FunctionType | BuiltinFunctionType | type) else type(function)
    module, qualname = _text(named.__module__), _text(named.__qualname__)
    return user_text.safe_text(f"{module}.{qualname}" if module else qualname)[:LONGEST]


def _text(value: Any) -> str:
    return value if type(value) is str else ""
