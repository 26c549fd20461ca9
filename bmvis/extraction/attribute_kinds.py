"""Number the modules of a model by their attributes, so that those with equal ones are read once.

Only the `__dict__` of a module and the slots of its class are read. What a module registers (children, parameters and
buffers) does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from operator import itemgetter
from types import BuiltinFunctionType, FunctionType
from typing import Any, NamedTuple

import torch
from torch import nn

from bmvis.extraction import introspection

HASHED = frozenset((bool, int, float, str, type(None), torch.dtype, FunctionType, BuiltinFunctionType))
"""Types whose values can be looked up, without code of the value."""
_EMPTIES = frozenset((list, set))
_REGISTERED = frozenset(("_modules", "_parameters", "_buffers"))
_USUALLY_EMPTY = frozenset(name for name, value in vars(nn.Module()).items() if not value) - _REGISTERED
"""Attributes of each module that PyTorch makes, such as its hooks. In nearly all modules they are empty, or None."""
_NOT_OWN = frozenset((*_USUALLY_EMPTY, *_REGISTERED, "training"))
_Getter = Callable[[Mapping[str, Any]], Sequence[Any]]


class _Names(NamedTuple):
    """The attributes of the modules of a class that have the same ones."""

    names: tuple[str, ...]
    number: int
    usually_empty: _Getter
    """Returns the values of those that PyTorch makes."""
    own: _Getter
    """Returns the values of the others."""


class AttributeKinds:
    """Numbers the modules of one model. The numbers are valid as long as the modules do not change."""

    def __init__(self) -> None:
        self._last: dict[type, _Names] = {}
        self._names: dict[tuple[type, tuple[str, ...]], _Names] = {}
        self._kinds: dict[Hashable, int] = {}

    def read(self, module: nn.Module) -> int:
        """Return a number that is equal for modules of one class that have the same names and values of attributes.

        Values are equal if they are one object, or plain values of one type. A module with hooks equals only itself.
        """
        cls, slots = type(module), introspection.module_attributes(module)
        names = tuple(slots)
        known = self._last.get(cls)
        if known is None or known.names != names:
            known = self._read_names(cls, names)
        if any(known.usually_empty(slots)):
            return self._kinds.setdefault(id(module), len(self._kinds))
        key = (known.number, *keys(known.own(slots)))
        return self._kinds.setdefault(key, len(self._kinds))

    def _read_names(self, cls: type, names: tuple[str, ...]) -> _Names:
        found = self._names.get((cls, names))
        if found is None:
            usually_empty = [name for name in names if name in _USUALLY_EMPTY]
            own = [name for name in names if name not in _NOT_OWN]
            number = len(self._names)
            found = self._names[cls, names] = _Names(names, number, _getter(usually_empty), _getter(own))
        self._last[cls] = found
        return found


def _getter(names: Sequence[str]) -> _Getter:
    """Return a function that returns the values of some keys of a dictionary."""
    return itemgetter(*names) if len(names) > 1 else lambda slots: [slots[name] for name in names]


def keys(values: Sequence[Any]) -> Sequence[Any]:
    """Return the types of values, and values that can be looked up. The types are a part, for True equals 1 and 1.0.

    Any object that is no plain value, such as the configuration that all modules have, is looked up by its id: its text
    is the same as long as the model is read. For a tuple of plain values, the types of its items are added. So are the
    texts of zeros, for 0.0 equals -0.0.
    """
    types: list[Any] = list(map(type, values))
    if HASHED.issuperset(types):
        return [*types, *values, *zeros(values)] if float in types else [*types, *values]
    found = []
    for value, kind in zip(values, tuple(types), strict=True):
        inner = list(map(type, value)) if kind is tuple else ()
        is_hashed = kind in HASHED or (kind is tuple and HASHED.issuperset(inner))
        types += inner if is_hashed else ()
        types += zeros(value if kind is tuple else (value,)) if is_hashed and float in (kind, *inner) else ()
        is_empty = kind in _EMPTIES and not value
        found.append(value if is_hashed else None if is_empty else id(value))
    return types + found


def zeros(values: Iterable[Any]) -> list[str]:
    """Return the texts of the floats among values that are zero: `0.0` or `-0.0`."""
    return [float.__repr__(value) for value in values if type(value) is float and not value]
