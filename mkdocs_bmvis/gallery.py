"""`<model-gallery>`: cards for many models; and, where a plugin runs, a page for each and its place in the nav."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

from bmvis.errors import BmvisError, OptionError
from bmvis.gallery import (
    GALLERY_OPTIONS,
    Entry,
    GalleryOptions,
    expand,
    make_card,
    ordered,
    page_names,
    parse_gallery_options,
    read_entries,
)
from bmvis.model.tree import Model
from bmvis.render.html.cards import to_cards
from bmvis.render.html.markup import Markup
from bmvis.source.source import drifted
from bmvis.worker.protocol import Asked
from mkdocs_bmvis.element import GALLERY, Element, read_element, refuse_unknown
from mkdocs_bmvis.page import GalleryKey, Page, element_starts
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import Models, likely_files

Report = Callable[[BmvisError], object]
"""What a host does with a problem beside the card that shows it."""


class ModelPage(NamedTuple):
    """A page to be made for a model of a gallery."""

    title: str
    reference: str
    uri: str
    """Its source path among the site's documents."""
    text: str


def read_gallery(element: Element) -> tuple[GalleryOptions, tuple[Entry, ...]]:
    """Return what an element asks for: `models` holds the gallery's lines.

    Raises:
        OptionError: an attribute that is none, or a value that one does not take.
    """
    if element.problem:
        raise element.problem
    written = dict(element.attributes)
    example = f'write <{GALLERY} models="package.module:*" />'
    if "factory" in written:
        raise OptionError("a gallery has no factory", hint=example)
    refuse_unknown(written, ["models", *(option.name for option in GALLERY_OPTIONS)], example)
    lines = (written.pop("models", "") or "").splitlines()
    return parse_gallery_options(written), read_entries((line, "") for line in lines)


def draw_gallery(
    element: Element, page: Page, models: Models, settings: Settings, sources: set[str], report: Report
) -> Markup:
    """Return the gallery; a model that fails is reported, and its card shows the error.

    Args:
        element: the element.
        page: where it stands.
        models: where models come from.
        settings: the site's.
        sources: takes the files that the gallery depends on.
        report: takes each problem.
    """
    options, entries = read_gallery(element)
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
        cards.append(make_card(entry, model, links.get(entry.reference, "")))
    return to_cards(ordered(cards, options.sort), anchor, options)


def gallery_key(options: GalleryOptions, entries: Iterable[Entry]) -> GalleryKey:
    """Return which gallery of its page it is."""
    return options.toctree, tuple(entry.reference for entry in entries)


def finder(models: Models, sources: set[str]) -> Callable[[str], tuple[str, ...]]:
    """Return what looks up a pattern and notes the files that the answer depends on."""

    def find_all(pattern: str) -> tuple[str, ...]:
        listed = models.find_all(pattern)
        sources.update(listed.sources)
        return listed.references

    return find_all


def _model(
    entry: Entry, options: GalleryOptions, models: Models, sources: set[str], report: Report
) -> Model | BmvisError:
    try:
        built = models.answer(Asked(entry.reference, options.device))
    except BmvisError as error:
        return error
    sources.update(built.sources)
    if drift := drifted(entry.reference, built):
        report(drift)
    return built.model


def model_pages(uri: str, text: str, models: Models) -> Iterator[tuple[GalleryKey, list[ModelPage]]]:
    """Yield for each gallery with `toctree` in a page's text the pages to make; mistakes are told when it is drawn."""
    for start in element_starts(text):
        element = read_element(text[start:])
        if element.name != GALLERY:
            continue
        try:
            options, entries = read_gallery(element)
        except OptionError:
            continue
        if options.toctree:
            yield gallery_key(options, entries), list(_pages(uri, options, entries, models))


def _pages(uri: str, options: GalleryOptions, entries: Iterable[Entry], models: Models) -> Iterator[ModelPage]:
    folder = posixpath.normpath(posixpath.join(posixpath.dirname(uri), options.toctree))
    found = [entry for entry in expand(tuple(entries), finder(models, set())) if isinstance(entry, Entry)]
    names = page_names(found)
    for entry in found:
        yield ModelPage(
            entry.shown, entry.reference, f"{folder}/{names[entry.reference]}.md", _page_text(entry, options)
        )


def _page_text(entry: Entry, options: GalleryOptions) -> str:
    title = re.sub(r"([\\`*_{}\[\]<>#&])", r"\\\1", entry.shown)
    device = f' device="{options.device}"' if options.device != "auto" else ""
    text = f'# {title}\n\n<model-structure factory="{escape(entry.reference)}"{device}></model-structure>\n'
    tags = ", ".join(re.sub(r"([\\`*_{}\[\]<>#&])", r"\\\1", tag) for tag in entry.tags)
    return f"{text}\nTags: {tags}\n" if tags else text


def placed(nav: list[Any], uri: str, pages: Iterable[ModelPage]) -> list[Any]:
    """Return a nav with the models' pages below that of their gallery, which becomes a section if it starts none."""
    found: list[Any] = []
    below = [{page.title: page.uri} for page in pages]
    for item in nav:
        title, target = next(iter(item.items())) if isinstance(item, Mapping) and len(item) == 1 else (None, item)
        if isinstance(target, list) and uri in (*target[:1], *_targets(target[:1])):
            found.append({title: [*target, *(page for page in below if page not in target)]})
        elif isinstance(target, list):
            found.append({title: placed(target, uri, pages)})
        elif target == uri:
            found.append({title or _section(uri): [uri, *below]})
        else:
            found.append(item)
    return found


def _targets(items: list[Any]) -> list[Any]:
    return [target for item in items if isinstance(item, Mapping) for target in item.values()]


def _section(uri: str) -> str:
    stem = posixpath.basename(uri).removesuffix(".md")
    name = posixpath.basename(posixpath.dirname(uri)) if stem in ("index", "README") else stem
    return (name or "Models").replace("-", " ").replace("_", " ").capitalize()
