"""Write a table of models as docutils' own nodes, which every format draws."""

from __future__ import annotations

import os
from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes

from bmvis.overviews.table import Cell, Heading, Table, TableRow
from bmvis.render.table_text import NO_VALUE
from sphinx_bmvis.errors import shown_location
from sphinx_bmvis.nodes import model_table, table_box, table_value
from sphinx_bmvis.roles import DOMAIN, TABLE_LINK
from sphinx_bmvis.table_columns import BookColumn, Fit, fit


class TableNodes:
    """The nodes of one table.

    Args:
        table: the table.
        srcdir: the folder of the documents, to show locations.
        written: the node of the directive, with its title and ids.
    """

    def __init__(self, table: Table, srcdir: str | os.PathLike[str], written: model_table) -> None:
        self._table = table
        self._srcdir = srcdir
        self._written = written
        self._widths = [
            max(len(heading.full), *(len(row.cells[index].text) for row in table.rows))
            for index, heading in enumerate(table.headings)
        ]

    def all(self) -> list[nodes.Element]:
        """Return what replaces the node of the directive."""
        options, written = self._table.options, self._written
        table = nodes.table(ids=written["ids"], names=written["names"], classes=list(options.classes))
        titles = list(written.findall(nodes.title))
        table += [*titles, self._body()]
        for part in (table, *titles):
            part.source, part.line = written.source, written.line
        label = options.alt or " ".join(title.astext() for title in titles)
        box = table_box("", table, label=label or f"Table of {len(self._table.rows)} models")
        fitted = self._fit(can_turn=isinstance(written.parent, nodes.section | nodes.document))
        before, after = _latex_around(fitted)
        return [*before, self._column_spec(fitted), box, *after]

    def _body(self) -> nodes.tgroup:
        headings = self._table.headings
        group = nodes.tgroup(cols=len(headings))
        for heading, width in zip(headings, self._widths, strict=True):
            group += nodes.colspec(colwidth=width, stub=int(heading is headings[0] and heading.name == "name"))
        group += nodes.thead("", nodes.row("", *map(self._heading, headings)))
        group += nodes.tbody("", *self._rows())
        return group

    def _heading(self, heading: Heading) -> nodes.entry:
        unit = [nodes.Text(" "), nodes.inline(text=f"({heading.unit})", classes=["bmvis-unit"])] if heading.unit else []
        return _entry(nodes.Text(heading.text), *unit, is_number=heading.is_number)

    def _rows(self) -> Iterator[nodes.row]:
        for title, rows in self._table.groups:
            if title:
                head = self._wide(len(self._table.headings), nodes.strong(text=title))
                yield nodes.row("", head, classes=["bmvis-group"])
            for row in rows:
                yield nodes.row("", *(self._failed(row) if row.error else self._cells(row)))

    def _cells(self, row: TableRow) -> Iterator[nodes.entry]:
        for cell, heading in zip(row.cells, self._table.headings, strict=True):
            yield _entry(self._value(cell.text or NO_VALUE, cell, heading), is_number=heading.is_number)

    def _value(self, text: str, cell: Cell, heading: Heading) -> nodes.Node:
        if cell.number is not None:
            return table_value("", text, cell=cell)
        if not cell.href:
            return nodes.Text(text)
        if heading.name != "name":
            return nodes.reference("", text, refuri=cell.href, internal=False)
        target = {"refdomain": DOMAIN, "reftype": TABLE_LINK, "reftarget": cell.href, "refexplicit": True}
        return addnodes.pending_xref("", nodes.inline(text=text), refdoc=self._written["docname"], **target)

    def _failed(self, row: TableRow) -> list[nodes.entry]:
        where = shown_location(row.entry.location, self._srcdir) if row.entry.location else ""
        name = nodes.Text(row.entry.shown)
        problem = [nodes.strong(text="Not built:"), nodes.Text(f" {row.problem}" + (f" ({where})" if where else ""))]
        count = len(self._table.headings)
        if count == 1:
            return [_entry(name, nodes.Text(" "), *problem)]
        wide = self._wide(count - 1, *problem)
        wide["classes"].append("bmvis-failed")
        return [_entry(name), wide]

    def _wide(self, columns: int, *content: nodes.Node) -> nodes.entry:
        entry = _entry(*content)
        if columns > 1:
            entry["morecols"] = columns - 1
        return entry

    def _fit(self, *, can_turn: bool) -> Fit:
        """Return how the table fits into a page of LaTeX."""
        columns = [
            BookColumn(heading.full, [row.cells[index].text for row in self._table.rows], heading.is_number)
            for index, heading in enumerate(self._table.headings)
        ]
        return fit(columns, can_turn=can_turn)

    def _column_spec(self, fitted: Fit) -> addnodes.tabular_col_spec:
        """Return the columns of LaTeX: numbers at the right, and long text in columns that wrap."""
        columns = [
            rf">{{\ragged{'left' if heading.is_number else 'right'}\arraybackslash}}\Y{{{share:.3f}}}"
            for heading, share in zip(self._table.headings, fitted.shares, strict=True)
        ]
        return addnodes.tabular_col_spec(spec="".join(columns))


def _latex_around(fitted: Fit) -> tuple[list[nodes.raw], list[nodes.raw]]:
    """Return what LaTeX gets before and after a table."""
    before, after = [], []
    if fitted.is_turned:
        before, after = [r"\begin{landscape}"], [r"\end{landscape}"]
    if fitted.size:
        before, after = [*before, rf"\begingroup{fitted.size}"], [r"\endgroup", *after]
    return [_latex(text) for text in before], [_latex(text) for text in after]


def _latex(text: str) -> nodes.raw:
    return nodes.raw("", f"{text}\n", format="latex")


def _entry(*content: nodes.Node, is_number: bool = False) -> nodes.entry:
    return nodes.entry("", nodes.paragraph("", "", *content), classes=["bmvis-number"] * is_number)
