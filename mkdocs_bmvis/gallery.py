"""`<model-gallery>`: draw cards for many models."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bmvis.errors import BmvisError, OptionError
from bmvis.gallery import (
    GALLERY_OPTIONS,
    Entry,
    GalleryOptions,
    expand,
    make_card,
    ordered,
    parse_gallery_options,
    read_entries,
)
from bmvis.model.tree import Model
from bmvis.options import Options
from bmvis.render.html.cards import to_cards
from bmvis.render.html.markup import Markup
from bmvis.source.facts import watched
from bmvis.source.recorded import drift_error
from bmvis.worker.protocol import ModelRequest
from mkdocs_bmvis.element import GALLERY, Element, refuse_unknown_attributes
from mkdocs_bmvis.page import GalleryKey, HostPage
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import Models, likely_files

Report = Callable[[BmvisError], object]
"""What a host does with a problem, in addition to the card that shows it."""


def read_gallery(element: Element, defaults: Options) -> tuple[GalleryOptions, tuple[Entry, ...]]:
    """Return what an element asks for, or else the site's `defaults`: `models` has the gallery's lines.

    Raises:
        OptionError: an attribute that is none, or a value that one does not take.
    """
    if element.problem:
        raise element.problem
    written = dict(element.attributes)
    example = f'write <{GALLERY} models="package.module:*" />'
    if "factory" in written:
        raise OptionError("a gallery has no factory", hint=example)
    refuse_unknown_attributes(written, ["models", *(option.name for option in GALLERY_OPTIONS)], example)
    lines = (written.pop("models", "") or "").splitlines()
    return parse_gallery_options(written, defaults), read_entries((line, "") for line in lines)


def draw_gallery(
    element: Element, page: HostPage, models: Models, settings: Settings, sources: set[str], report: Report
) -> Markup:
    """Return the gallery; a model that fails is reported, and its card shows the error.

    Args:
        element: the element.
        page: the page that contains it.
        models: where models come from.
        settings: the site's.
        sources: takes the files that the gallery depends on.
        report: takes each problem.
    """
    options, entries = read_gallery(element, settings.options)
    links = page.model_pages.get(gallery_key(options, entries), {})
    anchor = page.anchor(options.name or "gallery")
    page.anchors.add(anchor)
    if options.name:
        page.targets[options.name] = anchor
    cards = []
    for found in expand(entries, finder(models, sources)):
        entry, model = found if isinstance(found, tuple) else (found, _model(found, options, models, sources, report))
        if isinstance(model, BmvisError):
            sources.update(likely_files(entry.reference, settings))
            report(model)
        cards.append(make_card(entry, model, links.get(entry.reference, ""), fold=settings.options.fold))
    return to_cards(ordered(cards, options.sort), anchor, options)


def gallery_key(options: GalleryOptions, entries: Iterable[Entry]) -> GalleryKey:
    """Return which gallery of its page it is."""
    return options.toctree, tuple(entry.reference for entry in entries)


def finder(models: Models, sources: set[str]) -> Callable[[str], tuple[str, ...]]:
    """Return what looks up a pattern and notes the files that the answer depends on."""

    def find_all(pattern: str) -> tuple[str, ...]:
        listed = models.find_all(pattern)
        sources.update(watched(listed.facts))
        return listed.references

    return find_all


def _model(
    entry: Entry, options: GalleryOptions, models: Models, sources: set[str], report: Report
) -> Model | BmvisError:
    try:
        built = models.answer(ModelRequest(entry.reference, options.device))
    except BmvisError as error:
        return error
    sources.update(watched(built.facts))
    if drift := drift_error(entry.reference, built):
        report(drift)
    return built.model
