"""Read the settings of one attribute of a module: one, or several for a dictionary or an object."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from bmvis.extraction.settings.callable_names import callable_name
from bmvis.extraction.settings.callable_values import is_called
from bmvis.extraction.settings.class_settings import called_methods, mentioned_names, method_constants, private_names
from bmvis.extraction.settings.config_objects import is_config
from bmvis.extraction.settings.module_references import NO_REFERENCES, ModuleReferences
from bmvis.extraction.settings.object_parts import attributes_of_object, unwrapped
from bmvis.extraction.settings.plain_texts import is_volatile
from bmvis.extraction.settings.setting_values import key_text, text_of

MAX_ENTRIES = 64
"""Maximum number of entries of a dictionary that are settings of their own; a larger one is one setting."""
MAX_NESTING = 3
"""Maximum depth of dictionaries whose entries are settings of their own; a deeper one is one setting."""
_PLAIN = (int, float, str, bytes, list, tuple, set, frozenset, enum.Enum, type(None))


class _Inner(NamedTuple):
    """The values inside a dictionary or an object, which are settings of their own."""

    items: Iterable[tuple[Any, Any]]
    called: frozenset[str]
    """The names of methods that are called of these values if they have them."""


def entries(
    name: str,
    value: Any,
    references: ModuleReferences = NO_REFERENCES,
    called: frozenset[str] = frozenset(),
    outer: tuple[Any, ...] = (),
) -> Iterator[tuple[str, str]]:
    """Yield the settings of one attribute: one, several for a dictionary or an object, none if it is not recorded.

    Args:
        name: the name of the attribute.
        value: its value.
        references: the names of the modules of the model.
        called: the names of methods whose constants are recorded if an object has them.
        outer: the dictionaries and objects that contain the value.
    """
    value = unwrapped(value)
    inner = _inner(value, called) if len(outer) < MAX_NESTING and not any(value is one for one in outer) else None
    if inner is not None:
        if not issubclass(type(value), dict):
            yield name, f"{callable_name(type(value))}()"
        for key, item in inner.items:
            text = key_text(key)
            if text is not None:
                yield from entries(f"{name}.{text}", item, references, inner.called, (*outer, value))
        return
    if is_volatile(name, value):
        return
    found = text_of(value, name, references, called)
    if found is not None:
        yield name, found


def _inner(value: Any, called: frozenset[str]) -> _Inner | None:
    """Return the entries of a dictionary, or the attributes of an object; None for values that are one setting."""
    if issubclass(type(value), dict):
        return _Inner(dict.items(value), called) if dict.__len__(value) <= MAX_ENTRIES else None
    if issubclass(type(value), _PLAIN) or is_config(type(value)) or is_called(type(value)):
        return None
    methods = called_methods(type(value), called)
    found = attributes_of_object(value, private_names(methods, called))
    if found is None:
        return None
    found = [*found, *method_constants(methods).items()]
    return _Inner(found, called | mentioned_names(methods)) if found and len(found) <= MAX_ENTRIES else None
