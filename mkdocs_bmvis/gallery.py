"""`<model-gallery>`: draw cards for many models."""

from __future__ import annotations

from bmvis.errors import BmvisError
from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.options.markup_names import GALLERY
from bmvis.overviews.cards import arranged, figure_problems, make_card
from bmvis.overviews.entries import Entry, expand
from bmvis.overviews.gallery_options import GALLERY_OPTIONS, GalleryOptions, parse_gallery_options
from bmvis.overviews.own_columns import row_problems, with_own_columns
from bmvis.render.html.cards import to_cards
from bmvis.render.html.markup import Markup
from mkdocs_bmvis.element import Element
from mkdocs_bmvis.html_cache import DependencyRecorder, Report
from mkdocs_bmvis.model_list import PlacedList, finder, gallery_key, own_columns, read_list, report_failure
from mkdocs_bmvis.page import HostPage
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import Models, request_model
from mkdocs_bmvis.watch_list import WatchList


def read_gallery(element: Element, defaults: Options, location: str = "") -> tuple[GalleryOptions, tuple[Entry, ...]]:
    """Return the options of a gallery element, and its entries from the attribute `models`.

    Args:
        element: the element.
        defaults: the options of the site.
        location: the location of the element. A location that ends in a line number is that of the first line.

    Raises:
        OptionError: an attribute is unknown, or its value is invalid.
    """
    written, entries = read_list(element, GALLERY, GALLERY_OPTIONS, location)
    return parse_gallery_options(written, defaults), entries


def place_gallery(
    element: Element, page: HostPage, settings: Settings, report: Report, location: str
) -> PlacedList[GalleryOptions]:
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
    return PlacedList(options, entries, links, page.anchor(options.name or "bmvis-gallery"))


def draw_gallery(
    gallery: PlacedList[GalleryOptions],
    models: DependencyRecorder,
    settings: Settings,
    sources: WatchList,
    report: Report,
) -> Markup:
    """Return the HTML of a gallery. The error of a failed model is reported, and shown on its card.

    Args:
        gallery: the gallery.
        models: the source of models.
        settings: the settings of the site.
        sources: takes what the gallery depends on.
        report: a function that is called with each problem and its location.
    """
    options = gallery.options
    cards = []
    own = own_columns(options, models, settings, sources)
    for found in expand(gallery.entries, finder(models, sources)):
        entry, model = (
            found if isinstance(found, tuple) else (found, _model(found, options, models, settings, sources, report))
        )
        if isinstance(model, BmvisError):
            report_failure(model, entry, settings, sources, report)
        link = gallery.links.get(entry.reference, "")
        entry = with_own_columns(entry, own)
        cards.append(make_card(entry, model, link, fold=settings.options.fold, thumbnail=options.thumbnail))
        for problem in figure_problems(cards[-1]):
            report(problem, entry.location)
    for entry, misnamed in row_problems([card.entry for card in cards], own[-1], options.data):
        report(misnamed, entry.location)
    return to_cards(arranged(cards, options), gallery.anchor, options)


def _model(
    entry: Entry, options: GalleryOptions, models: Models, settings: Settings, sources: WatchList, report: Report
) -> Model | BmvisError:
    try:
        return request_model(models, options.request(entry), settings, sources, report).model
    except BmvisError as error:
        return error
