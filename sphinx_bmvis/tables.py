"""The `model-table` directive: a row for each of many models. It becomes a table of docutils, for every format."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from bmvis.errors import BmvisError, OptionError
from bmvis.overviews.own_columns import row_problems
from bmvis.overviews.table import DIGIT_SPACE, POINT_SPACE, RowResult, Table, make_table
from bmvis.overviews.table_options import parse_table_options
from sphinx_bmvis.anchors import give_name
from sphinx_bmvis.captions import parse_caption
from sphinx_bmvis.domain import records_of
from sphinx_bmvis.errors import warn
from sphinx_bmvis.link_targets import model_targets
from sphinx_bmvis.model_list import ModelListDirective, model_pages
from sphinx_bmvis.nodes import model_structure, model_table, table_box, table_value
from sphinx_bmvis.table_nodes import TableNodes

_BREAKS = re.compile(r"(?<=[/._])(?=\w)")
"""The places in paths and dotted names at which a line can break."""


class ModelTable(ModelListDirective):
    """Show a row for each model that the content lists, a line each; without content, for all that have a name."""

    def run(self) -> list[nodes.Node]:
        """Return a node for the table, and the table of contents that its models' pages belong to."""
        source, line = self.get_source_info()
        location = f"{source}:{line}"
        try:
            options, entries, own = self.parsed(parse_table_options, location)
        except BmvisError as error:
            warn(error, location)
            return [model_structure(location=location, error=error)]
        key = f"table-{self.env.docname}-{self.env.new_serialno('bmvis-table')}"
        facts = {"location": location, "docname": self.env.docname, "key": key}
        messages: list[nodes.Node] = []
        node = model_table(**facts, entries=entries, options=options, own=own)
        if options.caption:
            title, messages = parse_caption(self, options.caption, nodes.title)
            node += title
        for part in (node, *node.children):
            part.source, part.line = source, line
        if options.name:
            give_name(self.state.document, node, options.name)
        return [node, *messages, *(self.contents(node) if options.toctree else [])]


class FillTables(SphinxPostTransform):
    """Make the tables when a page is about to be written."""

    default_priority = 5  # before references are resolved

    def run(self, **kwargs: Any) -> None:
        """Fill all tables of the page."""
        for node in list(self.document.findall(model_table)):
            try:
                made = self._table(node)
            except OptionError as error:
                warn(error, node["location"])
                node.replace_self(model_structure(location=node["location"], error=error, ids=node["ids"]))
                continue
            for row in made.rows:
                for warning in row.warnings:
                    warn(warning, row.entry.location or node["location"])
            node.replace_self(TableNodes(made, self.env.srcdir, node).all())

    def _table(self, node: model_table) -> Table:
        records = records_of(self.env)
        gallery = records.galleries[node["docname"]][node["key"]]
        answers = [records.answers.get(request.key) for request in gallery.requests(node["key"])]
        targets = model_targets(self.env, node["docname"])
        own_pages = model_pages(self.env, node["docname"], node)
        targets |= {reference: (page, "") for reference, page in own_pages.items()}
        results = [
            RowResult(
                entry,
                answer if isinstance(answer, BmvisError) else answer.model,
                "#".join(targets.get(entry.reference, ())),
            )
            for entry, answer in zip(gallery.entries, answers, strict=True)
        ]
        project, data = node["own"]
        for entry, problem in row_problems(gallery.entries, data, node["options"].data):
            warn(problem, entry.location or node["location"])
        return make_table(results, node["options"], (project, data))


class AlignText(SphinxPostTransform):
    """Align numbers in plain text, which has no alignment of its own."""

    default_priority = 6
    formats = ("text",)

    def run(self, **kwargs: Any) -> None:
        """Pad the numbers of all tables on the page."""
        for box in self.document.findall(table_box):
            widths = [spec["colwidth"] for spec in box.findall(nodes.colspec)]
            for row in box.findall(nodes.row):
                for width, entry in zip(widths, row.children, strict=False):
                    if isinstance(entry, nodes.entry) and "bmvis-number" in entry["classes"]:
                        padded = entry.astext().rjust(width, "\N{NO-BREAK SPACE}")
                        entry.children = [nodes.paragraph(text=padded)]


class SplitCells(SphinxPostTransform):
    """Write cells of several columns as one cell and empty ones, because man pages and Texinfo have no others."""

    default_priority = 6
    formats = ("man", "texinfo")

    def run(self, **kwargs: Any) -> None:
        """Split the cells of all tables on the page."""
        for box in self.document.findall(table_box):
            for row in box.findall(nodes.row):
                for entry in list(row.children):
                    assert isinstance(entry, nodes.entry)
                    row += _empty_cells(entry)


class AlignLatex(SphinxPostTransform):
    """Align cells in LaTeX: numbers at their points, and cells of several columns at the left; let long names break.

    LaTeX aligns cells of several columns as the last of these columns, and breaks no line in `module.name` or `a/path`.
    """

    default_priority = 6
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Give the heading of each group one cell, and align the numbers and the texts of errors."""
        for box in self.document.findall(table_box):
            for row in box.findall(nodes.row):
                if "bmvis-group" in row["classes"]:
                    [head] = row.children
                    assert isinstance(head, nodes.entry)
                    row += _empty_cells(head)
            for entry in box.findall(nodes.entry):
                if "bmvis-number" not in entry["classes"]:
                    _allow_breaks(entry)
                if "bmvis-failed" in entry["classes"]:
                    [paragraph] = entry.children
                    assert isinstance(paragraph, nodes.paragraph)
                    paragraph.insert(0, nodes.raw("", r"\raggedright{}", format="latex"))
            for value in list(box.findall(table_value)):
                if gap := value["cell"].gap:
                    missing = gap.replace(POINT_SPACE, ".").replace(DIGIT_SPACE, "0")
                    value += nodes.raw("", rf"\phantom{{{missing}}}", format="latex")


def _allow_breaks(entry: nodes.entry) -> None:
    """Let LaTeX break lines inside of paths and dotted names: a cell is narrower than many of them."""
    for text in [text for text in entry.findall(nodes.Text) if not isinstance(text.parent, nodes.raw)]:
        first, *others = _BREAKS.split(text)
        broken: list[nodes.Node] = [nodes.Text(first)]
        for part in others:
            broken += [nodes.raw("", r"\bmvisbreak{}", format="latex"), nodes.Text(part)]
        text.parent.replace(text, broken)


def _empty_cells(entry: nodes.entry) -> list[nodes.entry]:
    """Make a cell of several columns one of a single column, and return the empty cells for the others."""
    return [nodes.entry() for _ in range(entry.attributes.pop("morecols", 0))]
