"""Read a table of pyproject.toml into a struct, and report wrong keys and values in the words of TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from bmvis.errors import ProjectError, nearest, short_text
from bmvis.options.definitions import BY_NAME
from bmvis.untrusted.log_text import one_line

_Table = TypeVar("_Table", bound=msgspec.Struct)

EXPECTED: Mapping[str, str] = {
    "arguments": "a table of patterns with their arguments as text",
    "columns": "a table of text, numbers, and true or false",
    "device": BY_NAME["device"].takes,
    "exclude": 'a list of patterns, such as ["load_*"]',
    "flow": "true or false",
    "ignore": 'a list of text, such as ["dropout"]',
    "inputs": "text, such as float32[1, 3, 224, 224]",
    "memory": "a whole number of bytes",
    "models": "a table of names with their references",
    "name": "text, such as {factory}",
    "path": 'a list of folders, such as ["src"]',
    "python": "the path of a Python interpreter",
    "recorded": "true or false",
    "reference": "text, such as package.module:factory",
    "snapshots": "the path of a folder",
    "timeout": "a number of seconds",
}
"""What each key of the tables takes."""


def settings_of_table(written: object, kind: type[_Table], where: str, *, hint: str = "") -> _Table:
    """Return a table as a struct.

    Args:
        written: the value that the TOML file has.
        kind: the struct. Its fields are keys of `EXPECTED`.
        where: the table and its file, for errors.
        hint: what to write in place of a value that is no table. The default lists the keys.

    Raises:
        ProjectError: it is no table, a key is unknown or missing, or a value has a wrong type.
    """
    if not isinstance(written, dict):
        raise ProjectError(f"{where}: {_shown(written)} is not a table", hint=hint or f"the keys are {_keys(kind)}")
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for key, value in written.items():
        if key not in fields:
            raise ProjectError(f"{where}: unknown key {one_line(repr(key))}", hint=nearest(key, fields))
        try:
            msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError:
            raise ProjectError(
                f"{where}: invalid value {_shown(value)} for {key!r}", hint=f"expected {EXPECTED[key]}"
            ) from None
    for name, field in fields.items():
        if field.required and name not in written:
            raise ProjectError(f"{where}: the key {name!r} is missing", hint=f"set it to {EXPECTED[name]}")
    try:
        return msgspec.convert(written, kind)
    except msgspec.ValidationError as error:  # of a check of the struct itself, whose text has its hint
        raise ProjectError(f"{where}: {error}") from None


def _shown(value: object) -> str:
    """Return a value in the syntax of TOML, shortened."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return one_line(short_text(text, 60))


def _keys(kind: type[msgspec.Struct]) -> str:
    return ", ".join(kind.__struct_fields__)
