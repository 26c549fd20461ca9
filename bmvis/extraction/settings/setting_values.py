"""The text of a setting, and which values are not recorded. No code of a value's class runs.

Not recorded are values that differ between two processes or machines, and values that may be private: absolute paths,
addresses, times, devices, and strings with names such as `token` or `password`.
"""

from __future__ import annotations

import datetime
import enum
import functools
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.settings.callable_names import callable_name, native_name
from bmvis.extraction.settings.callable_values import values_of_call
from bmvis.extraction.settings.class_settings import called_methods, mentioned_names, method_constants, private_names
from bmvis.extraction.settings.config_objects import is_config, values_of
from bmvis.extraction.settings.module_references import NO_REFERENCES, ModuleReferences
from bmvis.extraction.settings.object_parts import Written, parts, unwrapped
from bmvis.extraction.settings.plain_texts import MAX_READ, MAX_STRING, is_volatile, number_text, string_text
from bmvis.extraction.settings.project_code import is_object
from bmvis.extraction.shortened import digest
from bmvis.model.tensor_values import without_values
from bmvis.untrusted import user_text

MAX_TEXT = 200
"""Maximum length of the text of a sequence of numbers or strings, in characters. A longer one is recorded as its length
and a digest."""
MAX_NESTED_TEXT = 1_000
"""Maximum length of the text of an object, and of a sequence of objects or sequences."""
MAX_ITEMS = 65_536
"""Maximum number of items of a sequence or dictionary, including those of nested ones. Of a larger one, only the number
is recorded."""
UNKNOWN = "?"
"""In place of an item of a sequence that is not recorded."""
MAX_FUNCTIONS = 32
"""Maximum number of functions in a value whose constants are read. Others are recorded by their names."""
MAX_LEVELS = 8
"""Maximum depth of sequences and dictionaries in a value."""
_WITH_PARTIAL = frozenset(("torch.ao.quantization.observer", "torch.ao.quantization.fake_quantize"))
"""Where the class is defined that keeps the observer of a `QConfig` with its arguments, in the attribute `p`."""
_SCALARS = (int, float, str, bytes, enum.Enum, type(None))
_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType, type, functools._lru_cache_wrapper)
_REPR_TYPES = frozenset(
    (
        *(complex, range, Fraction, Decimal, datetime.timedelta, type(...)),
        *(torch.dtype, torch.layout, torch.memory_format, torch.qscheme),
    )
)
"""Types whose `repr` is the text of a value."""


class _ReadState:
    """The state while one value is read: how many items, levels and functions are left. A list can contain itself."""

    def __init__(self, references: ModuleReferences = NO_REFERENCES, called: frozenset[str] = frozenset()) -> None:
        self.references = references
        self.called = called
        """The names of methods whose constants are recorded if an object has them."""
        self.items_left = MAX_ITEMS
        self.levels_left = MAX_LEVELS
        self.functions_left = MAX_FUNCTIONS
        self.outer: list[Any] = []
        """The objects whose attributes are read."""
        self.is_in_function = False
        """Whether a value inside a function is read."""


def _key(key: Any, state: _ReadState) -> str | None:
    """Return the text of a key of a dictionary; None if it is not recorded."""
    return user_text.safe_text(str.__str__(key)) if type(key) is str else _text(key, "", state)


def text_of(
    value: Any, name: str = "", references: ModuleReferences = NO_REFERENCES, called: frozenset[str] = frozenset()
) -> str | None:
    """Return the text of a value; None if it is not recorded.

    Args:
        value: the value.
        name: the name of its setting.
        references: the names of the modules of the model.
        called: the names of methods whose constants are recorded if an object has them.
    """
    return _text(value, name, _ReadState(references, called))


def key_text(key: Any) -> str | None:
    """Return the text of a key of a dictionary; None if it is not recorded."""
    return _key(key, _ReadState())


def _text(value: Any, name: str, state: _ReadState) -> str | None:
    kind = type(value)
    if value is None or kind is bool:
        return str(value)
    if issubclass(kind, enum.Enum):
        return _enum(value)
    if issubclass(kind, str):
        return string_text(str.__getitem__(value, slice(0, MAX_READ)), name)
    if issubclass(kind, int | float):
        return number_text(value)
    if kind in _REPR_TYPES:
        return repr(value)
    if kind is bytes:
        return repr(value) if len(value) <= MAX_STRING else f"{len(value)} values {digest(repr(value))}"
    if issubclass(kind, tuple | list | set | frozenset | dict):
        return _collection(value, name, state)
    if is_config(kind):  # in a sequence or dictionary
        return _collection(values_of(value), name, state)
    if kind is slice:
        parts = [_text(part, name, state) for part in (value.start, value.stop, value.step)]
        return f"slice({', '.join(map(str, parts))})"
    if issubclass(kind, nn.Module):  # in a list, where PyTorch does not see it
        return state.references.name(value) or f"{callable_name(kind)}()"
    plain = unwrapped(value)
    return _text(plain, name, state) if plain is not value else _callable(value, state) or _object(value, name, state)


def callable_text(value: Any) -> str | None:
    """Return the name of a function or class with `()`, or with the values that it depends on.

    Those are the arguments of a partial function, the constants of a function of the project, and the public attributes
    of an object of the project that is called, or whose method is called.
    """
    return _callable(value, _ReadState())


def _callable(value: Any, state: _ReadState) -> str | None:
    if type(value) is functools.partial:
        return _partial(value, state)
    if introspection.class_module(type(value)) in _WITH_PARTIAL:
        inner = introspection.attribute(value, "p")
        return _partial(inner, state) if type(inner) is functools.partial else None
    values = values_of_call(value)
    if values is None and not issubclass(type(value), _FUNCTIONS) and not native_name(value):
        return None
    texts = _function_texts(values, state)
    if type(value) is MethodType and (owner := state.references.name(value.__self__)):
        texts = [owner, *texts]
    return f"{callable_name(value)}({', '.join(texts)})"


def _function_texts(values: Iterable[tuple[str, Any]] | None, state: _ReadState) -> list[str]:
    """Return the texts of the values that a function depends on; none inside another function, or if too many are read.

    A function can mention itself.
    """
    if not values or state.is_in_function or state.functions_left <= 0:
        return []
    state.functions_left -= 1
    state.is_in_function = True
    texts = _named_texts(values, state)
    state.is_in_function = False
    return texts


def _partial(value: functools.partial[Any], state: _ReadState) -> str | None:
    if not state.levels_left:
        return None
    state.levels_left -= 1  # its keywords can contain it
    positional = [text for item in value.args if (text := _text(item, "", state))]
    named = _named_texts(value.keywords.items(), state)
    others = _function_texts(_not_given(value), state)
    state.levels_left += 1
    called = state.references.name(value.func) or callable_name(value)
    return f"{called}({', '.join([*positional, *named, *others])})"


def _not_given(partial: functools.partial[Any]) -> list[tuple[str, Any]]:
    """Return the values that a function depends on without the defaults that a partial function replaces."""
    function = partial.func
    names = function.__code__.co_varnames[: len(partial.args)] if type(function) is FunctionType else ()
    return [pair for pair in values_of_call(function) or () if pair[0] not in partial.keywords and pair[0] not in names]


def _named_texts(pairs: Iterable[tuple[str, Any]], state: _ReadState) -> list[str]:
    return [
        f"{name}={text}" for name, item in pairs if not is_volatile(name, item) and (text := _text(item, name, state))
    ]


def _object(value: Any, name: str, state: _ReadState) -> str | None:
    """Return the text of an object that cannot be called, with `?` for contents that are not recorded."""
    called = state.called
    methods = called_methods(type(value), called) if is_object(value) else ()
    found = parts(value, private_names(methods, called))
    if found is None or not state.levels_left:
        return None
    if issubclass(type(value), torch.Tensor):
        found = found._replace(values=(*found.values, *map(Written, state.references.values(value))))
    found = found._replace(named=(*found.named, *method_constants(methods).items()))
    count = len(found.values) + len(found.named)
    if count > state.items_left or any(value is one for one in state.outer):
        return f"{found.name}({UNKNOWN})"
    state.items_left -= count
    state.levels_left -= 1
    state.outer.append(value)
    state.called = called | mentioned_names(methods)
    items = [item if type(item) is Written else _text(item, name, state) or UNKNOWN for item in found.values]
    text = ", ".join([*items, *_named_texts(found.named, state)])
    state.outer.pop()
    state.levels_left += 1
    state.called = called
    return f"{found.name}({_limited(text, f'{count} values', MAX_NESTED_TEXT)})"


def _enum(value: Any) -> str | None:
    """Return `Mode.FAST`; with the value, `Mode.FAST (2)`, if it is one that code can compute with.

    Numbers that only count the members, as those of `enum.auto()`, are no such values, and neither are strings that
    repeat the name.
    """
    slots = object.__getattribute__(value, "__dict__")
    name, inner = slots.get("_name_"), slots.get("_value_")
    if type(name) is not str:
        return None
    text = f"{user_text.class_name(type(value))}.{name}"
    if type(inner) is int:
        is_label = issubclass(type(value), enum.Flag) or inner == _position(value, name)
        return f"{text} ({inner})" if issubclass(type(value), int) or not is_label else text
    if type(inner) is str and _letters(inner) == _letters(name):
        return text  # `RELU = "relu"`
    shown = _text(inner, "", _ReadState()) if type(inner) in (float, tuple, str) else None
    return f"{text} ({shown})" if shown else text


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def _position(member: enum.Enum, name: str) -> int:
    """Return the number that `enum.auto()` gives a member; 0 if it is not among the names of its class."""
    names = vars(type(member)).get("_member_names_")
    return names.index(name) + 1 if isinstance(names, list) and name in names else 0


def _collection(value: Any, name: str, state: _ReadState) -> str | None:
    """Return the text of a sequence or dictionary, or the number of its items and a digest if that is long."""
    kind = next(base for base in (tuple, list, set, frozenset, dict) if issubclass(type(value), base))
    count = kind.__len__(value)
    if count > state.items_left:
        return f"{count} values"
    if not state.levels_left:
        return None
    state.items_left -= count
    state.levels_left -= 1
    text = _dictionary(value, name, state) if kind is dict else _sequence(kind, value, name, state)
    state.levels_left += 1
    items = dict.values(value) if kind is dict else kind.__iter__(value)
    limit = MAX_TEXT if all(issubclass(type(item), _SCALARS) for item in items) else MAX_NESTED_TEXT
    return None if text is None else _limited(text, f"{count} values", limit)


def _limited(text: str, summary: str, limit: int) -> str:
    """Return a text, or a summary with a digest if it is long. Values of tensors are not known on each device."""
    plain = without_values(text)
    return text if len(plain) <= limit else f"{summary} {digest(plain)}"


def _sequence(kind: type, value: Any, name: str, state: _ReadState) -> str | None:
    """Return the text of the items, with `?` for those that are not recorded; None if that is all of them."""
    found = [_text(item, name, state) for item in kind.__iter__(value)]  # type: ignore[attr-defined]  # of four kinds
    items = [UNKNOWN if text is None else text for text in found]
    if found and not any(found):
        return None
    if kind in (set, frozenset):
        items.sort()
    return f"({', '.join(items)}{',' * (len(items) == 1)})"


def _dictionary(value: dict[Any, Any], name: str, state: _ReadState) -> str:
    """Return the text of the entries that are recorded, in an order that does not depend on that of the entries."""
    found = []
    for key, item in dict.items(value):
        shown = _key(key, state)
        full_name = f"{name}.{shown}"
        text = None if shown is None or is_volatile(full_name, item) else _text(item, full_name, state)
        if text is not None:
            found.append(f"{shown}: {text}")
    return f"{{{', '.join(sorted(found))}}}"
