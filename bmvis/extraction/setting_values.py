"""The text of a setting, and which values are not recorded. No code of a value's class runs.

Not recorded are values that differ between two processes or machines, and values that may be private: absolute paths,
addresses, times, devices, long strings, and strings with names such as `token` or `password`.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import torch

from bmvis.extraction.names import callable_name
from bmvis.untrusted import user_text

MAX_STRING = 80
"""Characters of a string that is recorded."""
MAX_TEXT = 200
"""Characters of a sequence; the text of a longer one is its length and a digest."""
MAX_ITEMS = 4_096
MAX_ENTRIES = 16
"""Entries of a dictionary that is recorded."""
MAX_NESTING = 3
_SECRET = re.compile(r"(?:^|[_.])(?:token|key|secret|password|passwd|credential|auth)s?(?:$|[_.\d])", re.IGNORECASE)
_PLACE = re.compile(r"(?:^|[_.])(?:path|dir|directory|folder|file|filename|url|host|hostname|user)$", re.IGNORECASE)
_VOLATILE = re.compile(
    r"(?:^|[_.])devices?(?:$|[_.])|(?:^|\.)(?:pid|uuid|time|timestamp|start_time|created_at|session_id|run_id)$",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(r"(?:^|[\s=:,;'\"(\[])(?:/[\w.]|~[/\\]|[A-Za-z]:[\\/]|\\\\)")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T_]\d\d:?\d\d")
_LIKE_OTHER = re.compile(
    r"(?:None|True|False|-|nan|[-+]?inf|[-+]?[\d.][\d.eE+-]*|[-+]?0x\w*|.*\.\.\d.*|.* x\d+|.*\)|['(].*|torch\..*|)",
    re.DOTALL,
)
_LARGE = 2**40
"""Integers from here on are sentinels such as `sys.maxsize`, or ids and hashes, which differ between processes."""
_ENDLESS = 10**100
"""Integers from here on are too long to read. Python writes no integer of more than 4300 digits."""
_DAY = 86_400


def entries(name: str, value: Any, nesting: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the settings of one attribute: one, several for a dictionary, none if it is not recorded."""
    if issubclass(type(value), dict):
        items = list(dict.items(value)) if nesting < MAX_NESTING and dict.__len__(value) <= MAX_ENTRIES else []
        for key, item in items:
            if type(key) in (str, int):
                yield from entries(f"{name}.{user_text.safe_text(str(key))}", item, nesting + 1)
        return
    if _VOLATILE.search(name):
        return
    found = text_of(value, name)
    if found is not None:
        yield name, found


def text_of(value: Any, name: str = "", nesting: int = 0) -> str | None:
    """Return the text of a value; None if it is not recorded."""
    kind = type(value)
    if value is None or kind is bool:
        return str(value)
    if issubclass(kind, enum.Enum):
        return _enum(value)
    if issubclass(kind, str):
        return _string(str.__getitem__(value, slice(0, MAX_STRING + 1)), name)
    if issubclass(kind, int | float):
        return _number(value)
    if kind is torch.dtype:
        return str(value)
    if issubclass(kind, tuple | list | set | frozenset):
        return _sequence(value, name, nesting)
    if kind.__module__ == "numpy" and kind.__name__.startswith(("float", "int", "bool")):
        return text_of(value.item(), name, nesting)
    return callable_text(value)


def callable_text(value: Any) -> str | None:
    """Return the name of a function or class with `()`, or with the arguments of a partial function."""
    if type(value) is functools.partial:
        keywords = [f"{name}={text}" for name, item in value.keywords.items() if (text := text_of(item, name))]
        positional = [text for item in value.args if (text := text_of(item))]
        return f"{callable_name(value)}({', '.join([*positional, *keywords])})"
    if issubclass(type(value), FunctionType | BuiltinFunctionType | MethodType | type):
        return f"{callable_name(value)}()"
    return None


def _enum(value: Any) -> str | None:
    name = object.__getattribute__(value, "__dict__").get("_name_")
    return f"{user_text.class_name(type(value))}.{name}" if type(name) is str else None


def _string(value: str, name: str) -> str | None:
    if len(value) > MAX_STRING or _SECRET.search(name) or _PLACE.search(name):
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


def _sequence(value: Any, name: str, nesting: int) -> str | None:
    kind = next(base for base in (tuple, list, set, frozenset) if issubclass(type(value), base))
    if nesting >= MAX_NESTING or kind.__len__(value) > MAX_ITEMS:
        return None
    items = _texts(kind.__iter__(value), name, nesting)
    if items is None:
        return None
    if kind in (set, frozenset):
        items.sort()
    text = f"({', '.join(items)}{',' * (len(items) == 1)})"
    if len(text) <= MAX_TEXT:
        return text
    return f"{len(items)} values #{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


def _texts(items: Iterable[Any], name: str, nesting: int) -> list[str] | None:
    """Return the texts of items; None if one of them is not recorded."""
    found = []
    for item in items:
        text = text_of(item, name, nesting + 1)
        if text is None:
            return None
        found.append(text)
    return found
