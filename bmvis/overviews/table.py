"""Join the columns of all models to a table: headings with their units, sorted rows, groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from bmvis import humanize
from bmvis.errors import BmvisError, OptionError
from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.overviews.columns import COLUMNS, ColumnSource, Value
from bmvis.overviews.entries import Entry
from bmvis.overviews.order import Sorting, by_first_tag, order_of
from bmvis.overviews.own_columns import Rows, link_in, own_values, require_known
from bmvis.overviews.table_options import CALLED, DEFAULT_COLUMNS, TableOptions
from bmvis.view.layout import layout
from bmvis.view.page import Page

_LAYOUT = Options(depth=1)
_NUMBER = re.compile(
    r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,2})?)\s*%?(?:\s*(?:±|\+/-)\s*[\d.]+\s*%?)?", re.IGNORECASE
)
"""A number, optionally in percent, and with a deviation: `76.1 ± 0.2`."""
MINIMUM = "≥ "
"""Before a number that is a lower bound."""


_DECIMALS = re.compile(r"[-+]?[\d,]*(?:\.(\d*))?")
DIGIT_SPACE, POINT_SPACE = "\u2007", "\u2008"
"""Spaces as wide as a digit, and as a point."""


class Cell(msgspec.Struct, frozen=True):
    """The text of a cell, and the number that it represents."""

    text: str = ""
    exact: str = ""
    """The number in full, where `text` rounds it: `109,482,240`."""
    number: int | float | None = None
    href: str = ""
    """The URL that the text links to."""
    gap: str = ""
    """Spaces as wide as the point and the digits that other numbers of the column have more at their ends."""


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


class RowResult(msgspec.Struct, frozen=True):
    """The result of one line: a model, or an error."""

    entry: Entry
    model: Model | BmvisError
    href: str = ""
    """Where the model's name links to; '' if it has neither a page nor a tree."""


class TableRow(msgspec.Struct, frozen=True):
    """The row of one model."""

    entry: Entry
    cells: tuple[Cell, ...]
    """A cell for each column. If the model failed, only columns of your own have a value."""
    error: BmvisError | None = None
    warnings: tuple[BmvisError, ...] = ()
    """Problems of a model that has a row, such as a failed call. The host reports them."""

    @property
    def problem(self) -> str:
        """Return why the model failed, in one line; '' if it did not. A hint about a traceback is left out."""
        if not self.error:
            return ""
        return " ".join((self.error.message if self.error.detail else str(self.error)).split())


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


def make_table(results: Iterable[RowResult], options: TableOptions, own_columns: Sequence[Rows] = ()) -> Table:
    """Return the table of some models.

    Args:
        results: the models, in the order of the lines.
        options: the table's options.
        own_columns: columns of your own; a later source has priority, and the lines have priority over all.

    Raises:
        OptionError: bmvis doesn't compute a column, and no line or file has it; it describes a call and there are no
            inputs; or a line sets a column that bmvis computes.
    """
    results = list(results)
    _require_inputs(results, options)
    own = [_uncomputed(result.entry, own_columns) for result in results]
    in_files = (columns for rows in own_columns for columns in rows.values())
    require_known((*options.columns, *filter(None, [options.sort.column])), COLUMNS, (*own, *in_files))
    options = _with_columns(options, own)
    pages = [None if isinstance(result.model, BmvisError) else layout(result.model, _LAYOUT) for result in results]
    values = [_values(result, page, values, options) for result, page, values in zip(results, pages, own, strict=True)]
    headings, cells = [], []
    for name in options.columns:
        heading, column = _column(name, [row.get(name, Value()) for row in values])
        headings.append(heading)
        cells.append(column)
    rows = [
        _row(results[index], pages[index], [column[index] for column in cells])
        for index in _order(values, options.sort)
    ]
    groups = by_first_tag(rows, lambda row: row.entry) if options.group else [("", tuple(rows))]
    return Table(tuple(headings), tuple(groups), options)


def _with_columns(options: TableOptions, own: Iterable[Mapping[str, str]]) -> TableOptions:
    """Return the options with the default columns if the page names none, so that no value of a line is left out."""
    if options.columns:
        return options
    named = dict.fromkeys([*DEFAULT_COLUMNS, *(name for columns in own for name in columns)])
    return msgspec.structs.replace(options, columns=tuple(named))


def _require_inputs(results: Iterable[RowResult], options: TableOptions) -> None:
    if options.needs_call and not any(_inputs(result, options) for result in results):
        name = next(name for name in CALLED if name in (*options.columns, options.sort.column))
        hint = "add inputs, such as float32[1, 3, 224, 224]"
        raise OptionError(f"the column {name!r} requires the option 'inputs'", hint=hint)


def _inputs(result: RowResult, options: TableOptions) -> str:
    """Return the inputs of a model: those of its line or of the table, or those that pyproject.toml sets."""
    recorded = "" if isinstance(result.model, BmvisError) else result.model.inputs
    return options.inputs_of(result.entry) or recorded


def _uncomputed(entry: Entry, own_columns: Sequence[Rows]) -> dict[str, str]:
    """Return the columns of one model that bmvis doesn't compute."""
    for name, _ in entry.values:
        if name in COLUMNS:
            hint = "remove it from the line, or give your column another name"
            raise OptionError(f"bmvis computes the column {name!r} of {entry.shown!r}", hint=hint)
    return {name: text for name, text in own_values(entry, own_columns).items() if name not in COLUMNS}


def _row(result: RowResult, page: Page | None, cells: Sequence[Cell]) -> TableRow:
    error = result.model if isinstance(result.model, BmvisError) else None
    return TableRow(result.entry, tuple(cells), error, page.warnings if page else ())


def _values(result: RowResult, page: Page | None, own: dict[str, str], options: TableOptions) -> dict[str, Value]:
    found = {name: _own_value(text) for name, text in own.items()}
    if page is None or isinstance(result.model, BmvisError):
        return found | {"name": Value(result.entry.shown, href=result.href)}
    inputs = _inputs(result, options) if page.call_summary else ""
    source = ColumnSource(result.entry, result.model, page, inputs)
    wanted = {*options.columns, options.sort.column} & COLUMNS.keys()
    computed = {name: COLUMNS[name].read(source) for name in wanted}
    if "name" in computed:
        computed["name"] = replace(computed["name"], href=result.href)
    return found | computed


def _own_value(text: str) -> Value:
    shown, href = link_in(text)
    if href:
        return Value(shown, href=href)
    number = _NUMBER.fullmatch(text.replace(",", "").replace("\N{MINUS SIGN}", "-").strip())
    return Value(text, float(number[1])) if number else Value(text)


def _order(values: Sequence[dict[str, Value]], sorting: Sorting) -> list[int]:
    """Return the indices of the rows in order; rows without a value are last."""
    if not sorting.column:
        return list(range(len(values)))
    column = [row.get(sorting.column, Value()) for row in values]
    return order_of([(value.text, value.number) for value in column], sorting.direction)


def _is_number(column: Iterable[Value]) -> bool:
    found = [value for value in column if value.text]
    return bool(found) and all(value.number is not None for value in found)


def _column(name: str, values: Sequence[Value]) -> tuple[Heading, list[Cell]]:
    """Return the heading of a column and its cells, with one unit for all of them where that reads well."""
    computed = COLUMNS.get(name)
    is_number = _is_number(values)
    text = computed.heading if computed else name
    if not computed or not computed.unit or not is_number:
        gaps = _gaps([value.text for value in values]) if is_number else [""] * len(values)
        cells = [_cell(value, value.text, gap) for value, gap in zip(values, gaps, strict=True)]
        return Heading(name, text, is_number=is_number), cells
    unit = humanize.common_unit([int(value.number) for value in values if value.number], computed.unit == "bytes")
    cells = [_cell(value, _in_unit(value, unit, computed.unit == "bytes")) for value in values]
    return Heading(name, text, unit.name, is_number=True), cells


def _gaps(texts: Sequence[str]) -> list[str]:
    """Return what aligns the points of numbers; nothing for numbers with a sign after them, such as `%`."""
    found = [_DECIMALS.fullmatch(text) for text in texts if text]
    most = max((len(match[1] or "") for match in found if match), default=0)
    if None in found or not most:
        return [""] * len(texts)
    ends = [text.partition(".")[2] for text in texts]
    return [
        (DIGIT_SPACE * (most - len(end)) if "." in text else POINT_SPACE + DIGIT_SPACE * most) if text else ""
        for text, end in zip(texts, ends, strict=True)
    ]


def _in_unit(value: Value, unit: humanize.Unit, is_size: bool) -> str:
    if value.number is None:
        return ""
    if unit.name:
        return humanize.in_unit(int(value.number), unit)
    return humanize.size(int(value.number)) if is_size else humanize.count(int(value.number))


def _cell(value: Value, text: str, gap: str = "") -> Cell:
    minimum = MINIMUM if value.is_minimum and text else ""
    exact = value.text if text not in (value.text, value.text.removesuffix(" bytes")) else ""
    return Cell(minimum + text, minimum + exact if exact else "", value.number, value.href, gap)
