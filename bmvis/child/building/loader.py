"""Import the object that a reference names, and call it. Failures of user code become a FactoryError with a hint."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import ModuleType
from typing import Any

import torch
from torch import nn

from bmvis.child import tracebacks
from bmvis.child.building import allowed_objects, arguments, failure_hints, listing, reference_hints
from bmvis.child.interpreter_state import user_code
from bmvis.errors import BmvisError, FactoryError, InvalidReferenceError, a_type, nearest
from bmvis.extraction import optimizers
from bmvis.reference import Reference, parse_reference
from bmvis.source.allowed_references import EVERYTHING
from bmvis.source.default_arguments import Defaults
from bmvis.untrusted import user_text

_WHAT_TO_NAME = "name a function or class that returns a torch.nn.Module, or a module object without a call"
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def list_models(pattern: Reference, allow: tuple[str, ...] = (EVERYTHING,), defaults: Defaults = ()) -> listing.Found:
    """Import the module of a pattern and find each model that the pattern matches.

    Raises:
        BmvisError: the import failed, or the dictionary or list that the pattern names has another type.
    """
    module = _import(pattern)
    if pattern.each_call:
        return listing.Found(tuple(listing.calls(pattern, _called_list(pattern, allow))))
    if pattern.each is not None:
        return listing.Found(_each(module, pattern, defaults))
    return listing.matching_factories(module, pattern, defaults)


def _each(module: ModuleType, pattern: Reference, defaults: Defaults) -> tuple[str, ...]:
    try:
        with user_code():
            return tuple(listing.each_reference(module, pattern, defaults))
    except BmvisError:
        raise
    except BaseException as error:  # a registry is code of the project
        raise factory_error(f"{pattern.text!r} raised", error) from error


def _called_list(pattern: Reference, allow: tuple[str, ...]) -> Any:
    """Call the function of a pattern that returns the list of names."""
    reference = parse_reference(f"{pattern.module}:{pattern.each}{pattern.each_call}")
    function = import_object(reference, allow)
    reference = arguments.resolve(function, reference, allow)
    try:
        with user_code():
            return function(*reference.arguments, **reference.keywords)
    except BaseException as error:
        raise factory_error(f"{reference.text!r} raised", error) from error


def import_object(reference: Reference, allow: tuple[str, ...] = (EVERYTHING,)) -> Any:
    """Import the module of a reference and return the object that it names.

    Raises:
        FactoryError: the module or the attribute does not exist, or the import raised.
        InvalidReferenceError: no entry of `allow` allows the object.
    """
    module = found = _import(reference)
    where = reference.module
    for index, name in enumerate(reference.attribute.split(".")):
        if index:
            allowed_objects.require_step(reference, allow, name, found)
        try:
            with user_code():
                found = getattr(found, name)
        except AttributeError as error:
            raise FactoryError(
                f"{where!r} has no {name!r}",
                hint=reference_hints.for_attribute(name, found, _text_of(reference, index)),
            ) from error
        where = f"{where}.{name}"
    allowed_objects.require(reference, allow, module, found)
    value = listing.factory_of(found)
    if value is not found:
        allowed_objects.require_value(reference, allow, module, value)
        found = value
    for key in reference.keys:
        found = listing.factory_of(_value(found, key, where))
        where = f"{where}[{key!r}]"
        allowed_objects.require_value(reference, allow, module, found)
    return found


def _text_of(reference: Reference, steps: int) -> str:
    """Return the reference to the object of the first `steps` parts of a dotted name."""
    return f"{reference.module}:{'.'.join(reference.attribute.split('.')[:steps])}"


def _value(holder: Any, key: str | int, where: str) -> Any:
    """Return the value of a key in a dictionary, or of an index in a list."""
    if not isinstance(holder, Mapping) and not (isinstance(key, int) and isinstance(holder, Sequence)):
        if not isinstance(holder, Sequence) and hasattr(type(holder), "__getitem__"):
            return _registered(holder, key, where)
        raise FactoryError(f"{where!r} is {a_type(holder)}, not a dictionary", hint="name a dictionary of factories")
    try:
        return holder[key]  # type: ignore[index]  # mypy does not narrow by the key
    except IndexError as error:
        raise FactoryError(f"{where!r} has no index {key!r}", hint=f"it has {len(holder)} items") from error
    except KeyError as error:
        hint = nearest(str(key), [str(known) for known in holder if _is_key(known)])
        raise FactoryError(f"{where!r} has no key {key!r}", hint=hint) from error


def _registered(registry: Any, key: str | int, where: str) -> Any:
    """Return the value of a key in an object with `__getitem__`, such as a registry or an enumeration."""
    try:
        with user_code():
            return registry[key]
    except KeyError as error:
        raise FactoryError(f"{where!r} has no key {key!r}", hint=f"name a key of {a_type(registry)}") from error
    except BaseException as error:
        raise factory_error(f"{where}[{key!r}] raised", error) from error


def _is_key(key: object) -> bool:
    return type(key) in (str, int)


def _import(reference: Reference) -> Any:
    try:
        with user_code():
            return importlib.import_module(reference.module)
    except ModuleNotFoundError as error:
        if not _is_prefix(error.name, reference.module):
            raise factory_error(f"importing {reference.module!r} failed:", error, "fix the module") from error
        raise FactoryError(
            f"no module named {error.name!r}", hint=reference_hints.for_module(error.name or "")
        ) from error
    except BaseException as error:
        raise factory_error(f"importing {reference.module!r} failed:", error, "fix the module") from error


def _is_prefix(missing: str | None, module: str) -> bool:
    return missing is not None and f"{module}.".startswith(f"{missing}.")


def call(
    target: Any, reference: Reference, device: str, modes: Sequence[AbstractContextManager[object]] = ()
) -> tuple[Any, tuple[Any, ...]]:
    """Call the factory under `device` and `modes`; return its module, and the optimizers returned with it.

    Raises:
        FactoryError: the target is not a factory, does not accept the arguments, or raised.
    """
    if isinstance(target, nn.Module) and not reference.called:
        return target, ()
    if not callable(target) or isinstance(target, nn.Module):
        hint = reference_hints.for_object(target, reference.target) or _WHAT_TO_NAME
        raise FactoryError(f"{reference.target!r} is {a_type(target)}, not a factory", hint=hint)
    try:
        with ExitStack() as stack:
            for mode in (torch.device(device), *modes):
                stack.enter_context(mode)
            stack.enter_context(user_code())
            returned = target(*reference.arguments, **reference.keywords)
    except InvalidReferenceError:
        raise
    except BaseException as error:
        if issubclass(type(error), TypeError) and (refused := _refused(target, reference)):
            raise refused from error
        raise factory_error(f"{reference.text!r} raised", error) from error
    return optimizers.unpack(returned, reference.text)


def _refused(target: Any, reference: Reference) -> FactoryError | None:
    """Return the error for arguments that the target does not accept; None if its own code raised the TypeError."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return None  # for example, written in C
    try:
        signature.bind(*reference.arguments, **reference.keywords)
    except TypeError as error:
        known = [
            str(found.replace(default=found.empty, annotation=found.empty)) for found in signature.parameters.values()
        ]
        takes = f"expected: {', '.join(known)}" if known else "expected no arguments"
        if _is_unbound(target):
            takes = f"{target.__qualname__!r} is a method: name a function, or a class method"
        elif known and not reference.called:
            takes = f"write {reference.text}({_required(signature)})"
        return FactoryError(f"invalid arguments in {reference.text!r}: {user_text.exception_text(error)}", hint=takes)
    return None


def _is_unbound(target: Any) -> bool:
    """Return whether a function is a method of a class, so that its first argument has to be an object of the class."""
    holder = target.__qualname__.rpartition(".")[0] if inspect.isfunction(target) else ""
    is_inner = holder and not holder.endswith("<locals>")
    return bool(is_inner) and next(iter(inspect.signature(target).parameters), "") == "self"


def _required(signature: inspect.Signature) -> str:
    """Return the arguments that a call needs, as in `width=…, depth=…`."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = [parameter for parameter in signature.parameters.values() if parameter.default is parameter.empty]
    return ", ".join(
        f"{parameter.name}=…" if parameter.kind in named else "…"
        for parameter in found
        if parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    )


def exception_summary(error: BaseException) -> str:
    """Return the type of an exception and the first line of its text, without addresses, which differ in each build."""
    name = user_text.class_name(type(error))
    text = first_line(without_addresses(user_text.exception_text(error)))
    return f"{name}: {text}" if text else name


def without_addresses(text: str) -> str:
    """Return a text without the addresses of objects, which differ in each build."""
    return _ADDRESS.sub("", text)


def factory_error(what: str, error: BaseException, fix: str = "fix the factory") -> FactoryError:
    """Return a FactoryError for an exception of user code, with the frames of project code.

    Args:
        what: what raised the exception.
        error: the exception.
        fix: the hint for an exception of an unknown cause.
    """
    return FactoryError(
        f"{what} {exception_summary(error)}",
        hint=failure_hints.hint_for(error) or failure_hints.hint_for_package(error) or fix,
        detail=tracebacks.user_frames(error),
    )


def first_line(text: str) -> str:
    """Return the first line of a text that is not empty."""
    return text.strip().partition("\n")[0]
