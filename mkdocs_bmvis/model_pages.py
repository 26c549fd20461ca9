"""Create the text of the model pages of galleries, without files of a host."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from typing import NamedTuple

from bmvis.errors import OptionError
from bmvis.options.definitions import Options
from bmvis.overviews.gallery import (
    Entry,
    GalleryOptions,
    expand,
    page_names,
)
from bmvis.overviews.table_options import TableOptions
from mkdocs_bmvis.element import GALLERY, TABLE, Element, read_element
from mkdocs_bmvis.gallery import finder, gallery_key, read_gallery
from mkdocs_bmvis.page import GalleryKey, element_starts
from mkdocs_bmvis.sources import Models
from mkdocs_bmvis.table import read_table

READERS: Mapping[str, Callable[[Element, Options], tuple[GalleryOptions | TableOptions, tuple[Entry, ...]]]] = {
    GALLERY: read_gallery,
    TABLE: read_table,
}
"""The elements that make pages for their models."""


class ModelPage(NamedTuple):
    """The page of one model of a gallery."""

    title: str
    reference: str
    uri: str
    """Path of its source, relative to the docs folder."""
    text: str


def model_pages(uri: str, text: str, models: Models, defaults: Options) -> Iterator[tuple[GalleryKey, list[ModelPage]]]:
    """Yield each gallery with `toctree` in the text of a page, and its pages. Errors are reported when it is drawn."""
    for start in element_starts(text):
        element = read_element(text[start:])
        if element.name not in READERS:
            continue
        try:
            options, entries = READERS[element.name](element, defaults)
        except OptionError:
            continue
        if options.toctree:
            yield gallery_key(options, entries), list(_pages(uri, options, entries, models, defaults))


def _pages(
    uri: str, options: GalleryOptions | TableOptions, entries: Iterable[Entry], models: Models, defaults: Options
) -> Iterator[ModelPage]:
    folder = posixpath.normpath(posixpath.join(posixpath.dirname(uri), options.toctree))
    found = [entry for entry in expand(tuple(entries), finder(models, set())) if isinstance(entry, Entry)]
    names = page_names(found)
    for entry in found:
        yield ModelPage(
            entry.shown, entry.reference, f"{folder}/{names[entry.reference]}.md", _page_text(entry, options, defaults)
        )


def _page_text(entry: Entry, options: GalleryOptions | TableOptions, defaults: Options) -> str:
    title = re.sub(r"([\\`*_{}\[\]<>#&])", r"\\\1", entry.shown)
    device = f' device="{options.device}"' if options.device != defaults.device else ""
    text = f'# {title}\n\n<model-structure factory="{escape(entry.reference)}"{device}></model-structure>\n'
    tags = ", ".join(re.sub(r"([\\`*_{}\[\]<>#&])", r"\\\1", tag) for tag in entry.tags)
    return f"{text}\nTags: {tags}\n" if tags else text
