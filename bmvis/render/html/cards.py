"""Draw a gallery as a list of cards. `bmvis-gallery.js` adds sorting and filtering."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bmvis.errors import NOT_DRAWN, BmvisError
from bmvis.overviews.cards import Card, grouped, own_column_names
from bmvis.overviews.entries import Entry
from bmvis.overviews.gallery_options import GalleryOptions
from bmvis.overviews.own_columns import link_in
from bmvis.render import summary
from bmvis.render.html.figure import figure_thumbnail
from bmvis.render.html.map import to_thumbnail
from bmvis.render.html.markup import Markup, join, prose, spaced, tag
from bmvis.render.table_text import NO_VALUE
from bmvis.view.page import Page


def to_cards(
    cards: Sequence[Card], anchor: str, options: GalleryOptions, location: str = "", *, pictures: bool = True
) -> Markup:
    """Return the gallery as one HTML element.

    Args:
        cards: the cards, in the order to draw them.
        anchor: the id of the element.
        options: the options of the gallery.
        location: the location of the gallery in the sources, for the cards of models that failed.
        pictures: whether the cards have pictures, which are SVG.
    """
    caption_id = f"{anchor}-caption" if options.caption else None
    columns = own_column_names(cards)
    draw = _Cards(columns, _largest(cards), location, pictures)
    as_table = ("bmvis-as-table",) if options.view == "table" else ()
    return tag(
        "div",
        tag("div", _heads(columns), *(draw.group(*group) for group in grouped(cards, options)), class_="bmvis-groups"),
        tag("p", prose(options.caption), class_="bmvis-caption", id=caption_id) if options.caption else None,
        class_=" ".join(("bmvis", "bmvis-gallery", *as_table, *options.classes)),
        id=anchor,
        role="group",
        aria_labelledby=None if options.alt else caption_id,
        aria_label=options.alt or (None if caption_id else f"Gallery of {len(cards)} model{'s' * (len(cards) != 1)}"),
    )


def _heads(columns: Iterable[str]) -> Markup:
    """Return the headings of the table view. Screen readers read the names of columns with each value instead."""
    names = ("", "Model", "Type", "Parameters", *columns, "Tags")
    return tag("p", *spaced(tag("span", name) for name in names), class_="bmvis-heads", aria_hidden="true")


def _largest(cards: Iterable[Card]) -> dict[str, int]:
    found: dict[str, int] = {}
    for card in cards:
        if isinstance(card.model, Page):
            found[card.model.type] = max(found.get(card.model.type, 0), card.model.totals.count)
    return found


class _Cards(NamedTuple):
    """What the cards of a gallery share."""

    columns: tuple[str, ...]
    largest: Mapping[str, int]
    """The number of parameters of the largest model of each type."""
    location: str
    has_pictures: bool

    def group(self, title: str, cards: Sequence[Card]) -> Markup:
        """Return the cards of a group below its heading."""
        head = tag("p", title, class_="bmvis-group-title", role="heading", aria_level=3) if title else None
        return tag("div", head, tag("ul", *map(self.card, cards), class_="bmvis-cards"), class_="bmvis-group")

    def card(self, card: Card) -> Markup:
        """Return one card. Parts that a card lacks are empty, so that the cards of a line and columns are aligned."""
        entry, page = card.entry, card.model
        title = tag("a", entry.shown, href=card.href) if card.href else entry.shown
        head = tag("p", title, class_="bmvis-card-title")
        tags = tag("ul", *(tag("li", name) for name in entry.tags), class_="bmvis-tags") if entry.tags else None
        if isinstance(page, BmvisError):
            problem = _error(page, entry.location or self.location)
            classes = "bmvis-card bmvis-card-error"
            return tag("li", _NO_PICTURE, head, problem, tags, class_=classes, data_reference=entry.reference)
        figure = figure_thumbnail(page.figure) if page.figure else None
        picture = (figure or to_thumbnail(page, self.largest[page.type])) if self.has_pictures else None
        parts = picture or _NO_PICTURE, head, *self._facts(entry, page), tags
        return tag("li", *parts, class_="bmvis-card", data_count=page.totals.count, data_reference=entry.reference)

    def _facts(self, entry: Entry, page: Page) -> list[Markup | None]:
        return [
            tag("p", tag("i", _breakable(page.type)) if page.type else None, class_="bmvis-type"),
            tag("p", *spaced(tag("span", fact) for fact in summary.card_facts(page)), class_="bmvis-facts"),
            self._values(entry),
        ]

    def _values(self, entry: Entry) -> Markup | None:
        """Return the columns of the model itself, such as an accuracy. The script of the gallery sorts by them."""
        known = dict(entry.columns)
        pairs = (_pair(name, known.get(name, "")) for name in self.columns)
        return tag("dl", *spaced(pairs), class_="bmvis-values") if self.columns else None


_NO_PICTURE = tag("span", class_="bmvis-no-picture")


def _pair(name: str, value: str) -> Markup:
    if not value:
        return tag("div", tag("dt", name), " ", tag("dd", NO_VALUE), class_="bmvis-missing")
    text, href = link_in(value)
    shown = tag("a", text, href=href) if href else text
    return tag("div", tag("dt", name), " ", tag("dd", shown, data_column=name))


def _breakable(name: str) -> Markup:
    """Return the name of a type that browsers break between its words: `Bert|For|Masked|LM`, `torch.|nn.|Linear`."""
    words = re.split(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[._])|(?<=[A-Z])(?=[A-Z][a-z])", name)
    return join(*(tag("span", word) for word in words))


def _error(error: BmvisError, location: str) -> Markup:
    texts = [tag("strong", NOT_DRAWN), error.message, error.hint, tag("small", location) if location else ""]
    return tag("div", *(tag("p", text) for text in texts if text))
