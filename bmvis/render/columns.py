"""The cells of the option `columns`: facts of a row that every format draws in aligned columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from bmvis.model.call import Output
from bmvis.model.call_summary import ALL_OPERATIONS
from bmvis.options.definitions import ColumnName
from bmvis.render import row_calls, row_counts
from bmvis.view.page import Page, Row
from bmvis.view.ranges import Member

HEADS: Mapping[ColumnName, str] = {
    "input": "input",
    "output": "output",
    "macs": "MACs",
    "bytes": "size",
    "share": "share",
}
SHAPES: frozenset[ColumnName] = frozenset({"input", "output"})
"""The columns with shapes, which are wider than those with numbers."""
NONE = "–"
"""The text of a cell without a value."""
MAX_CELL = 28
"""Maximum number of characters of several shapes in a cell."""


class ColumnFact(msgspec.Struct, frozen=True):
    """One fact of a row."""

    column: ColumnName
    text: str
    detail: str = ""
    """What the text leaves out, for a tooltip."""


def cells(row: Row, page: Page) -> Iterator[ColumnFact]:
    """Yield the cells of a row, one for each of the page's columns."""
    for column in page.columns:
        text, detail = _CELLS[column](row, page)
        yield ColumnFact(column, text or NONE, detail)


def cell_of(member: Member, page: Page, column: ColumnName) -> str:
    """Return the text of a cell of one module of a row of similar ones."""
    calls = member.call_summary
    row = Row(depth=1, label="", names=(), path=member.path, totals=member.totals, module=None, call_summary=calls)
    return _CELLS[column](row, page)[0] or NONE


class ColumnTexts(msgspec.Struct, frozen=True):
    """The texts of a page's columns, for formats with a fixed width."""

    heads: list[str]
    lines: list[list[str]]
    """The texts of each row."""

    @property
    def widths(self) -> list[int]:
        """Return the width of each column in characters."""
        return [max(map(len, column)) for column in zip(self.heads, *self.lines, strict=True)]

    @property
    def aligned(self) -> list[str]:
        """Return the line of the heads, then that of each row, with each text at the right of its column."""
        widths = self.widths
        return [
            "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
            for line in (self.heads, *self.lines)
        ]


def column_texts(page: Page) -> ColumnTexts:
    """Return the texts of the columns that the options select."""
    heads = [HEADS[column] for column in page.columns]
    return ColumnTexts(heads, [[cell.text for cell in cells(row, page)] for row in page.rows])


def _input(row: Row, _page: Page) -> tuple[str, str]:
    return _tensors(row.call_summary.inputs if row.call_summary else ())


def _output(row: Row, _page: Page) -> tuple[str, str]:
    return _tensors(row.call_summary.outputs if row.call_summary else ())


def _tensors(tensors: Sequence[Output]) -> tuple[str, str]:
    """Return the shapes that fit into a cell, and all of them if some do not. The name of a single one is left out."""
    whole = row_calls.tensors_text(tensors)
    if len(tensors) == 1:
        return row_calls.tensors_text([msgspec.structs.replace(tensors[0], name="")]), whole if tensors[0].name else ""
    for shown in range(min(len(tensors), row_calls.MAX_OUTPUTS), 0, -1):
        text = row_calls.tensors_text(tensors, most=shown)
        if len(text) <= MAX_CELL or shown == 1:
            return text, whole if text != whole else ""
    return "", ""


def _macs(row: Row, _page: Page) -> tuple[str, str]:
    calls = row.call_summary
    if calls is None or not calls.is_called:
        return "", ""
    if ALL_OPERATIONS in calls.uncounted:
        return "?", row_calls.macs_text(calls)
    return ("≥" if calls.uncounted else "") + row_calls.macs_range(calls), row_calls.macs_text(calls)


def _bytes(row: Row, _page: Page) -> tuple[str, str]:
    return row_counts.size_text(row) if row.counts[1] else "", ""


def _share(row: Row, page: Page) -> tuple[str, str]:
    return row_counts.share_text(row, page) if row.elements else "", ""


_CELLS: Mapping[ColumnName, Callable[[Row, Page], tuple[str, str]]] = {
    "input": _input,
    "output": _output,
    "macs": _macs,
    "bytes": _bytes,
    "share": _share,
}
