"""List the models of a Python module that a gallery pattern matches. Runs in the child, which imports the module.

A gallery can name `zoo:bert_*`. Such a pattern matches, in the order of the module, each public name that gives a model
without arguments, or with those of the pattern: `zoo:bert_*(pretrained=False)`. Public names are those that a wildcard
of the allow list matches (`bmvis.child.building.allowed_objects`). They are:

- a function, `functools.partial`, cached function, bound method or callable object whose arguments all have defaults,
  unless it is a coroutine or generator function, or its return annotation excludes a module;
- a subclass of `torch.nn.Module` whose arguments all have defaults;
- a module object.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
import itertools
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

import msgspec
import torch
from torch import nn

from bmvis.child.building import allowed_objects
from bmvis.child.building.defaults import with_defaults
from bmvis.errors import FactoryError, a_type
from bmvis.reference import Reference
from bmvis.source.default_arguments import Defaults
from bmvis.untrusted import user_text

MAX_MODELS = 10_000
"""Maximum number of keys or items of which references are made."""

_WITH_MODULES = (torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, list, tuple, dict, type(None))
_CACHED = type(functools.lru_cache(lambda: None))


class Found(msgspec.Struct, frozen=True):
    """What a pattern matches."""

    references: tuple[str, ...]
    passed_over: tuple[str, ...] = ()
    """The names that give no model, each with the reason: `load (returns int)`."""


def matching_factories(module: ModuleType, pattern: Reference, defaults: Defaults = ()) -> Found:
    """Return a reference for each name in `module` that gives a model, and the names that were passed over."""
    found, passed_over = [], []
    call = f"({pattern.given})" if pattern.called else ""
    for name, value in allowed_objects.offered(module):
        if not fnmatchcase(name, pattern.attribute):
            continue
        reason = _reason(value, pattern, name, defaults)
        if reason is None:
            found.append(f"{pattern.module}:{name}{call}")
        elif reason:
            passed_over.append(f"{name} ({reason})")
    return Found(tuple(found), (*passed_over, *_foreign(module, pattern)))


def model_names(module: ModuleType) -> list[str]:
    """Return the public names in `module` that give a model without arguments."""
    pattern = Reference("", module.__name__, "*")
    return [name for name, value in allowed_objects.offered(module) if _reason(value, pattern) is None]


def each_reference(module: ModuleType, pattern: Reference, defaults: Defaults = ()) -> Iterator[str]:
    """Yield a reference for each key of a dictionary, or for each item of a list as the argument of a function.

    Raises:
        FactoryError: the module has no such dictionary or list.
    """
    if pattern.each:
        yield from calls(pattern, _holder(module, pattern.each))
        return
    call = f"({pattern.given})" if pattern.called else ""
    for key, value in _pairs(_holder(module, pattern.attribute), f"{pattern.module}:{pattern.attribute}"):
        if type(key) in (str, int) and _reason(value, pattern, pattern.attribute, defaults) is None:
            yield f"{pattern.module}:{pattern.attribute}[{key!r}]{call}"


def calls(pattern: Reference, holder: Any) -> Iterator[str]:
    """Yield a reference with a call for each item of a list, or for each key of a dictionary.

    Raises:
        FactoryError: `holder` is neither.
    """
    rest = f", {pattern.given}" if pattern.given else ""
    if isinstance(holder, Mapping | set | frozenset):
        items = list(itertools.islice(holder, MAX_MODELS))
    else:
        items = [item for _, item in _pairs(holder, f"{pattern.module}:{pattern.each}")]
    for item in items:
        if type(item) in (str, int, float, bool):
            yield f"{pattern.module}:{pattern.attribute}({item!r}{rest})"


def factory_of(value: Any) -> Any:
    """Return the value of a member of an enumeration, if that can be called and the member cannot; else the object."""
    is_member = isinstance(value, enum.Enum) and not callable(value)
    return value._value_ if is_member and callable(value._value_) else value


def _holder(module: ModuleType, name: str) -> Any:
    found: Any = module
    for step in name.split("."):
        found = getattr(found, step, None)
    return found


def _pairs(holder: Any, name: str) -> list[tuple[Any, Any]]:
    """Return the items of a dictionary, registry or enumeration, or of a list with their indexes."""
    if isinstance(holder, list | tuple):
        return list(itertools.islice(enumerate(holder), MAX_MODELS))
    if isinstance(holder, enum.EnumMeta):
        return [(name, factory_of(holder.__members__[name])) for name in holder.__members__]
    if isinstance(holder, Mapping) or _is_registry(holder):
        keys = holder.keys() if hasattr(type(holder), "keys") else holder
        return [(key, holder[key]) for key in itertools.islice(keys, MAX_MODELS)]
    hint = "name a dictionary of factories in ZOO[*], or a list or dictionary of arguments in build(*names)"
    if inspect.isroutine(holder):
        hint = f"to use the list that it returns, call it: build(*{name.rpartition(':')[2]}())"
    raise FactoryError(f"{name} is {'missing' if holder is None else a_type(holder)}", hint=hint)


def _is_registry(holder: Any) -> bool:
    """Return whether an object has keys to iterate over and a value for each of them, and is no sequence or tensor."""
    kind = type(holder)
    is_iterable = hasattr(kind, "keys") or hasattr(kind, "__iter__")
    return is_iterable and hasattr(kind, "__getitem__") and not isinstance(holder, Sequence | torch.Tensor | nn.Module)


def _foreign(module: ModuleType, pattern: Reference) -> Iterator[str]:
    """Yield the names of models that the module imports from other packages, and does not list in `__all__`."""
    for name, value in list(vars(module).items()):
        is_public = not name.startswith("_") and not isinstance(value, ModuleType)
        if not is_public or not fnmatchcase(name, pattern.attribute) or allowed_objects.offers(module, name, value):
            continue
        if _reason(value, pattern) is None:
            yield f"{name} (not in __all__)" if hasattr(module, "__all__") else f"{name} (imported, not in __all__)"


def _reason(value: Any, pattern: Reference, name: str = "", defaults: Defaults = ()) -> str | None:
    """Return why an object gives no model if it is called with the arguments of a pattern and the defaults of its name.

    None if it gives a model, '' if it is of a kind that never does, such as a number.
    """
    try:
        found = msgspec.structs.replace(pattern, attribute=name)
        with_given = with_defaults(value, found, defaults)
        return _reason_of(value, msgspec.structs.replace(with_given, called=pattern.called))
    except Exception:  # its class, signature and wrappers are user code; the module can have other models
        return ""


def _reason_of(value: Any, pattern: Reference) -> str | None:
    if isinstance(value, nn.Module):
        return "a module object takes no arguments" if pattern.called else None
    value = typing.get_origin(value) or value  # `IntNet = Net[int]`
    function = _function(value)
    if function is None:
        return ""
    if inspect.isclass(value) and inspect.isabstract(value):
        return "abstract"
    if other := _other_function(function):
        return other
    try:
        inspect.signature(value).bind(*pattern.arguments, **pattern.keywords)
    except TypeError as error:
        return user_text.exception_text(error)
    return None if inspect.isclass(value) else _other_result(inspect.unwrap(function))


def _function(value: Any) -> Any:
    """Return the function that runs if `value` is called; None if `value` is not callable, or is not Python code."""
    for _ in range(20):  # a partial of a cached function
        if isinstance(value, functools.partial):
            value = value.func
        elif isinstance(value, types.FunctionType):
            return value
        elif isinstance(value, types.MethodType):
            value = value.__func__
        elif isinstance(value, _CACHED):
            value = value.__wrapped__
        elif inspect.isclass(value):
            return value if issubclass(value, nn.Module) else None
        elif type(value).__module__ == typing.__name__:
            return None  # `Optional` and the like have a method `__call__` that raises
        else:
            value = inspect.getattr_static(type(value), "__call__", None)
    return None


def _other_function(function: Any) -> str:
    """Return the kind of a function whose call returns no result of its own code yet; '' for other functions.

    A decorator can make a model of what a generator yields, so the function that it wraps does not count.
    """
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "a coroutine function"
    if inspect.isgeneratorfunction(function):
        return "a generator function"
    return "a context manager" if getattr(function, "__globals__", None) is vars(contextlib) else ""


def _other_result(function: Any) -> str | None:
    """Return the annotated result of a function if that is not a module; None if it can be one."""
    if _may_return_module(function):
        return None
    hint = inspect.signature(function).return_annotation
    return f"returns {user_text.class_name(hint) if inspect.isclass(hint) else hint}"


def _may_return_module(function: Any) -> bool:
    """Return whether the annotation of a function permits it to return a module, alone or as the first of a tuple."""
    try:
        hint = typing.get_type_hints(function).get("return")
    except Exception:  # an annotation can raise anything when evaluated; it is then ignored
        return True
    return hint is not type(None) and _may_be_module(hint)


def _may_be_module(hint: Any, is_first: bool = False) -> bool:
    """Return whether a type can be that of a module, or of a tuple with a module as its first item.

    Args:
        hint: the type.
        is_first: whether it is the type of the first item of a tuple.
    """
    kind, inner = typing.get_origin(hint) or hint, typing.get_args(hint)
    if kind in (typing.Union, types.UnionType):
        return any(_may_be_module(part, is_first) for part in inner if part is not type(None))
    if kind is tuple and inner and not is_first:
        return _may_be_module(inner[0], is_first=True) and all(map(_may_be_optimizers, inner[1:]))
    return _can_be_any(kind) or issubclass(kind, nn.Module) or issubclass(nn.Module, kind)


def _may_be_optimizers(hint: Any) -> bool:
    """Return whether a type can be that of what a factory returns with a module."""
    kind = typing.get_origin(hint) or hint
    return kind is not ... and (_can_be_any(kind) or issubclass(kind, _WITH_MODULES))


def _can_be_any(kind: Any) -> bool:
    """Return whether a type permits objects of any class, as far as is known without code of the type."""
    return kind in (object, typing.Any) or not inspect.isclass(kind) or getattr(kind, "_is_protocol", False)
