"""Join the columns of all models to a table: headings with their units, sorted rows, groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bmvis import humanize
from bmvis.errors import BmvisError
from bmvis.gallery import Entry
from bmvis.model.tree import Model
from bmvis.options import Options
from bmvis.tables.columns import COLUMNS, Source, Value
from bmvis.tables.options import Sorting, TableOptions
from bmvis.tables.own_columns import Rows, own_values, require_known
from bmvis.view.layout import layout

_LAYOUT = Options(depth=1)
MINIMUM = "≥ "
"""Before a number that is a lower bound."""


class Cell(msgspec.Struct, frozen=True):
    """The text of a cell, and the number that it stands for."""

    text: str = ""
    exact: str = ""
    """The number in full, where `text` rounds it: `109,482,240`."""
    number: float | None = None


class Heading(msgspec.Struct, frozen=True):
    """The heading of a column."""

    name: str
    text: str
    unit: str = ""
    is_number: bool = False

    @property
    def full(self) -> str:
        """Return the text with its unit: `Parameters (M)`."""
        return f"{self.text} ({self.unit})" if self.unit else self.text


class Result(msgspec.Struct, frozen=True):
    """What became of one line: a model, or an error."""

    entry: Entry
    model: Model | BmvisError
    href: str = ""
    """Where the model's name links to; '' if it has neither a page nor a tree."""


class TableRow(msgspec.Struct, frozen=True):
    """The row of one model. If it failed, its cells are empty."""

    entry: Entry
    cells: tuple[Cell, ...]
    href: str = ""
    error: BmvisError | None = None


class Table(msgspec.Struct, frozen=True):
    """A table ready to draw."""

    headings: tuple[Heading, ...]
    groups: tuple[tuple[str, tuple[TableRow, ...]], ...]
    """The title of each group with its rows; a single group without title if the rows are not grouped."""
    options: TableOptions

    @property
    def rows(self) -> tuple[TableRow, ...]:
        """Return all rows, in order."""
        return tuple(row for _, rows in self.groups for row in rows)


def make_table(results: Iterable[Result], options: TableOptions, data: Rows | None = None) -> Table:
    """Return the table of some models.

    Args:
        results: the models, in the order of the lines.
        options: the table's options.
        data: the rows of its data file.

    Raises:
        OptionError: a column is neither computed by bmvis, nor in the data file or in any line.
    """
    results = list(results)
    own = [own_values(result.entry, data or {}) for result in results]
    require_known((*options.columns, *filter(None, [options.sort.column])), COLUMNS, own)
    values = [_values(result, values, options) for result, values in zip(results, own, strict=True)]
    order = _order(values, options.sort)
    results, values = [results[index] for index in order], [values[index] for index in order]
    headings, cells = [], []
    for name in options.columns:
        heading, column = _column(name, [row.get(name, Value()) for row in values])
        headings.append(heading)
        cells.append(column)
    rows = [
        TableRow(result.entry, tuple(of), result.href, result.model if isinstance(result.model, BmvisError) else None)
        for result, of in zip(results, zip(*cells, strict=True), strict=True)
    ]
    return Table(tuple(headings), tuple(_groups(rows) if options.group else [("", tuple(rows))]), options)


def _values(result: Result, own: dict[str, str], options: TableOptions) -> dict[str, Value]:
    found = {name: _own_value(text) for name, text in own.items()}
    if isinstance(result.model, BmvisError):
        return found
    inputs = options.inputs_of(result.entry)
    source = Source(result.entry, result.model, layout(result.model, _LAYOUT), inputs)
    wanted = {*options.columns, options.sort.column} & COLUMNS.keys()
    return found | {name: COLUMNS[name].read(source) for name in wanted if name not in own}


def _own_value(text: str) -> Value:
    try:
        return Value(text, float(text.replace(",", "").removesuffix("%")))
    except ValueError:
        return Value(text)


def _order(values: Sequence[dict[str, Value]], sorting: Sorting) -> list[int]:
    """Return the indices of the rows in order; rows without a value are last."""
    column = [row.get(sorting.column, Value()) for row in values]
    order = list(range(len(values)))
    if not sorting.column:
        return order
    is_number = _is_number(column)
    is_descending = sorting.direction == "descending" or (is_number and not sorting.direction)

    def key(index: int) -> tuple[float, str]:
        value = column[index]
        return (value.number or 0.0, "") if is_number else (0.0, value.text.casefold())

    known = [index for index in order if column[index].text]
    return [*sorted(known, key=key, reverse=is_descending), *(index for index in order if not column[index].text)]


def _is_number(column: Iterable[Value]) -> bool:
    found = [value for value in column if value.text]
    return bool(found) and all(value.number is not None for value in found)


def _column(name: str, values: Sequence[Value]) -> tuple[Heading, list[Cell]]:
    """Return the heading of a column and its cells, with one unit for all of them where that reads well."""
    computed = COLUMNS.get(name)
    is_number = _is_number(values)
    text = computed.heading if computed else name
    if not computed or not computed.unit or not is_number:
        return Heading(name, text, is_number=is_number), [_cell(value, value.text) for value in values]
    unit = humanize.common_unit([int(value.number) for value in values if value.number], computed.unit == "bytes")
    cells = [_cell(value, _in_unit(value, unit, computed.unit == "bytes")) for value in values]
    return Heading(name, text, unit, is_number=True), cells


def _in_unit(value: Value, unit: str, is_size: bool) -> str:
    if value.number is None:
        return ""
    if unit:
        return humanize.in_unit(int(value.number), unit)
    return humanize.size(int(value.number)) if is_size else humanize.count(int(value.number))


def _cell(value: Value, text: str) -> Cell:
    minimum = MINIMUM if value.is_minimum and text else ""
    exact = value.text if value.text != text else ""
    return Cell(minimum + text, minimum + exact if exact else "", value.number)


def _groups(rows: Iterable[TableRow]) -> list[tuple[str, tuple[TableRow, ...]]]:
    """Return the rows by their first tag, in the order in which the tags occur; those without a tag are last."""
    found: dict[str, list[TableRow]] = {}
    for row in rows:
        found.setdefault(row.entry.tags[0] if row.entry.tags else "", []).append(row)
    untagged = found.pop("", [])
    groups = [(title, tuple(of)) for title, of in found.items()]
    return [*groups, ("Other" if groups else "", tuple(untagged))] if untagged else groups
