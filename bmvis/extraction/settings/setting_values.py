"""The text of a setting, and which values are not recorded. No code of a value's class runs.

Not recorded are values that differ between two processes or machines, and values that may be private: absolute paths,
addresses, times, devices, long strings, and strings with names such as `token` or `password`.
"""

from __future__ import annotations

import enum
import functools
import re
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.settings.class_settings import constants
from bmvis.extraction.settings.config_objects import is_config, values_of
from bmvis.extraction.settings.names import callable_name
from bmvis.extraction.settings.project_code import class_attributes_of, is_of_project
from bmvis.extraction.shortened import digest
from bmvis.untrusted import user_text

MAX_STRING = 80
"""Maximum length of a string that is recorded, in characters."""
MAX_TEXT = 200
"""Maximum length of the text of a sequence, in characters. A longer one is recorded as its length and a digest."""
MAX_ITEMS = 65_536
"""Maximum number of items of a sequence or dictionary, including those of nested ones. Of a larger one, only the number
is recorded."""
MAX_ENTRIES = 64
"""Maximum number of entries of a dictionary that are settings of their own; a larger one is one setting."""
MAX_NESTING = 3
"""Maximum depth of dictionaries whose entries are settings of their own; a deeper one is one setting."""
UNKNOWN = "?"
"""In place of an item of a sequence that is not recorded."""
MAX_FUNCTIONS = 32
"""Maximum number of functions in a value whose constants are read. Others are recorded by their names."""
MAX_LEVELS = 8
"""Maximum depth of sequences and dictionaries in a value."""
_SECRET = re.compile(r"(?:^|[_.])(?:token|key|secret|password|passwd|credential|auth)s?(?:$|[_.\d])", re.IGNORECASE)
_PART_OF_MODEL = re.compile(
    r"(?:^|[_.])(?:token|key)s?_(?:mix|pool|norm|type|merg|aggreg|init|proj|mode|act|embed|reduc|layer|layout)"
)
"""Names that `_SECRET` finds, but that are words of networks, such as `token_mixer`."""
_LOCAL = re.compile(r"(?:^|[_.])(?:path|dir|directory|folder|file|filename|url|host|hostname|user)$", re.IGNORECASE)
_VOLATILE = re.compile(
    r"(?:^|[_.])devices?(?:$|[_.])|(?:^|\.)(?:pid|uuid|time|timestamp|start_time|created_at|session_id|run_id)$",
    re.IGNORECASE,
)
_TIME = re.compile(r"(?:^|\.)time$", re.IGNORECASE)
_MAX_STEPS = 100_000
"""Integers up to here are numbers of time steps, not times."""
_ABSOLUTE = re.compile(r"(?:^|[\s=:,;'\"(\[])(?:/[\w.]|~[/\\]|[A-Za-z]:[\\/]|\\\\)")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T_]\d\d:?\d\d")
_LIKE_OTHER = re.compile(
    r"(?:None|True|False|-|nan|[-+]?inf|[-+]?[\d.][\d.eE+-]*|[-+]?0x\w*|.*\.\.\d.*|.* x\d+|.*\)|['({].*|torch\..*|)",
    re.DOTALL,
)
_WITH_PARTIAL = frozenset(("torch.ao.quantization.observer", "torch.ao.quantization.fake_quantize"))
"""Where the class is defined that keeps the observer of a `QConfig` with its arguments, in the attribute `p`."""
_LARGE = 2**40
"""Integers from here on are sentinels such as `sys.maxsize`, or ids and hashes, which differ between processes."""
_ENDLESS = 10**100
"""Integers from here on are too long to read. Python writes no integer of more than 4300 digits."""
_DAY = 86_400


def entries(name: str, value: Any, nesting: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the settings of one attribute: one, several for a dictionary, none if it is not recorded."""
    if issubclass(type(value), dict) and nesting < MAX_NESTING and dict.__len__(value) <= MAX_ENTRIES:
        for key, item in dict.items(value):
            text = _key(key, _Room())
            if text is not None:
                yield from entries(f"{name}.{text}", item, nesting + 1)
        return
    if _VOLATILE.search(name) and not (_TIME.search(name) and type(value) is int and abs(value) <= _MAX_STEPS):
        return
    found = text_of(value, name)
    if found is not None:
        yield name, found


def _key(key: Any, room: _Room) -> str | None:
    """Return the text of a key of a dictionary; None if it is not recorded."""
    return user_text.safe_text(str.__str__(key)) if type(key) is str else _text(key, "", room)


def text_of(value: Any, name: str = "") -> str | None:
    """Return the text of a value; None if it is not recorded."""
    return _text(value, name, _Room())


def _text(value: Any, name: str, room: _Room) -> str | None:
    kind = type(value)
    if value is None or kind is bool:
        return str(value)
    if issubclass(kind, enum.Enum):
        return _enum(value)
    if issubclass(kind, str):
        return _string(str.__getitem__(value, slice(0, MAX_STRING + 1)), name)
    if issubclass(kind, int | float):
        return _number(value)
    if kind in _WRITTEN:
        return repr(value)
    if kind is bytes:
        return repr(value) if len(value) <= MAX_STRING else f"{len(value)} values {digest(repr(value))}"
    if issubclass(kind, tuple | list | set | frozenset | dict):
        return _collection(value, name, room)
    if is_config(kind):  # in a sequence or dictionary
        return _collection(values_of(value), name, room)
    if kind is slice:
        parts = [_text(part, name, room) for part in (value.start, value.stop, value.step)]
        return f"slice({', '.join(map(str, parts))})"
    if kind.__module__ == "numpy" and kind.__name__.startswith(("float", "int", "bool")):
        return _text(value.item(), name, room)
    if issubclass(kind, nn.Module):  # in a list, where PyTorch does not see it
        return f"{callable_name(kind)}()"
    return _callable(value, room)


def callable_text(value: Any) -> str | None:
    """Return the name of a function or class with `()`, or with the values that it depends on.

    Those are the arguments of a partial function, the constants of a function of the project, and the public attributes
    of an object of the project that is called, or whose method is called.
    """
    return _callable(value, _Room())


def _callable(value: Any, room: _Room) -> str | None:
    if type(value) is functools.partial:
        return _partial(value, room)
    if introspection.class_module(type(value)) in _WITH_PARTIAL:
        inner = introspection.attribute(value, "p")
        return _partial(inner, room) if type(inner) is functools.partial else None
    values = _values_of_call(value)
    if values is None and not issubclass(type(value), FunctionType | BuiltinFunctionType | MethodType | type):
        return None
    is_inside, room.is_inside = room.is_inside, True
    is_read = values is not None and not is_inside and room.functions > 0  # a function can mention itself
    room.functions -= is_read
    texts = _named_texts(values or (), room) if is_read else []
    room.is_inside = is_inside
    return f"{callable_name(value)}({', '.join(texts)})"


def _partial(value: functools.partial[Any], room: _Room) -> str | None:
    if not room.levels:
        return None
    room.levels -= 1  # its keywords can contain it
    positional = [text for item in value.args if (text := _text(item, "", room))]
    named = _named_texts(value.keywords.items(), room)
    room.levels += 1
    return f"{callable_name(value)}({', '.join([*positional, *named])})"


def _named_texts(pairs: Iterable[tuple[str, Any]], room: _Room) -> list[str]:
    return [
        f"{name}={text}" for name, item in pairs if not _VOLATILE.search(name) and (text := _text(item, name, room))
    ]


def _values_of_call(value: Any) -> Iterable[tuple[str, Any]] | None:
    """Return the values that a function or another object of the project depends on; None for other objects."""
    if type(value) is FunctionType:
        return constants(value) if value.__module__ and is_of_project(value) else ()
    if type(value) is MethodType:
        function = value.__func__
        own = constants(function) if type(function) is FunctionType and is_of_project(function) else ()
        return [*_public(value.__self__), *own]
    is_called = any("__call__" in base.__dict__ for base in type.mro(type(value)))
    is_object = is_called and not issubclass(type(value), type | nn.Module) and is_of_project(type(value))
    return _public(value) if is_object else None


def _public(thing: Any) -> list[tuple[str, Any]]:
    """Return the public values among the attributes of an object of the project that is no module."""
    if issubclass(type(thing), type | nn.Module) or not is_of_project(type(thing)):
        return []
    found = class_attributes_of(type(thing)) | introspection.attributes_of(thing)
    return [(name, value) for name, value in found.items() if type(name) is str and name[:1] != "_"]


def _enum(value: Any) -> str | None:
    """Return `Mode.FAST`; with the value `Mode.FAST (2)` if the member is a number, which code can compute with."""
    slots = object.__getattribute__(value, "__dict__")
    name, number = slots.get("_name_"), slots.get("_value_")
    if type(name) is not str:
        return None
    text = f"{user_text.class_name(type(value))}.{name}"
    return f"{text} ({number})" if issubclass(type(value), int) and type(number) is int else text


def _string(value: str, name: str) -> str | None:
    is_secret = _SECRET.search(name) and not _PART_OF_MODEL.search(name)
    if len(value) > MAX_STRING or is_secret or _LOCAL.search(name):
        return None
    if _ABSOLUTE.search(value) or _ADDRESS.search(value) or _UUID.search(value) or _DATE.search(value):
        return None
    value = user_text.safe_text(value)
    return repr(value) if _LIKE_OTHER.fullmatch(value) or not value.isprintable() or ", " in value else value


def _number(value: int | float) -> str | None:
    """Return the text of a number; floats have 8 digits, so that machines that round otherwise agree."""
    if issubclass(type(value), int):
        integer: int = int.__index__(value)  # type: ignore[arg-type]
        size = abs(integer)
        if size >= _ENDLESS:
            return None
        is_round = size % 10**9 == 0 or size & (size - 1) == 0 or size & (size + 1) == 0
        return None if (size >= _LARGE and not is_round) or _is_now(integer) else int.__repr__(integer)
    number = float.__float__(value)
    if _is_now(number):
        return None
    exact = float.__repr__(number)
    return exact if len(exact) <= 10 or number.is_integer() else f"{number:.8g}"


def _is_now(value: float) -> bool:
    """Return whether a number is a time of today, in seconds, or in a thousandth, millionth or billionth of them."""
    return abs(value) > 1e9 and any(abs(value / scale - time.time()) < _DAY for scale in (1, 1e3, 1e6, 1e9))


_WRITTEN = frozenset((complex, range, Fraction, Decimal, torch.dtype, torch.layout, torch.memory_format, torch.qscheme))
"""Types whose `repr` is the text of a value."""


class _Room:
    """How many items, levels and functions of a value are left to read: a list can have itself as an item."""

    def __init__(self) -> None:
        self.items = MAX_ITEMS
        self.levels = MAX_LEVELS
        self.functions = MAX_FUNCTIONS
        self.is_inside = False
        """Whether a value inside a function is read."""


def _collection(value: Any, name: str, room: _Room) -> str | None:
    """Return the text of a sequence or dictionary, or the number of its items and a digest if that is long."""
    kind = next(base for base in (tuple, list, set, frozenset, dict) if issubclass(type(value), base))
    count = kind.__len__(value)
    if count > room.items:
        return f"{count} values"
    if not room.levels:
        return None
    room.items -= count
    room.levels -= 1
    text = _dictionary(value, name, room) if kind is dict else _sequence(kind, value, name, room)
    room.levels += 1
    if text is None or len(text) <= MAX_TEXT:
        return text
    return f"{count} values {digest(text)}"


def _sequence(kind: type, value: Any, name: str, room: _Room) -> str | None:
    """Return the text of the items, with `?` for those that are not recorded; None if that is all of them."""
    found = [_text(item, name, room) for item in kind.__iter__(value)]  # type: ignore[attr-defined]  # of four kinds
    items = [UNKNOWN if text is None else text for text in found]
    if found and not any(found):
        return None
    if kind in (set, frozenset):
        items.sort()
    return f"({', '.join(items)}{',' * (len(items) == 1)})"


def _dictionary(value: dict[Any, Any], name: str, room: _Room) -> str:
    """Return the text of the entries that are recorded, in an order that does not depend on that of the entries."""
    found = []
    for key, item in dict.items(value):
        shown = _key(key, room)
        full_name = f"{name}.{shown}"
        text = None if shown is None or _VOLATILE.search(full_name) else _text(item, full_name, room)
        if text is not None:
            found.append(f"{shown}: {text}")
    return f"{{{', '.join(sorted(found))}}}"
