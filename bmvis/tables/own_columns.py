"""Columns that bmvis can't compute, such as accuracies: from a CSV or TOML file, or from a line of the table itself."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from bmvis.errors import OptionError, nearest
from bmvis.gallery import Entry

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_BYTES = 10_000_000
Rows = Mapping[str, Mapping[str, str]]
"""For each model, by reference, name or title, the values of its columns."""


def read_rows(file: Path, shown: str) -> Rows:
    """Return the rows of a data file.

    A CSV file starts with a row of headings; its first column identifies the model. A TOML file has a table for each
    model: `["ResNet-50"]`, then `accuracy = 76.1`.

    Args:
        file: the file.
        shown: its path as the page has it, for errors.

    Raises:
        OptionError: the file can't be read, or its content is invalid.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise OptionError(f"the data file {shown!r} is larger than {MAX_BYTES:,} bytes", hint="use a smaller file")
        text = content.decode("utf-8-sig")
        return _toml_rows(text) if file.suffix == ".toml" else _csv_rows(text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        hint = "the path is relative to the folder of the site's configuration"
        raise OptionError(f"cannot read the data file {shown!r}: {reason}", hint=hint) from None
    except (ValueError, csv.Error) as error:
        raise OptionError(f"the data file {shown!r} is invalid: {error}", hint="fix the file") from None


def _toml_rows(text: str) -> Rows:
    found: dict[str, dict[str, str]] = {}
    for name, columns in tomllib.loads(text).items():
        if not isinstance(columns, dict):
            raise ValueError(f"{name!r} is not a table; write [{name!r}], then a line for each column")
        found[name] = {column: _text(value) for column, value in columns.items()}
    return found


def _csv_rows(text: str) -> Rows:
    lines = list(csv.reader(text.splitlines(), strict=True))
    if not lines:
        raise ValueError("it is empty")
    headings = [heading.strip() for heading in lines[0]]
    found: dict[str, dict[str, str]] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) > len(headings):
            raise ValueError(f"row {number} has {len(line)} cells, but there are {len(headings)} headings")
        name = line[0].strip()
        if name in found:
            raise ValueError(f"row {number} repeats {name!r}")
        found[name] = dict(zip(headings[1:], (cell.strip() for cell in line[1:]), strict=False))
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def own_values(entry: Entry, rows: Rows) -> dict[str, str]:
    """Return the columns of one model: those of the data file, and those of its line, which have priority."""
    keys = (entry.shown, entry.reference.partition("(")[0], entry.reference)
    found: dict[str, str] = {}
    for key in keys:
        found |= rows.get(key, {})
    return found | {name: value for name, value in entry.values if name != "inputs"}


def require_known(columns: Iterable[str], computed: Iterable[str], own: Iterable[Mapping[str, str]]) -> None:
    """Check that each column exists.

    Raises:
        OptionError: neither bmvis computes the column, nor does any model have a value for it.
    """
    known = dict.fromkeys([*computed, *(name for values in own for name in values)])
    for name in columns:
        if name not in known:
            raise OptionError(f"no model of the table has the column {name!r}", hint=nearest(name, known))


def unused_rows(entries: Iterable[Entry], rows: Rows) -> list[str]:
    """Return the rows of the data file that belong to no model of the table, such as those with a typo."""
    used = {key for entry in entries for key in (entry.shown, entry.reference.partition("(")[0], entry.reference)}
    return [name for name in rows if name not in used]
