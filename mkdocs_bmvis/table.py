"""`<model-table>`: draw a table with a row for each of many models."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bmvis.errors import BmvisError
from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.options.markup_names import TABLE
from bmvis.overviews.entries import Entry
from bmvis.overviews.own_columns import Rows, row_problems
from bmvis.overviews.results import build_results
from bmvis.overviews.table import RowResult, make_table
from bmvis.overviews.table_options import TABLE_OPTIONS, TableOptions, parse_table_options
from bmvis.render.html.markup import Markup
from bmvis.render.html.table import to_html_table
from bmvis.source.pyproject import read_project
from bmvis.worker.protocol import ModelRequest
from mkdocs_bmvis.element import Element
from mkdocs_bmvis.html_cache import DependencyRecorder, Report
from mkdocs_bmvis.model_list import PlacedList, finder, gallery_key, own_columns, read_list, report_failure
from mkdocs_bmvis.page import HostPage
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import request_model
from mkdocs_bmvis.table_links import trees_on
from mkdocs_bmvis.watch_list import WatchList


def read_table(element: Element, defaults: Options, location: str = "") -> tuple[TableOptions, tuple[Entry, ...]]:
    """Return the options and the lines of a table.

    Args:
        element: the element.
        defaults: the options of the site.
        location: the location of the element. A location that ends in a line number is that of the first line.

    Raises:
        OptionError: an attribute is unknown, or its value is invalid.
    """
    written, entries = read_list(element, TABLE, TABLE_OPTIONS, location)
    return parse_table_options(written, defaults), entries


class PlacedTable(PlacedList[TableOptions], frozen=True):
    """A table in its place on a page."""

    location: str


def place_table(element: Element, page: HostPage, settings: Settings, report: Report, location: str) -> PlacedTable:
    """Return the table of an element, with a free id.

    Args:
        element: the element.
        page: the page that contains it.
        settings: the settings of the site.
        report: reports that the pages of the models are missing.
        location: the location of the element.

    Raises:
        BmvisError: as from `read_table`, or pyproject.toml is invalid.
    """
    options, entries = read_table(element, settings.options, location)
    here = {reference: f"#{tree}" for reference, tree in trees_on(page.text).items()}
    links = {**page.model_links, **here, **page.links(gallery_key(options, entries), report)}
    links = read_project(Path(settings.cwd)).by_names_and_references(links)
    return PlacedTable(options, entries, links, page.anchor(options.name or "bmvis-table"), location)


def draw_table(
    table: PlacedTable, models: DependencyRecorder, settings: Settings, sources: WatchList, report: Report
) -> Markup:
    """Return the table. A model that fails is reported, and its row shows the error.

    Args:
        table: the table.
        models: the source of models.
        settings: the settings of the site.
        sources: takes what the table depends on.
        report: a function that is called with each problem and its location.
    """
    options = table.options
    own, data = own_columns(options, models, settings, sources)

    def build(entry: Entry, request: ModelRequest) -> Model:
        return request_model(models, request, settings, sources, lambda drift: report(drift, entry.location)).model

    results = [
        msgspec.structs.replace(result, href=table.links.get(result.entry.reference, ""))
        for result in build_results(table.entries, options, finder(models, sources), build)
    ]
    _report_problems(results, data, options, settings, sources, report)
    made = make_table(results, options, (own, data))
    for row in made.rows:
        for warning in row.warnings:
            report(warning, row.entry.location)
    return to_html_table(made, table.anchor, table.location)


def _report_problems(
    results: list[RowResult], data: Rows, options: TableOptions, settings: Settings, sources: WatchList, report: Report
) -> None:
    for result in results:
        if isinstance(result.model, BmvisError):
            report_failure(result.model, result.entry, settings, sources, report)
    for entry, problem in row_problems([result.entry for result in results], data, options.data):
        report(problem, entry.location)
