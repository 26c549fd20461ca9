"""Take objects apart, into a name and values that have a text. No code of a class of the project runs.

These are objects of Python, NumPy and PyTorch whose contents are known, and objects of classes of the project, of which
the public attributes are read. Of an object of another class, only the name of its class is recorded.
"""

from __future__ import annotations

import array
import collections
import gc
import operator
import pathlib
import re
import sys
from collections.abc import Sequence, Set
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import torch

from bmvis.extraction import introspection
from bmvis.extraction.settings.callable_names import callable_name
from bmvis.extraction.settings.project_code import class_attributes_of, is_object, is_setting_name

MAX_ARRAY = 65_536
"""Maximum number of elements of a NumPy array whose values are recorded."""
_DEVICES = ("torch.cuda", "torch.xpu", "torch.mps", "torch.mtia", "torch.accelerator")
"""Modules with objects that only some machines have, such as streams."""
_PATHS = (pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath)
_USER = (collections.UserDict, collections.UserList, collections.UserString)
"""Classes that keep their contents in the attribute `data`."""
_OPERATORS = (operator.attrgetter, operator.itemgetter, operator.methodcaller)
_NUMBERS = "biufc"
"""Kinds of data types of NumPy whose values are numbers."""
_DISTRIBUTIONS = "torch.distributions."
Pairs = Sequence[tuple[str, Any]]


class Written(str):
    """A text that is not the text of a value."""

    __slots__ = ()


NOT_RECORDED = Written("?")
"""In place of contents that are not recorded."""


class Parts(NamedTuple):
    """An object, in the form of a call: `collections.deque(1, 2, maxlen=3)`."""

    name: str
    values: Sequence[Any] = ()
    named: Pairs = ()


def unwrapped(value: Any) -> Any:
    """Return the dictionary, list or text that an object wraps, its number or path; others are returned unchanged."""
    kind = type(value)
    if issubclass(kind, _USER):
        data = introspection.own_dict(value).get("data")
        return data if issubclass(type(data), dict | list | str) else value
    if kind is MappingProxyType:
        found = gc.get_referents(value)  # `dict(value)` would run the code of a mapping
        return found[0] if len(found) == 1 and issubclass(type(found[0]), dict) else value
    if kind in _PATHS:
        return value.as_posix()
    if kind is bytearray:
        return bytes(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, numpy.number | numpy.bool_):
        plain = numpy.generic.item(value)
        return float(plain) if type(plain) is numpy.longdouble else plain
    return value


def parts(value: Any, private: Set[str] = frozenset()) -> Parts | None:
    """Return the parts of an object that is no plain value; None if nothing of it is recorded.

    Args:
        value: the object.
        private: the names of private attributes that count.
    """
    kind = type(value)
    if issubclass(kind, torch.Tensor):
        return _tensor(value)
    module = introspection.class_module(kind)
    if kind is torch.device or module.startswith(_DEVICES):
        return None
    found = _of_python(value) or _of_numpy(value)
    if found is not None:
        return found
    attributes = _of_distribution(value) if module.startswith(_DISTRIBUTIONS) else attributes_of_object(value, private)
    known = (NOT_RECORDED,) if attributes is None else ()
    return Parts(callable_name(kind), known, attributes or ())


def _of_distribution(value: Any) -> Pairs:
    """Return the public attributes of a distribution or transform, and the distributions that it is made of."""
    pairs = introspection.own_dict(value).items()
    return [
        (name, item)
        for name, item in pairs
        if name[:1] != "_" or introspection.class_module(type(item)).startswith(_DISTRIBUTIONS)
    ]


def attributes_of_object(value: Any, private: Set[str] = frozenset()) -> Pairs | None:
    """Return the public attributes of an object of the project and of its class, sorted; None for other objects.

    Args:
        value: the object.
        private: the names of private attributes that count.
    """
    return own_attributes(value, private) if is_object(value) else None


def own_attributes(value: Any, private: Set[str] = frozenset()) -> Pairs:
    """Return the public attributes of an object and of its class, sorted, and the private ones of given names."""
    found = class_attributes_of(type(value), private) | introspection.attributes_of(value)
    return [(name, found[name]) for name in sorted(name for name in found if is_setting_name(name, private))]


def _of_python(value: Any) -> Parts | None:
    kind = type(value)
    if issubclass(kind, collections.deque):
        longest = [("maxlen", value.maxlen)] if kind is collections.deque and value.maxlen is not None else ()
        return Parts("collections.deque", list(collections.deque.__iter__(value)), longest)
    if kind is collections.ChainMap:
        return Parts("collections.ChainMap", introspection.own_dict(value).get("maps") or ())
    if kind is re.Pattern:
        flags = int(value.flags & ~re.UNICODE)
        return Parts("re.compile", (value.pattern,), [("flags", flags)] if flags else ())
    if kind is array.array:
        return Parts("array.array", (value.typecode, value.tolist()))
    if kind in _OPERATORS:
        made, arguments = value.__reduce__()
        if isinstance(made, type):
            return Parts(callable_name(kind), arguments)
        return Parts(callable_name(kind), (*made.args, *arguments), list(made.keywords.items()))
    if kind is torch.Generator:
        return Parts("torch.Generator", (), [("seed", value.initial_seed())])
    if kind is ModuleType:
        name = value.__dict__.get("__name__")
        return Parts("module", (Written(name) if type(name) is str else NOT_RECORDED,))
    return None


def _of_numpy(value: Any) -> Parts | None:
    """Return the parts of an array or a data type of NumPy, which need not be installed."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if issubclass(type(value), numpy.dtype):
        return Parts("numpy.dtype", (Written(value.name),))
    array_type = numpy.ndarray
    if not issubclass(type(value), array_type):
        return None
    dtype, shape = array_type.dtype.__get__(value), array_type.shape.__get__(value)
    kind = Written(f"{dtype.name}{list(shape)}")
    is_plain = dtype.kind in _NUMBERS and dtype.itemsize <= numpy.dtype(complex).itemsize
    if not is_plain or array_type.size.__get__(value) > MAX_ARRAY or dtype.name == "longdouble":
        return Parts("numpy.ndarray", (kind, NOT_RECORDED))
    return Parts("numpy.ndarray", (kind, array_type.tolist(value)))


def _tensor(value: torch.Tensor) -> Parts | None:
    """Return the data type and shape of a tensor.

    One that requires a gradient has none: it is a trainable tensor, of which there is a note, or computed from those.
    """
    if torch.Tensor.requires_grad.__get__(value):  # type: ignore[attr-defined]  # a descriptor
        return None
    try:
        shape = list(torch.Tensor.shape.__get__(value))  # type: ignore[attr-defined]
    except RuntimeError:  # of a nested tensor, or of one without a shape yet
        return Parts("torch.Tensor", (NOT_RECORDED,))
    dtype = str(torch.Tensor.dtype.__get__(value)).removeprefix("torch.")  # type: ignore[attr-defined]
    return Parts("torch.Tensor", (Written(f"{dtype}{shape}"),))
