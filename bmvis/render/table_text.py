"""Write a table of models as text, Markdown, reStructuredText, or CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from bmvis.overviews.table import MINIMUM, Cell, Table, TableRow
from bmvis.render.text import printable
from bmvis.untrusted.log_text import one_line

NO_VALUE = "–"
"""The text of a cell without a value."""
_ACTIVE = re.compile(r"[\\`*\[\]|<>&~$]|(?<!\w)_|_(?!\w)|:(?=\w+:)")
_ACTIVE_RST = re.compile(r"[\\`*_|<>:\[\]]")


def error_text(row: TableRow) -> str:
    """Return why the model of a row failed, in one line; '' if it did not."""
    return f"error: {one_line(row.problem)}" if row.error else ""


def to_text(table: Table) -> str:
    """Return the table as aligned columns, with units in the headings. The last line has no newline."""
    headings = [heading.full for heading in table.headings]
    known = [_texts(row) for row in table.rows if not row.error]
    widths = [max(map(len, column)) for column in zip(headings, *known, strict=True)]
    widths[0] = max([widths[0], *(len(row.entry.shown) for row in table.rows if row.error)])
    is_number = [heading.is_number for heading in table.headings]
    lines = [_aligned(headings, widths, is_number), "  ".join("─" * width for width in widths)]
    for title, rows in table.groups:
        lines += ["", title] if title else []
        for row in rows:
            cells = _texts(row)
            failed = f"{row.entry.shown.ljust(widths[0])}  {error_text(row)}"
            lines.append(failed if row.error else _aligned(cells, widths, is_number))
    return "\n".join(printable(line).rstrip() for line in lines)


def _texts(row: TableRow) -> list[str]:
    """Return the cells of a row, with plain spaces that align their points."""
    return [(cell.text or NO_VALUE) + " " * len(cell.gap) for cell in row.cells]


def _aligned(cells: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> str:
    return "  ".join(
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, is_number, strict=True)
    )


def to_markdown(table: Table) -> str:
    """Return the table as GitHub and most other hosts read it. The last line has no newline.

    Columns are padded as Prettier and mdformat do, so that these formatters leave the file unchanged.
    """
    count = len(table.headings)
    rows = [[markdown_text(heading.full) for heading in table.headings]]
    failed = []
    for title, of in table.groups:
        if title:
            rows.append([f"**{markdown_text(title)}**", *[""] * (count - 1)])
        for row in of:
            failed += [len(rows)] * (row.error is not None)
            rows.append(_markdown_cells(row, count))
    known = [cells for index, cells in enumerate(rows) if index not in set(failed)]
    widths = [max(3, *map(cell_len, column)) for column in zip(*known, strict=True)]
    is_number = [heading.is_number for heading in table.headings]
    marks = ["-" * (width - 1) + ":" if right else "-" * width for width, right in zip(widths, is_number, strict=True)]
    return "\n".join(_markdown_row(cells, widths, is_number) for cells in [rows[0], marks, *rows[1:]])


def _markdown_row(cells: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> str:
    padded = []
    for cell, width, right in zip(cells, widths, is_number, strict=True):
        gap = " " * (width - cell_len(cell))
        padded.append(f"{gap}{cell}" if right else f"{cell}{gap}")
    return f"| {' | '.join(padded)} |"


def _markdown_cells(row: TableRow, count: int) -> list[str]:
    if row.error:
        texts = [markdown_text(row.entry.shown), markdown_text(error_text(row))]
        return [*texts, *[""] * (count - 2)] if count > 1 else [": ".join(texts)]
    return [_markdown_cell(cell) for cell in row.cells]


def _markdown_cell(cell: Cell) -> str:
    text = markdown_text(cell.text or NO_VALUE)
    return f"[{text}](<{cell.href.replace('|', '%7C')}>)" if cell.href else text


def markdown_text(text: str) -> str:
    """Return text for which Markdown and HTML have no meaning, also not as an emoji."""
    return _ACTIVE.sub(lambda match: _escapes.get(match[0], f"&#{ord(match[0])};"), one_line(text))


_escapes = {character: f"\\{character}" for character in "\\`*_[]|"}


def to_rst(table: Table) -> str:
    """Return the table as a `list-table` directive. The last line has no newline."""
    count = len(table.headings)
    rows = [[heading.full for heading in table.headings]]
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for title, of in table.groups:
        rows += [[title, *[""] * (count - 1)]] if title else []
        for row in of:
            failed = [row.entry.shown, error_text(row), *[""] * (count - 2)][:count]
            rows.append(failed if row.error else [cell.text or NO_VALUE for cell in row.cells])
    for cells in rows:
        marks = ["   * - ", *["     - "] * (count - 1)]
        lines += [f"{mark}{_rst(cell)}".rstrip() for mark, cell in zip(marks, cells, strict=True)]
    return "\n".join(lines)


def _rst(text: str) -> str:
    return _ACTIVE_RST.sub(r"\\\g<0>", one_line(text))


def to_csv(table: Table) -> str:
    """Return the table as CSV with a row for each model: names of columns, exact numbers, and errors."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    has_errors = any(row.error for row in table.rows)
    writer.writerow([*(heading.name for heading in table.headings), *["error"] * has_errors])
    for row in table.rows:
        writer.writerow([*_csv_cells(row), *[error_text(row).removeprefix("error: ")] * has_errors])
    return written.getvalue().rstrip("\n")


def _csv_cells(row: TableRow) -> Iterator[str]:
    for cell in row.cells:
        minimum = MINIMUM if cell.text.startswith(MINIMUM) else ""
        yield f"{minimum}{cell.number}" if isinstance(cell.number, int) else cell.href or cell.text
