"""Resolve the dotted names among the arguments of a reference. Internal.

A name must be one of these, and nothing is evaluated:

- a data type of torch, such as `torch.bfloat16`;
- a member of the enumeration that the default or the annotation of the parameter has: `Size.LARGE`;
- a class that the module of the factory can name (`nn.GELU`), for a parameter whose default or annotation is a class.
  It must derive from the class that the annotation names or, for a default that is a module, from `torch.nn.Module`.
  The allow list must allow the class too.
"""

from __future__ import annotations

import enum
import inspect
import sys
import typing
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import msgspec
import torch
from torch import nn

from bmvis.errors import FactoryError, InvalidReferenceError, nearest
from bmvis.reference import Reference
from bmvis.reference_arguments import Symbol
from bmvis.source.allowed_references import EVERYTHING, parse_entry

_HINT = (
    "a name can be a torch data type, or a member or class that the default or annotation of the parameter has;"
    " for anything else, write a factory without arguments"
)


def resolve(target: Any, reference: Reference, allow: tuple[str, ...]) -> Reference:
    """Return the reference with objects in place of the names among its arguments.

    Raises:
        FactoryError: a name cannot be resolved.
        InvalidReferenceError: the allow list does not allow a class.
    """
    if not _has_symbol((reference.arguments, reference.keywords)):
        return reference
    parameters = _parameters(target, reference)
    arguments = tuple(
        _resolved(value, parameters.get(position), target, reference, allow)
        for position, value in enumerate(reference.arguments)
    )
    keywords = {
        name: _resolved(value, parameters.get(name), target, reference, allow)
        for name, value in reference.keywords.items()
    }
    return msgspec.structs.replace(reference, arguments=arguments, keywords=keywords)


def _has_symbol(value: Any) -> bool:
    if isinstance(value, Symbol):
        return True
    if isinstance(value, dict):
        return any(_has_symbol(part) for pair in value.items() for part in pair)
    return isinstance(value, tuple | list | set) and any(map(_has_symbol, value))


def _resolved(value: Any, kind: type | None, target: Any, reference: Reference, allow: tuple[str, ...]) -> Any:
    def inside(part: Any) -> Any:
        return _resolved(part, kind, target, reference, allow)

    if isinstance(value, Symbol):
        return _find(value.name, kind, target, reference, allow)
    if isinstance(value, dict):
        return {inside(key): inside(part) for key, part in value.items()}
    if isinstance(value, tuple | list | set):
        return type(value)(map(inside, value))
    return value


def _find(name: str, kind: type | None, target: Any, reference: Reference, allow: tuple[str, ...]) -> Any:
    package, _, last = name.rpartition(".")
    if package == "torch" and isinstance(found := getattr(torch, last, None), torch.dtype):
        return found
    if kind is not None and issubclass(kind, enum.Enum) and package in ("", kind.__name__, kind.__qualname__):
        if last in kind.__members__:
            return kind.__members__[last]
        raise _unknown(name, reference, nearest(last, kind.__members__))
    found = _named(name, target)
    base = nn.Module if kind is not None and issubclass(kind, nn.Module) else kind
    if base is None or not isinstance(found, type) or not issubclass(found, base):
        raise _unknown(name, reference, _HINT)
    _require(found, name, reference, allow)
    return found


def _named(name: str, target: Any) -> Any:
    """Return what a name is in the module of the factory, followed through modules only."""
    function = inspect.unwrap(target) if callable(target) else target
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    first, *rest = name.split(".")
    found = vars(module).get(first) if module else None
    for step in rest:
        if not isinstance(found, ModuleType):
            return None
        found = vars(found).get(step)
    return found


def _require(found: type, name: str, reference: Reference, allow: tuple[str, ...]) -> None:
    if EVERYTHING in allow:
        return
    package = found.__module__
    public = "torch.nn" if package.startswith("torch.nn.modules.") else package
    if not any(
        parse_entry(entry).matches(package_name, found.__qualname__)
        for entry in allow
        for package_name in {package, public}
    ):
        raise InvalidReferenceError(
            f"the argument {name!r} of {reference.text!r} is not allowed by `allow`",
            hint=f"add {public}:{found.__qualname__} to `allow`",
        )


def _parameters(target: Any, reference: Reference) -> Mapping[str | int, type]:
    """Return the class that the default or annotation of each parameter names, by position and by name."""
    try:
        signature = inspect.signature(target)
        function = vars(target).get("__init__", target) if isinstance(target, type) else inspect.unwrap(target)
        annotations = typing.get_type_hints(function)
    except Exception:  # annotations can raise anything when evaluated; defaults are then enough
        annotations = {}
        try:
            signature = inspect.signature(target)
        except (TypeError, ValueError):
            return {}
    found: dict[str | int, type] = {}
    for position, parameter in enumerate(signature.parameters.values()):
        kind = _kind(parameter.default, annotations.get(parameter.name))
        if kind is not None:
            found[position] = found[parameter.name] = kind
    return found


def _kind(default: Any, annotation: Any) -> type | None:
    for part in (annotation, *typing.get_args(annotation)):
        if typing.get_origin(part) is type:
            inner = typing.get_args(part)[0]
            return inner if isinstance(inner, type) else None
        if isinstance(part, type) and issubclass(part, enum.Enum):
            return part
    if isinstance(default, enum.Enum):
        return type(default)
    return default if isinstance(default, type) and default is not inspect.Parameter.empty else None


def _unknown(name: str, reference: Reference, hint: str) -> FactoryError:
    return FactoryError(f"cannot resolve the argument {name!r} of {reference.text!r}", hint=hint)
