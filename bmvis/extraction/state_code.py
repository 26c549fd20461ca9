"""Find code of a module that changes its state dict: overridden methods, hooks and extra state.

None of that code runs. Code of PyTorch is omitted if the comparison of checkpoints handles it, by the class, the
tensors, or the parametrization that it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any

from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.settings.callable_names import callable_name
from bmvis.extraction.shortened import first_items
from bmvis.model.state_code import NO_CODE, StateCode

MAX_HOOKS = 16
"""Maximum number of hooks of one module that are recorded by name."""
_SAVING = ("_save_to_state_dict", "state_dict")
_LOADING = ("_load_from_state_dict", "load_state_dict")
_NAMES = frozenset((*_SAVING, *_LOADING, "get_extra_state", "set_extra_state", "_version"))
_SAVING_HOOKS = ("_state_dict_hooks", "_state_dict_pre_hooks")
_LOADING_HOOKS = ("_load_state_dict_pre_hooks", "_load_state_dict_post_hooks")
_NORM = "torch.nn.modules.batchnorm._NormBase._load_from_state_dict"
_KNOWN = (
    "torch.nn.modules.module.Module.",
    "torch.nn.modules.lazy.LazyModuleMixin.",
    "torch.nn.modules.instancenorm._InstanceNorm.",
    "torch.nn.utils.parametrizations.weight_norm.",
    "torch.nn.utils.spectral_norm.",
    _NORM,
)
"""Prefixes of the full names of code that the comparison handles."""


class StateCodeReader:
    """Reads the modules of one model. Each class is read once, and modules with equal attributes too."""

    def __init__(self) -> None:
        self._kinds: dict[int, StateCode | None] = {}
        self._is_torch_plain = _of_class(nn.Module) is NO_CODE and _inherited(nn.Module, "_version") == 1
        """Whether `torch.nn.Module` has PyTorch's code, and so each class that defines none itself."""
        self._classes: dict[type, StateCode] = {}
        self._seen: dict[StateCode, StateCode] = {}

    def read(self, module: nn.Module, kind: int) -> StateCode | None:
        """Return the code of a module; None if only PyTorch handles its state dict.

        Args:
            module: the module.
            kind: its number from `AttributeKinds`.
        """
        if kind not in self._kinds:
            self._kinds[kind] = self._read(module)
        return self._kinds[kind]

    def _read(self, module: nn.Module) -> StateCode | None:
        cls = type(module)
        of_class = self._classes.get(cls)
        if of_class is None:
            of_class = NO_CODE if self._is_torch_plain and _defines_none(cls) else _of_class(cls)
            self._classes[cls] = of_class
        slots = object.__getattribute__(module, "__dict__")
        saving = [name for slot in _SAVING_HOOKS if slots.get(slot) for name in _hooks(slots[slot])]
        loading = [name for slot in _LOADING_HOOKS if slots.get(slot) for name in _hooks(slots[slot])]
        saving += [callable_name(slots[name]) for name in _SAVING if name in slots]
        loading += [callable_name(slots[name]) for name in _LOADING if name in slots]
        if not (saving or loading):
            return None if of_class is NO_CODE else of_class
        found = StateCode(
            (*of_class.saving, *saving),
            (*of_class.loading, *loading),
            of_class.saves_extra,
            of_class.loads_extra,
            of_class.version,
            of_class.norm,
        )
        return self._seen.setdefault(found, found)


def _defines_none(cls: type) -> bool:
    """Return whether no base class but `torch.nn.Module` defines an attribute that the code of a class depends on."""
    return all(base is nn.Module or _NAMES.isdisjoint(base.__dict__) for base in type.mro(cls))


def _of_class(cls: type) -> StateCode:
    loading = tuple(_overridden(cls, _LOADING))
    version = _inherited(cls, "_version")
    is_own = not introspection.class_module(cls).startswith("torch.nn.")
    found = StateCode(
        tuple(_overridden(cls, _SAVING)),
        loading,
        _full_name(_inherited(cls, "get_extra_state")) != "torch.nn.modules.module.Module.get_extra_state",
        _full_name(_inherited(cls, "set_extra_state")) != "torch.nn.modules.module.Module.set_extra_state",
        version if is_own and type(version) is int else 1,
        is_own and _full_name(_inherited(cls, "_load_from_state_dict")) == _NORM,
    )
    return NO_CODE if found == NO_CODE else found


def _overridden(cls: type, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        full = _full_name(_inherited(cls, name))
        if not full.startswith(_KNOWN):
            yield full


def _inherited(cls: type, name: str) -> Any:
    """Return an attribute of a class without running code of its metaclass or of a descriptor."""
    return next((base.__dict__[name] for base in type.mro(cls) if name in base.__dict__), None)


def _full_name(function: Any) -> str:
    return callable_name(function) if isinstance(function, FunctionType) else type(function).__name__


def _hooks(registered: Any) -> Iterator[str]:
    """Yield the full names of a module's hooks, except hooks of PyTorch that the comparison handles."""
    hooks = list(registered.values()) if isinstance(registered, dict) else ()
    names = [name for hook in hooks if not (name := callable_name(hook)).startswith(_KNOWN)]
    yield from first_items(names, MAX_HOOKS)
