"""Draw a table of models as HTML. `bmvis-table.js` adds sorting by a click on a heading.

The table itself has no class, so that themes style it as any other table of the page.
"""

from __future__ import annotations

from collections.abc import Iterator

from bmvis.overviews.table import Cell, Heading, Table, TableRow
from bmvis.render.html.markup import Markup, join, prose, tag
from bmvis.render.table_text import NO_VALUE


def to_html_table(table: Table, anchor: str, location: str = "") -> Markup:
    """Return the table as one HTML element, which scrolls sideways where the page is narrow.

    Args:
        table: the table.
        anchor: the id of the element.
        location: the location of the table in the sources, for rows of models that failed.
    """
    options = table.options
    caption_id = f"{anchor}-caption" if options.caption else None
    named = options.alt or (None if caption_id else f"Table of {len(table.rows)} models")
    return tag(
        "div",
        tag(
            "table",
            tag("caption", prose(options.caption), id=caption_id) if options.caption else None,
            tag("thead", tag("tr", *map(_heading, table.headings))),
            *(_group(table, title, rows, location) for title, rows in table.groups),
        ),
        class_=" ".join(("bmvis-table", *options.classes)),
        id=anchor,
        role="region",
        tabindex=0,
        aria_labelledby=None if options.alt else caption_id,
        aria_label=named,
    )


def _heading(heading: Heading) -> Markup:
    unit = tag("span", f"({heading.unit})", class_="bmvis-unit") if heading.unit else None
    text = join(heading.text, " ", unit) if unit else heading.text
    return tag("th", text, scope="col", class_="bmvis-number" if heading.is_number else None)


def _group(table: Table, title: str, rows: tuple[TableRow, ...], location: str) -> Markup:
    head = tag("th", title, scope="rowgroup", colspan=len(table.headings))
    return tag(
        "tbody",
        tag("tr", head, class_="bmvis-group") if title else None,
        *(tag("tr", *_cells(row, table.headings, location)) for row in rows),
    )


def _cells(row: TableRow, headings: tuple[Heading, ...], location: str) -> Iterator[Markup]:
    if row.error:
        problem = _problem(row, row.entry.location or location)
        yield tag("th", row.entry.shown, problem if len(headings) == 1 else None, scope="row")
        if len(headings) > 1:
            yield tag("td", tag("div", problem), colspan=len(headings) - 1, class_="bmvis-failed")
        return
    for index, (cell, heading) in enumerate(zip(row.cells, headings, strict=True)):
        is_name = index == 0 and heading.name == "name"
        classes = "bmvis-number" if heading.is_number else None
        yield tag("th" if is_name else "td", _value(cell), scope="row" if is_name else None, class_=classes)


def _problem(row: TableRow, location: str) -> Markup:
    return join(tag("strong", "Not built:"), " ", row.problem, join(" ", tag("small", location)) if location else None)


def _value(cell: Cell) -> Markup:
    text: str = cell.text or NO_VALUE
    if cell.href:
        text = tag("a", text, href=cell.href)
    return value_markup(text, cell)


def value_markup(text: str, cell: Cell) -> Markup:
    """Return the text of a cell, with the exact number for tooltips, screen readers and sorting.

    Args:
        text: the text, or a link.
        cell: the cell.
    """
    number = None if cell.number is None else str(cell.number)
    if not cell.exact:
        return tag("span", text, data_number=number, data_gap=cell.gap or None) if number else join(text)
    return tag("span", text, role="img", title=cell.exact, data_number=number, data_gap=cell.gap or None)
