"""Detect what the import of a module changes in other modules and in the process.

Runs in a template, after it has imported a module that one model has requested. If other models could observe that
import, the template must not be used for them: kernel libraries replace classes of other modules when imported, or
register hooks for all modules. https://github.com/linkedin/Liger-Kernel

New items of a registry count: a model can list what is registered. The names of submodules don't count, nor what a
library keeps for itself (`_OWN_CACHES`).
"""

from __future__ import annotations

import builtins
import logging
import operator
import os
import random
import sys
import warnings
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType, NoneType
from typing import Any, NamedTuple

from bmvis.child.tracebacks import is_library
from bmvis.gc_pause import paused_gc

_TORCH = ("torch", "torch.nn", "torch._tensor", "torch.optim", "torch.utils.checkpoint")
"""Modules of torch that are checked. Others change their own state when more parts of torch are imported."""
_BELOW = tuple(f"{package}." for package in _TORCH[1:])
_HOOKS = "torch.nn.modules.module._global_"
"""The start of the names of the dictionaries with hooks for all modules."""


_NO_HOLDERS = frozenset({NoneType, bool, int, float, str, bytes, tuple, FunctionType, BuiltinFunctionType, ModuleType})
"""Types whose instances are not searched for changes."""
_CONTAINERS = (dict, list, set)
_OWN_CACHES = frozenset(
    (
        "sympy.core.singleton.SingletonRegistry",
        "torch.quantized_gru._dir",
        "torch.quantized_lstm._dir",
        "transformers.utils.generic._registered_model_output_types",
        *(f"transformers.models.auto.auto_mappings.{kind}_MAPPING_NAMES" for kind in (
            "FEATURE_EXTRACTOR", "IMAGE_PROCESSOR", "PROCESSOR", "VIDEO_PROCESSOR",
        )),
    )
)  # fmt: skip
"""Registries of processors and output classes, to which imports of transformers add, and of numbers and of looked-up
names of operators, to which imports of torch add. No model is built from them."""


class _Holder(NamedTuple):
    """An object of a library that contains others: a class, a dictionary, a list, a set, or an instance."""

    name: str
    value: object
    members: Mapping[Any, object]


class _ModuleState(NamedTuple):
    """A module, and the objects that its names had."""

    module: ModuleType
    names: Mapping[str, object]


class ProcessState:
    """The state of the process and of all modules, to find what later imports change.

    Only new modules, and those whose names have changed, are read again for the next import: most of the time goes
    into the first state, because a library such as transformers has tens of thousands of names.

    Args:
        package: the library in which new names and new items count; '' for all. Others grow when they are used.
    """

    def __init__(self, package: str = "") -> None:
        self._package = package
        self._settings = _settings()
        self._modules: dict[str, _ModuleState] = {}
        self._holders: dict[int, _Holder] = {}
        with paused_gc():
            self._record()

    def change(self) -> str:
        """Return the first name that has changed since the last call, or since this object was made; '' if none has.

        After a change, later calls are of no use: the process can build no more models.
        """
        with paused_gc():
            found = next(self._changes(), "")
            self._record()
        return found

    def _record(self) -> None:
        """Record modules that are new, or whose names have changed."""
        for name, module in list(sys.modules.items()):
            if isinstance(module, ModuleType) and _is_checked(name):
                known = self._modules.get(name)
                if known is None or known.module is not module or not _is_same(known.names, vars(module)):
                    self._modules[name] = _ModuleState(module, dict(vars(module)))
                    self._record_holders(name, module, is_library=_has_holders(name, module))

    def _record_holders(self, name: str, module: ModuleType, *, is_library: bool) -> None:
        for key, value in list(vars(module).items()):
            if not is_library and not isinstance(value, type):
                continue  # of the standard library, only classes
            if _may_hold(value) and id(value) not in self._holders and _is_defining_module(name, value):
                members = self._record_holder(f"{name}.{key}", value)
                cls = value if isinstance(value, type) else type(value)
                if isinstance(value, _CONTAINERS) or cls.__module__.partition(".")[0] != name.partition(".")[0]:
                    continue  # not the caches of a logger
                if not is_library:
                    continue  # not the finalizers of `weakref`
                for inner, contained in members.items():
                    if isinstance(contained, _CONTAINERS) and id(contained) not in self._holders:
                        self._record_holder(f"{name}.{key}.{inner}", contained)

    def _record_holder(self, name: str, value: object) -> Mapping[Any, object]:
        members = _members(value)
        if members is None or name in _OWN_CACHES:
            return {}
        self._holders[id(value)] = _Holder(name, value, dict(members))
        return members

    def _changes(self) -> Iterator[str]:
        now = _settings()
        yield from (key for key, value in self._settings.items() if now[key] != value)
        for name, (module, names) in self._modules.items():
            if not _is_same(names, vars(module)):
                yield from (f"{name}.{key}" for key in _rebound(name, module, names))
            if self._is_own(name):
                yield from (f"{name}.{key}" for key in _added(name, module, names))
        for key, holder in self._holders.items():
            members = _members(holder.value) or {}
            if not _is_same(holder.members, members):
                if _has_changed(holder, members, is_own=self._is_own(holder.name)):
                    yield holder.name
                self._holders[key] = holder._replace(members=dict(members))

    def _is_own(self, name: str) -> bool:
        return self._package in ("", name.partition(".")[0])


def _settings() -> dict[str, object]:
    """Return what is neither in a module nor in a class."""
    torch = sys.modules["torch"]
    return {
        "os.environ": {name: value for name, value in os.environ.items() if not name.startswith("TORCH")},
        "the working directory": os.getcwd(),
        "sys.path": list(sys.path),
        "sys.meta_path": list(sys.meta_path),
        "builtins": set(vars(builtins)),
        "the default dtype": torch.get_default_dtype(),
        "the default device": getattr(torch, "get_default_device", str)(),  # since PyTorch 2.3
        "the grad mode": torch.is_grad_enabled(),
        "the random seed of torch": torch.initial_seed(),
        "the random state": hash(random.getstate()),
        "the recursion limit": sys.getrecursionlimit(),
        "the log level": (logging.root.level, logging.root.manager.disable),
        "warnings.filters": sum(found[0] == "error" for found in warnings.filters),
    }


def _is_torch(module: str) -> bool:
    return module.partition(".")[0] == "torch"


def _is_checked(module: str) -> bool:
    if _is_torch(module):
        return module in _TORCH or module.startswith(_BELOW)
    return module.partition(".")[0] not in ("bmvis", "__main__")


def _has_holders(name: str, module: ModuleType) -> bool:
    return _is_torch(name) or is_library(getattr(module, "__file__", None))


def _is_defining_module(module: str, value: object) -> bool:
    """Return whether a module defines an object, rather than imports it, as far as this is known."""
    return getattr(value, "__module__", module) == module if isinstance(value, type) else True


def _is_same(before: Mapping[Any, object], now: Mapping[Any, object]) -> bool:
    """Return whether two namespaces have the same objects in the same order, without the code of an object."""
    return len(before) == len(now) and all(map(operator.is_, before.values(), now.values()))


def _may_hold(value: object) -> bool:
    return type(value) not in _NO_HOLDERS and not isinstance(value, ModuleType)


def _members(value: object) -> Mapping[Any, object] | None:
    """Return what a class, a container or an instance contains now; None for other objects."""
    if isinstance(value, list):
        return dict(enumerate(list.__iter__(value)))
    if isinstance(value, set):
        return {id(item): item for item in set.__iter__(value)}
    if isinstance(value, dict):
        # Without the code of a subclass: the lazy mappings of transformers import all models when they are read.
        return value if type(value) is dict else dict(dict.items(value))
    if isinstance(value, type):
        return vars(value)
    slot = next((vars(cls)["__dict__"] for cls in type(value).__mro__ if "__dict__" in vars(cls)), None)
    if not isinstance(slot, GetSetDescriptorType | MemberDescriptorType):
        return None  # it has no attributes of its own, or its class computes them
    found = slot.__get__(value)
    return found if type(found) is dict else None


def _rebound(name: str, module: ModuleType, before: Mapping[str, object]) -> Iterator[str]:
    """Yield the names of a module that were bound to other objects that matter to models."""
    has_holders = _has_holders(name, module)
    for key, value in before.items():
        now = vars(module).get(key)
        is_code = isinstance(value, type) or callable(value)
        is_checked = is_code or (has_holders and not key.startswith("_"))
        if now is not value and is_checked and _is_rebound(name, value, now):
            yield key


def _added(name: str, module: ModuleType, before: Mapping[str, object]) -> Iterator[str]:
    """Yield the new names of a library's module, without submodules and what a lazy module imports for itself."""
    if _is_torch(name) or type(module) is not ModuleType or "__getattr__" in before or not _has_holders(name, module):
        return
    for key in vars(module).keys() - before.keys():
        if not isinstance(vars(module)[key], ModuleType):
            yield key


def _is_rebound(module: str, before: object, now: object) -> bool:
    """Return whether a name was bound to another object that matters to models."""
    if isinstance(before, ModuleType) and isinstance(now, ModuleType):
        return False  # a submodule that is imported only now
    return _is_foreign(now) if _is_torch(module) else True


def _has_changed(holder: _Holder, now: Mapping[Any, object], *, is_own: bool) -> bool:
    if holder.name.startswith(_HOOKS):
        return now.keys() != holder.members.keys()
    if isinstance(holder.value, list | set) and not is_own:
        return False
    changed = list(_changed_members(holder, now, is_own=is_own))
    if isinstance(holder.value, _CONTAINERS) and not changed and is_own:
        return not _is_torch(holder.name) and len(now) < len(holder.members)
    return any(not _is_torch(holder.name) or _is_foreign(value) for value in changed)


def _changed_members(holder: _Holder, now: Mapping[Any, object], *, is_own: bool) -> Iterator[object]:
    """Yield each value that is new for an old key, and those of new items and new public names of classes."""
    before, is_container = holder.members, is_own and isinstance(holder.value, _CONTAINERS)
    for key, value in now.items():
        if key not in before:
            if is_container or (isinstance(holder.value, type) and not str(key).startswith("_")):
                yield value
        elif before[key] is not value and (callable(value) or not str(key).startswith("_")):
            yield value


def _is_foreign(value: object) -> bool:
    """Return whether an object is defined outside torch, or in no known module."""
    for name in ("__func__", "fget"):
        value = getattr(value, name, value)
    module = getattr(value, "__module__", None)
    return not isinstance(module, str) or not _is_torch(module)
