"""Read the children, parameters and buffers of a live module without running its code.

`module.children()`, `named_parameters()`, `len(module)` and attribute access can be overridden, recurse, or compute
new tensors (parametrizations do). The dictionaries in `module.__dict__` that they read are plain data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import FunctionType, MemberDescriptorType
from typing import Any, TypeVar

import torch
from torch import nn

from bmvis.errors import a_type
from bmvis.untrusted.user_text import safe_text

_Registered = TypeVar("_Registered", nn.Module, torch.Tensor)
Children = Sequence[tuple[str, nn.Module]]
Tensors = Sequence[tuple[str, torch.Tensor]]


class InvalidModuleError(Exception):
    """A module whose submodules, parameters or buffers PyTorch cannot list either."""


def contents(module: nn.Module) -> tuple[Children, Tensors, Tensors]:
    """Return the submodules, parameters and buffers with their names, without entries that are None.

    Raises:
        InvalidModuleError: a dictionary of the module is missing, or has an entry of a wrong type.
    """
    return children(module), parameters(module), buffers(module)


def children(module: nn.Module) -> Children:
    """Return the submodules with their names, without entries that are None; errors as from `contents`."""
    return _items(_registry(module, "_modules"), "_modules", nn.Module)


def parameters(module: nn.Module) -> Tensors:
    """Return the module's own parameters, without entries that are None; errors as from `contents`."""
    return _items(_registry(module, "_parameters"), "_parameters", torch.Tensor)


def buffers(module: nn.Module) -> Tensors:
    """Return the module's own buffers, without entries that are None; errors as from `contents`."""
    return _items(_registry(module, "_buffers"), "_buffers", torch.Tensor)


def tensors(module: nn.Module) -> Tensors:
    """Return the module's own parameters and buffers; errors as from `contents`."""
    return [*parameters(module), *buffers(module)]


def non_persistent(module: nn.Module) -> frozenset[str]:
    """Return the names of the buffers that the state dict leaves out."""
    return frozenset(_registry(module, "_non_persistent_buffers_set") or ())


def has_entry(module: nn.Module, registry: str, name: str) -> bool:
    """Return whether a dictionary of the module, such as `_buffers`, has an entry of this name."""
    return name in (_registry(module, registry) or ())


def attribute(thing: object, name: str, default: Any = None) -> Any:
    """Return an attribute, or `default` if it is missing or its code raises an exception."""
    try:
        return getattr(thing, name, default)
    except Exception:
        return default  # user code, such as a property: its failure does not concern the structure


def attributes_of(thing: object) -> dict[Any, Any]:
    """Return the attributes of an object, also those that are slots of its class, as of `@dataclass(slots=True)`."""
    return dict(_slots(thing)) | own_dict(thing)


def module_attributes(module: nn.Module) -> Mapping[str, Any]:
    """Return the attributes of a module: its `__dict__`, and the slots of its class if it has any."""
    own: dict[str, Any] = object.__getattribute__(module, "__dict__")
    has_slots = _has_slots(type(module))  # type: ignore[arg-type]  # a class, which has a hash
    return dict(_slots(module)) | own if has_slots else own


@lru_cache(maxsize=10_000)
def _has_slots(cls: type) -> bool:
    return bool(slot_members(cls))


def own_dict(thing: object) -> dict[Any, Any]:
    """Return the `__dict__` of an object; {} if it has none, because all its attributes are slots."""
    try:
        found = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}
    return found if isinstance(found, dict) else {}


def slot_members(cls: type) -> list[MemberDescriptorType]:
    """Return the descriptors of the slots of a class, those of its base classes first."""
    # Not by `__slots__`, which can be an iterator that is used up, and has private names without that of the class.
    bodies = [base.__dict__ for base in reversed(type.mro(cls)) if base.__module__ != "builtins"]
    return [member for body in bodies for member in list(body.values()) if type(member) is MemberDescriptorType]


def _slots(thing: object) -> Iterator[tuple[str, Any]]:
    for member in slot_members(type(thing)):
        if member.__name__ == "__dict__":  # of SimpleNamespace: its attributes are no slots
            continue
        try:
            yield member.__name__, member.__get__(thing)
        except AttributeError:
            continue  # not set


def closure_values(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the variables in the closure of a function with their values, without those that are not set yet."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue


def arguments_with_default(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the names and defaults of arguments, as `inspect.signature` does in much more time."""
    positional = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    yield from zip(positional[len(positional) - len(defaults) :], defaults, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def class_module(cls: type) -> str:
    """Return the `__module__` of a class. User code can set it to any value: '' if it is not a string."""
    named = cls.__module__
    return named if isinstance(named, str) else ""


def _items(registry: Any, where: str, kind: type[_Registered]) -> Sequence[tuple[str, _Registered]]:
    if type(registry) is dict and not registry:
        return ()
    if registry is None:
        raise InvalidModuleError(f"it has no {where!r}: its __init__ did not call super().__init__()")
    items = registry.items if type(registry) is dict else attribute(registry, "items")
    if not callable(items):
        raise InvalidModuleError(f"{where!r} is {a_type(registry)}, not a dict")
    found = []
    for name, value in items():
        if isinstance(value, kind):
            found.append((name if type(name) is str and name.isascii() else safe_text(str(name)), value))
        elif value is not None:
            raise InvalidModuleError(f"{where}[{safe_text(repr(name))}] is {a_type(value)}, not a {kind.__name__}")
    return found


def _registry(module: nn.Module, name: str) -> Any:
    """Return a dictionary of the module, such as `_modules`; None if its `__init__` did not create it.

    Script modules have it in C++, where `__getattr__` finds it, all others in `__dict__`. An exception of `__getattr__`
    is not caught: the tree of such a module would be wrong.
    """
    found = object.__getattribute__(module, "__dict__").get(name)
    return getattr(module, name, None) if found is None else found
