"""`<model-gallery>`: draw cards for many models."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bmvis.errors import BmvisError
from bmvis.lazy_regex import lazy_regex
from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.options.markup_names import GALLERY
from bmvis.overviews.cards import arranged, figure_problems, make_card
from bmvis.overviews.entries import Entry, expand, read_entries
from bmvis.overviews.gallery_options import GALLERY_OPTIONS, GalleryOptions, parse_gallery_options
from bmvis.overviews.own_columns import Rows, row_problems, with_own_columns
from bmvis.overviews.table_options import TableOptions
from bmvis.render.html.cards import to_cards
from bmvis.render.html.markup import Markup
from bmvis.source.column_sources import column_sources
from bmvis.source.dependencies import file_dependencies
from bmvis.source.pyproject import read_project
from mkdocs_bmvis.drawings import DependencyRecorder, Report
from mkdocs_bmvis.element import Element, attributes_of_list
from mkdocs_bmvis.page import GalleryKey, HostPage
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import Models, likely_files, request_model
from mkdocs_bmvis.watch_list import WatchList

_VALUE = lazy_regex(r"\smodels\s*=\s*[\"']?", re.IGNORECASE)


def read_gallery(element: Element, defaults: Options, location: str = "") -> tuple[GalleryOptions, tuple[Entry, ...]]:
    """Return the options of a gallery element, and its entries from the attribute `models`.

    Args:
        element: the element.
        defaults: the options of the site.
        location: the location of the element. A location that ends in a line number is that of the first line.

    Raises:
        OptionError: an attribute is unknown, or its value is invalid.
    """
    names = [option.name for option in GALLERY_OPTIONS]
    written = attributes_of_list(element, GALLERY, names, "a gallery does not accept the attribute 'factory'")
    entries = listed_entries(element, written.pop("models", "") or "", location)
    return parse_gallery_options(written, defaults), entries


def listed_entries(element: Element, models: str, location: str) -> tuple[Entry, ...]:
    """Return the entries in the attribute `models` of a gallery or a table, each with the location of its line.

    Args:
        element: the element.
        models: the value of the attribute.
        location: the location of the element.
    """
    return read_entries(_lines(element, models, location), location)


def _lines(element: Element, models: str, location: str) -> Iterator[tuple[str, str]]:
    file, _, number = location.removeprefix("line ").rpartition(":")
    written = _VALUE.search(element.raw)
    for index, text in enumerate(models.splitlines()):
        if written and number.isdigit():
            line = int(number) + element.raw.count("\n", 0, written.end()) + index
            yield text, f"{file}:{line}" if file else f"line {line}"
        else:
            yield text, location


class PlacedGallery(NamedTuple):
    """A gallery in its place on a page: all that decides its HTML apart from the models and the settings."""

    options: GalleryOptions
    entries: tuple[Entry, ...]
    links: dict[str, str]
    """The addresses of the model pages, by reference."""
    anchor: str


def place_gallery(element: Element, page: HostPage, settings: Settings, report: Report, location: str) -> PlacedGallery:
    """Return the gallery of an element, with a free id.

    Args:
        element: the element.
        page: the page that contains it.
        settings: the settings of the site.
        report: reports that the pages of the models are missing.
        location: the location of the element.

    Raises:
        OptionError: as from `read_gallery`.
    """
    options, entries = read_gallery(element, settings.options, location)
    links = dict(page.links(gallery_key(options, entries), report))
    return PlacedGallery(options, entries, links, page.anchor(options.name or "bmvis-gallery"))


def draw_gallery(
    gallery: PlacedGallery, models: DependencyRecorder, settings: Settings, sources: WatchList, report: Report
) -> Markup:
    """Return the HTML of a gallery. The error of a failed model is reported, and shown on its card.

    Args:
        gallery: the gallery.
        models: the source of models.
        settings: the settings of the site.
        sources: takes what the gallery depends on.
        report: a function that is called with each problem and its location.
    """
    options, entries, links, anchor = gallery
    cards = []
    own = own_columns(options, models, settings, sources)
    for found in expand(entries, finder(models, sources)):
        entry, model = (
            found if isinstance(found, tuple) else (found, _model(found, options, models, settings, sources, report))
        )
        if isinstance(model, BmvisError):
            sources.add_files(*likely_files(entry.reference, settings))
            report(model, entry.location)
        link = links.get(entry.reference, "")
        entry = with_own_columns(entry, own)
        cards.append(make_card(entry, model, link, fold=settings.options.fold, thumbnail=options.thumbnail))
        for problem in figure_problems(cards[-1]):
            report(problem, entry.location)
    for entry, misnamed in row_problems([card.entry for card in cards], own[-1], options.data):
        report(misnamed, entry.location)
    return to_cards(arranged(cards, options), anchor, options)


def own_columns(
    options: GalleryOptions | TableOptions, models: DependencyRecorder, settings: Settings, sources: WatchList
) -> tuple[Rows, Rows]:
    """Return the columns in pyproject.toml, and those in the data file of a gallery or a table."""
    folder = Path(settings.cwd)
    if options.data:
        models.add(file_dependencies([str(folder / options.data)]))
    return column_sources(read_project(folder), folder, options.data, sources.add_files)


def gallery_key(options: GalleryOptions | TableOptions, entries: Iterable[Entry]) -> GalleryKey:
    """Return the key of a gallery or a table on its page."""
    return options.toctree, tuple(entry.reference for entry in entries)


def finder(models: Models, sources: WatchList) -> Callable[[str], tuple[str, ...]]:
    """Return a function that expands a pattern, and adds what the result depends on to `sources`."""

    def find_all(pattern: str) -> tuple[str, ...]:
        listed = models.find_all(pattern)
        sources.add(listed.dependencies)
        return listed.references

    return find_all


def _model(
    entry: Entry, options: GalleryOptions, models: Models, settings: Settings, sources: WatchList, report: Report
) -> Model | BmvisError:
    try:
        return request_model(models, options.request(entry), settings, sources, report).model
    except BmvisError as error:
        return error
