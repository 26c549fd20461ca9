"""Resolve the dotted names among the arguments of a reference. Internal.

A name must be one of these, and nothing is evaluated:

- a data type of torch, such as `torch.bfloat16`;
- a member of the enumeration that the default or the annotation of the parameter has: `Size.LARGE`;
- a class that the module of the factory can name (`nn.GELU`), for a parameter whose default or annotation is a class,
  or whose annotation is a callable that returns one (`Callable[..., nn.Module] | None`). It must derive from the class
  that the annotation names or, for a default that is a module, from `torch.nn.Module`. The allow list must allow the
  class too.
"""

from __future__ import annotations

import collections.abc
import enum
import functools
import inspect
import sys
import types
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

_CONSTANTS = {"true": "True", "false": "False", "none": "None", "null": "None"}
"""How Python writes the constants of YAML and JSON."""


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
        constant = _CONSTANTS.get(name.lower())
        raise _unknown(name, reference, f"did you mean {constant}?" if constant else _HINT)
    _require(found, name, reference, allow)
    return found


def _named(name: str, target: Any) -> Any:
    """Return what a name is in the module of the factory, followed through modules only."""
    module = sys.modules.get(getattr(_code_of(target), "__module__", None) or "")
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
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return {}
    annotations = _annotations(_code_of(target))
    found: dict[str | int, type] = {}
    for position, (name, parameter) in enumerate(parameters.items()):
        kind = _kind_in(annotations.get(name)) or _kind_of_default(parameter.default)
        if kind is None:
            continue
        found[name] = kind
        last = len(reference.arguments) if parameter.kind is parameter.VAR_POSITIONAL else position + 1
        found |= dict.fromkeys(range(position, last), kind)
    return found


def _code_of(target: Any) -> Any:
    """Return the function or class whose code names the parameters of a target, such as a `functools.partial`."""
    for _ in range(20):  # a partial of a partial
        if isinstance(target, functools.partial):
            target = target.func
        elif origin := typing.get_origin(target):
            target = origin
        elif isinstance(target, type) or inspect.isroutine(target) or hasattr(target, "__wrapped__"):
            return inspect.unwrap(target)
        else:
            target = inspect.getattr_static(type(target), "__call__", None)
    return None


def _annotations(code: Any) -> dict[str, Any]:
    """Return the annotations of a function or class as objects, except those that cannot be evaluated.

    A name that a module imports `if TYPE_CHECKING` does not exist; the other annotations of the function do.
    """
    function = getattr(code, "__init__", None) if isinstance(code, type) else code
    written = getattr(function, "__annotations__", None)
    found: dict[str, Any] = {}
    for name, annotation in written.items() if isinstance(written, dict) else ():
        found |= _evaluated(name, annotation, getattr(function, "__globals__", {}))
    return found


def _evaluated(name: str, annotation: Any, names: dict[str, Any]) -> dict[str, Any]:
    """Return an annotation as an object; nothing if it cannot be evaluated, so that its default is enough."""
    try:
        return typing.get_type_hints(types.SimpleNamespace(__annotations__={name: annotation}), names)
    except Exception:  # annotations can raise anything when evaluated
        return {}


def _kind_in(annotation: Any) -> type | None:
    """Return the first enumeration in an annotation, or the first class whose subclasses are values of it."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is type:
        return inside[0] if isinstance(inside[0], type) else None
    if origin is collections.abc.Callable:
        result = inside[-1] if inside else None
        return result if isinstance(result, type) and issubclass(result, nn.Module) else None
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return annotation
    return next(filter(None, map(_kind_in, inside)), None)


def _kind_of_default(default: Any) -> type | None:
    if isinstance(default, enum.Enum):
        return type(default)
    return default if isinstance(default, type) and default is not inspect.Parameter.empty else None


def _unknown(name: str, reference: Reference, hint: str) -> FactoryError:
    return FactoryError(f"cannot resolve the argument {name!r} of {reference.text!r}", hint=hint)
