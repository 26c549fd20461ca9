"""Read the full names of functions without running user code."""

from __future__ import annotations

import functools
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, MethodType, WrapperDescriptorType
from typing import Any

import torch

from bmvis.extraction import introspection
from bmvis.untrusted import user_text

LONGEST = 120
"""Characters of a name."""
_WRAPPED_HOOK = "_WrappedHook"
"""The class of torch.nn that wraps a hook that gets its module as an argument."""


_NUMPY_FUNCTIONS = ("ufunc", "_ArrayFunctionDispatcher")
"""Classes of the functions of NumPy."""
_OPERATION_NAMES = {
    "torch._ops": ("_name", "_qualified_op_name"),
    "torch._library.custom_ops": ("_qualname",),
}
"""Modules of PyTorch with the classes of operations, and the attributes with their names."""


def native_name(thing: Any) -> str:
    """Return the name of a function of NumPy, an operation of PyTorch, or a method of a C class; '' for others."""
    kind = type(thing)
    if kind in (MethodDescriptorType, WrapperDescriptorType):
        return callable_name(thing.__objclass__) + f".{thing.__name__}"
    if kind is torch.jit.ScriptFunction:
        return user_text.safe_text(_text(thing.qualified_name).removeprefix("__torch__."))[:LONGEST]
    module = kind.__module__
    if module == "numpy" and kind.__name__ in _NUMPY_FUNCTIONS:
        return f"numpy.{_text(thing.__name__)}"
    own = introspection.own_dict(thing)
    found = next((own[name] for name in _OPERATION_NAMES.get(module, ()) if name in own), "")
    return found and f"torch.ops.{user_text.safe_text(_text(found))}"


def callable_name(function: Any) -> str:
    """Return the full name of a function, such as `torch.nn.functional.relu`, or of the class of another object.

    Partial functions, bound methods and hooks that torch wraps have the name of the function that they wrap.
    """
    for _ in range(8):
        if type(function) is functools.partial:
            function = function.func
        elif type(function) is functools._lru_cache_wrapper:
            function = introspection.own_dict(function).get("__wrapped__")
        elif type(function) is MethodType:
            function = function.__func__
        elif type(function).__name__ == _WRAPPED_HOOK and type(function).__module__ == "torch.nn.modules.module":
            function = object.__getattribute__(function, "__dict__").get("hook")
        else:
            break
    if found := native_name(function):
        return found
    named = function if isinstance(function, FunctionType | BuiltinFunctionType | type) else type(function)
    module, qualname = _text(named.__module__), _text(named.__qualname__)
    return user_text.safe_text(f"{module}.{qualname}" if module else qualname)[:LONGEST]


def _text(value: Any) -> str:
    return value if type(value) is str else ""
