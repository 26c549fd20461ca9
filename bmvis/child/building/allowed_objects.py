"""Check the object that a reference names against the allow list, after the import and before the call.

The parent has matched the text of the reference (`bmvis.source.allowed_references`). Only this process knows what the
text refers to: `zoo:build_helpers` can be a module that `zoo` imports, and `zoo:system` a function of `os`.

- An entry without wildcards allows exactly the object that it names.
- A wildcard allows the public names of the module (`offers`), but no modules.
- Each step of a dotted name must start at a class, and must not be a dunder name.
- A wildcard that allows a dictionary allows those of its values that the package of the module defines.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from torch import nn

from bmvis.errors import InvalidReferenceError
from bmvis.reference import Reference
from bmvis.source.allowed_references import EVERYTHING, parse_entry


def require_step(reference: Reference, allow: tuple[str, ...], name: str, holder: Any) -> None:
    """Require that a dotted name may continue from `holder` to its attribute `name`.

    Raises:
        InvalidReferenceError: `holder` is not a class, or the name is a dunder name.
    """
    if EVERYTHING in allow or reference.file:
        return
    if not isinstance(holder, type):
        raise _refusal(
            reference, f"{name!r} is an attribute of {_kind(holder)}", "each part before the last must be a class"
        )
    if name.startswith("__"):
        raise _refusal(reference, f"{name!r} is a special attribute", "name a function, a class, or a method")


def require(reference: Reference, allow: tuple[str, ...], module: ModuleType, found: Any) -> None:
    """Require that an entry of `allow` allows the object that a reference refers to.

    Raises:
        InvalidReferenceError: no entry allows it.
    """
    if EVERYTHING in allow or reference.file:
        return
    entries = [e for e in map(parse_entry, allow) if e.allows(reference)]
    if any(not entry.has_wildcard for entry in entries):
        return
    if not entries:
        raise _refusal(reference, "no entry matches it", f"add {reference.target} to `allow`")
    first, *rest = reference.attribute.split(".")
    is_offered = offers(module, first, getattr(module, first) if rest else found)
    if not is_offered or (rest and (_is_module(found) or not _is_own(module, found))):
        raise _refusal(
            reference,
            f"it is {_kind(found)}, which is not a public name of {reference.module!r}",
            f"{entries[0].text!r} allows public names that are defined in the package {_top(reference.module)!r}"
            " or listed in __all__; list other names in `allow`",
        )


def require_value(reference: Reference, allow: tuple[str, ...], module: ModuleType, value: Any) -> None:
    """Require that an entry of `allow` allows the value of a dictionary that `require` has accepted.

    Raises:
        InvalidReferenceError: only a wildcard allows the dictionary, and the value is defined in another package.
    """
    if EVERYTHING in allow or reference.file or type(value) in (dict, list, tuple):
        return
    if not _is_module(value) and _is_own(module, value):
        return
    entries = [e for e in map(parse_entry, allow) if e.allows(reference)]
    if all(entry.has_wildcard for entry in entries):
        hint = f"write {reference.module}:{reference.attribute} in `allow`"
        raise _refusal(reference, f"its value is {_kind(value)}", hint)


def offered(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield each name that a wildcard allows, with its object, in the order of the module."""
    listed = _listed(module)
    for name in list(vars(module)) if listed is None else dict.fromkeys(listed):
        value = getattr(module, name, None)
        if offers(module, name, value):
            yield name, value


def offers(module: ModuleType, name: str, value: Any) -> bool:
    """Return whether a wildcard allows a name: one that `__all__` lists or, without `__all__`, the package defines."""
    if name.startswith("_") or _is_module(value):
        return False
    listed = _listed(module)
    return _is_own(module, value) if listed is None else name in listed


def _listed(module: ModuleType) -> list[str] | None:
    listed = getattr(module, "__all__", None)
    if not isinstance(listed, list | tuple | set | frozenset):
        return None
    return [name for name in listed if isinstance(name, str)]


def _is_own(module: ModuleType, value: Any) -> bool:
    """Return whether an object is defined in the top-level package of the module, or is a model, which runs no code."""
    return _is_model(value) or _top(_module_of(value)) == _top(module.__name__)


def _is_model(value: Any) -> bool:
    return isinstance(value, nn.Module)


def _module_of(value: Any) -> str:
    """Return the name of the module whose code runs if `value` is called; '' if unknown."""
    for _ in range(20):  # a partial of a partial
        if isinstance(value, functools.partial | functools.partialmethod):
            value = value.func
        elif inspect.ismethod(value):
            value = value.__func__
        elif typing.get_origin(value):
            value = typing.get_origin(value)  # `IntNet = Net[int]`
        else:
            break
    is_plain = inspect.isroutine(value) or isinstance(value, type) or hasattr(value, "__wrapped__")
    module = getattr(value if is_plain else type(value), "__module__", None)
    return module if isinstance(module, str) else ""


def _is_module(value: Any) -> bool:
    return isinstance(value, ModuleType) or issubclass(type(value), ModuleType)


def _top(module: str) -> str:
    return module.partition(".")[0]


def _kind(value: Any) -> str:
    return "a module" if _is_module(value) else f"a {type(value).__name__} of {_module_of(value) or 'unknown origin'}"


def _refusal(reference: Reference, what: str, hint: str) -> InvalidReferenceError:
    return InvalidReferenceError(f"{reference.target!r} is not allowed by `allow`: {what}", hint=hint)
