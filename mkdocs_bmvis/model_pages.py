"""Create the text of the model pages of galleries, without files of a host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from typing import NamedTuple

from bmvis.errors import OptionError
from bmvis.options.definitions import Options
from bmvis.options.markup_names import GALLERY, TABLE
from bmvis.overviews import pages
from bmvis.overviews.entries import Entry
from bmvis.overviews.gallery_options import GalleryOptions
from bmvis.overviews.table_options import TableOptions
from mkdocs_bmvis.element import Element, read_element
from mkdocs_bmvis.gallery import read_gallery
from mkdocs_bmvis.model_list import finder, gallery_key
from mkdocs_bmvis.page import GalleryKey
from mkdocs_bmvis.positions import element_starts
from mkdocs_bmvis.sources import Models
from mkdocs_bmvis.table import read_table
from mkdocs_bmvis.watch_list import WatchList

READERS: Mapping[str, Callable[[Element, Options], tuple[GalleryOptions | TableOptions, tuple[Entry, ...]]]] = {
    GALLERY: read_gallery,
    TABLE: read_table,
}
"""The elements that make pages for their models."""


_COMMA = '<span class="bmvis-comma">,</span> '


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
            device = f' device="{options.device}"' if options.device != defaults.device else ""
            found = pages.model_pages(uri, options.toctree, entries, finder(models, WatchList()))
            yield gallery_key(options, entries), [_page(page, device) for page in found.pages]


def _page(page: pages.PlannedPage, device: str) -> ModelPage:
    entry = page.entry
    title, factory = pages.markdown_escaped(entry.shown), escape(entry.reference)
    text = f'# {title}\n\n{_tags(entry.tags)}<model-structure factory="{factory}"{device}></model-structure>\n'
    return ModelPage(entry.shown, entry.reference, f"{page.path}.md", text)


def _tags(tags: Iterable[str]) -> str:
    """Return a line with the tags of a model. The stylesheet makes them look like those of its card."""
    drawn = [f'<span class="bmvis-tag">{pages.markdown_escaped(tag)}</span>' for tag in tags]
    return f"Tags: {_COMMA.join(drawn)}\n\n" if drawn else ""
