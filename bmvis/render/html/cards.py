"""Draw a gallery as a list of cards. `bmvis-gallery.js` adds sorting and filtering."""

from __future__ import annotations

from collections.abc import Sequence

from bmvis.errors import BmvisError
from bmvis.overviews.gallery import Card, Entry, GalleryOptions
from bmvis.render import summary
from bmvis.render.html.figure import figure_thumbnail
from bmvis.render.html.map import to_thumbnail
from bmvis.render.html.markup import Markup, join, prose, spaced, tag


def to_cards(cards: Sequence[Card], anchor: str, options: GalleryOptions, place: str = "") -> Markup:
    """Return the gallery as one HTML element.

    Args:
        cards: the cards, in the order to draw them.
        anchor: the id of the element.
        options: the options of the gallery.
        place: the location of the gallery in the sources, for the cards of models that failed.
    """
    caption_id = f"{anchor}-caption" if options.caption else None
    return tag(
        "div",
        tag("ul", *(_card(card, place) for card in cards), class_="bmvis-cards"),
        tag("p", prose(options.caption), class_="bmvis-caption", id=caption_id) if options.caption else None,
        class_=" ".join(("bmvis", "bmvis-gallery", *options.classes)),
        id=anchor,
        role="group",
        aria_labelledby=None if options.alt else caption_id,
        aria_label=options.alt or (None if caption_id else f"Gallery of {len(cards)} model{'s' * (len(cards) != 1)}"),
    )


def _card(card: Card, place: str) -> Markup:
    entry, page = card.entry, card.model
    title = tag("a", entry.shown, href=card.href) if card.href else entry.shown
    head = tag("p", title, class_="bmvis-card-title")
    tags = tag("ul", *(tag("li", name) for name in entry.tags), class_="bmvis-tags") if entry.tags else None
    if isinstance(page, BmvisError):
        body = join(head, tag("p", tag("strong", summary.NOT_DRAWN)), *_error(page, entry.location or place))
        return tag("li", body, tags, class_="bmvis-card bmvis-card-error", data_reference=entry.reference)
    return tag(
        "li",
        (figure_thumbnail(page.figure) if page.figure else None) or to_thumbnail(page),
        head,
        tag("p", tag("i", page.type)) if page.type else None,
        tag("p", *spaced(tag("span", fact) for fact in summary.card_facts(page)), class_="bmvis-facts"),
        _columns(entry),
        tags,
        class_="bmvis-card",
        data_count=page.totals.count,
        data_reference=entry.reference,
    )


def _columns(entry: Entry) -> Markup | None:
    """Return the columns of the model itself, such as an accuracy. The script of the gallery sorts by them."""
    pairs = (tag("div", tag("dt", name), " ", tag("dd", value, data_column=name)) for name, value in entry.columns)
    return tag("dl", *spaced(pairs), class_="bmvis-values") if entry.columns else None


def _error(error: BmvisError, place: str) -> list[Markup]:
    return [tag("p", text) for text in (error.message, error.hint) if text] + [tag("p", tag("small", place))] * bool(
        place
    )
