"""Columns that bmvis can't compute, such as accuracies: from a data file, pyproject.toml, or a line of the table."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bmvis.errors import OptionError, nearest
from bmvis.lazy_regex import lazy_regex
from bmvis.untrusted.log_text import one_line
from bmvis.untrusted.regular_file import read_regular
from bmvis.untrusted.toml_text import parse_toml

if TYPE_CHECKING:
    from bmvis.overviews.entries import Entry  # it imports the views, which settings do not need

MAX_BYTES = 10_000_000
_LINK = lazy_regex(r"(?:\[(?P<text>[^\[\]]+)\]\()?(?P<url>https?://[^\s()<>]+)(?(text)\))")
_NO_VALUE = frozenset(("-", "--", "\N{EN DASH}", "\N{EM DASH}", "n/a"))
"""Texts, in lower case, of a cell that has no value."""
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
        text = read_regular(file, MAX_BYTES).decode("utf-8-sig")
        return _toml_rows(text) if file.suffix == ".toml" else _csv_rows(text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        hint = "the path is relative to the folder of the site's configuration"
        raise OptionError(f"cannot read the data file {shown!r}: {reason}", hint=hint) from None
    except (ValueError, csv.Error) as error:
        raise OptionError(f"the data file {shown!r} is invalid: {error}", hint="fix the file") from None


def _toml_rows(text: str) -> Rows:
    found: dict[str, dict[str, str]] = {}
    for name, columns in parse_toml(text).items():
        if not isinstance(columns, dict):
            raise ValueError(f"{name!r} is not a table; write [{name!r}], then a line for each column")
        found[name] = {column: column_text(value) for column, value in columns.items()}
    return found


def _csv_rows(text: str) -> Rows:
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    headings = [heading.strip() for heading in next(reader, [])]
    if not headings:
        raise ValueError("it is empty")
    found: dict[str, dict[str, str]] = {}
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(headings):
            raise ValueError(f"line {reader.line_num} has {len(cells)} cells, but there are {len(headings)} headings")
        name, *values = (cell.strip() for cell in cells)
        if name in found:
            raise ValueError(f"line {reader.line_num} repeats {name!r}")
        found[name] = dict(zip(headings[1:], values, strict=True))
    return found


def column_text(value: object) -> str:
    """Return a value of a TOML file as the text of a cell."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def own_values(entry: Entry, sources: Sequence[Rows]) -> dict[str, str]:
    """Return the columns of one model.

    Args:
        entry: the model's line. Its own values have priority over all others.
        sources: rows by reference, name or title; a later source has priority.
    """
    found: dict[str, str] = {}
    for rows in sources:
        for key in _keys(entry):
            found |= rows.get(key, {})
    found |= {name: value for name, value in entry.values if name != "inputs"}
    return {name: "" if value.strip().casefold() in _NO_VALUE else value for name, value in found.items()}


def with_own_columns(entry: Entry, sources: Sequence[Rows]) -> Entry:
    """Return the entry of a card with the columns that other sources have."""
    found = own_values(entry, sources)
    return msgspec.structs.replace(entry, values=(*dict(entry.values, **found).items(),))


def _keys(entry: Entry) -> tuple[str, ...]:
    return (entry.written_title or entry.shown, entry.reference.partition("(")[0], entry.reference)


def link_in(text: str) -> tuple[str, str]:
    """Return the text of a value, and the URL if it is a link, as Markdown writes it, or a URL; else ''."""
    if link := _LINK.fullmatch(text):
        return link["text"] or link["url"].partition("://")[2], link["url"]
    return text, ""


def require_known(columns: Iterable[str], computed: Iterable[str], own: Iterable[Mapping[str, str]]) -> None:
    """Check that each column exists.

    Raises:
        OptionError: neither bmvis computes the column, nor does a line or a file have it.
    """
    known = dict.fromkeys([*computed, *(name for values in own for name in values)])
    for name in columns:
        if name not in known:
            raise OptionError(f"the table has no column {name!r}", hint=nearest(name, known))


def row_problems(entries: Sequence[Entry], rows: Rows, file: str) -> Iterator[tuple[Entry, OptionError]]:
    """Yield each model that a data file doesn't have, but under a name that is nearly the same, with an error.

    Other rows without a model are not a mistake: several tables and galleries can share a file.
    """
    for entry, name in _misspelled(entries, rows):
        text = f"{file} has no row for {one_line(repr(entry.shown))}, but one for {one_line(repr(name))}"
        yield entry, OptionError(text, hint="use the same name, or the reference")


def _misspelled(entries: Sequence[Entry], rows: Rows) -> Iterator[tuple[Entry, str]]:
    used = {key for entry in entries for key in _keys(entry)}
    unused = [name for name in rows if name not in used]
    for entry in entries:
        if not any(key in rows for key in _keys(entry)):
            found = next((name for name in unused for key in _keys(entry) if _is_similar(name, key)), "")
            if found:
                yield entry, found


def _is_similar(one: str, other: str) -> bool:
    """Return whether two names are nearly the same. `ResNet-18` and `ResNet-50` are not."""
    one, other = (re.sub(r"[\W_]+", "", name).casefold() for name in (one, other))
    if re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    return SequenceMatcher(None, one, other).ratio() >= 0.85
