"""The cards of a gallery: models, laid out, in an order and in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from bmvis.errors import BmvisError, FigureError, OptionError, TraceError, nearest
from bmvis.model.tree import Model
from bmvis.options.definitions import Fold, Options
from bmvis.overviews.entries import Entry
from bmvis.overviews.gallery_options import GalleryOptions, Thumbnail
from bmvis.overviews.order import Sorting, by_first_tag, leading_number, order_of
from bmvis.view.layout import layout
from bmvis.view.page import Page

THUMBNAIL = Options(depth=6)
"""The options to lay out a model for its card."""
THUMBNAIL_BOXES = 10
"""Maximum number of modules and joins of the figure on a card, if the model has a level with so few."""


class Card(msgspec.Struct, frozen=True):
    """One model of a gallery: its page, or the error of its build, which the card shows."""

    entry: Entry
    model: Page | BmvisError
    href: str = ""
    """The URL of the model's own page; '' if it has none."""


def make_card(
    entry: Entry,
    model: Model | BmvisError,
    href: str = "",
    *,
    fold: Fold = "auto",
    thumbnail: Thumbnail = "map",
) -> Card:
    """Lay out a model for its card, folded as in the trees of the site."""
    if isinstance(model, BmvisError):
        return Card(entry, model, href)
    options = msgspec.structs.replace(THUMBNAIL, fold=fold)
    page = layout(model, options)
    if thumbnail == "flow":
        from bmvis.view.figure.choice import drawn_figure  # most galleries have no figures

        options = msgspec.structs.replace(options, flow="auto")
        figure, problems = drawn_figure(model, options, most=THUMBNAIL_BOXES)
        page = msgspec.structs.replace(page, figure=figure, warnings=(*page.warnings, *problems))
    return Card(entry, page, href)


def figure_problems(card: Card) -> tuple[BmvisError, ...]:
    """Return the reasons why a card shows no figure although the gallery selects figures."""
    if isinstance(card.model, BmvisError):
        return ()
    return tuple(problem for problem in card.model.warnings if isinstance(problem, FigureError | TraceError))


_COMPUTED: Mapping[str, Callable[[Page], int]] = {
    "parameters": lambda page: page.totals.count,
    "size": lambda page: page.totals.stored_bytes,
}
"""The columns that bmvis computes and cards can be sorted by, other than their name."""


def arranged(cards: Iterable[Card], options: GalleryOptions) -> list[Card]:
    """Return the cards in the order of a gallery, with the columns that it shows.

    Raises:
        OptionError: no card has the column to sort by, or one to show.
    """
    found = ordered(cards, options.sort)
    if not options.columns:
        return found
    own = own_column_names(found)
    for column in options.columns:
        if found and column not in own:
            raise OptionError(f"no model has the column {column!r}", hint=nearest(column, own))
    return [_with_columns(card, options.columns) for card in found]


def _with_columns(card: Card, columns: Iterable[str]) -> Card:
    known = dict(card.entry.values)
    values = tuple((name, known[name]) for name in (*columns, "inputs") if name in known)
    return msgspec.structs.replace(card, entry=msgspec.structs.replace(card.entry, values=values))


def ordered(cards: Iterable[Card], sorting: Sorting) -> list[Card]:
    """Return the cards in order. Those without a value, such as models that failed, are last.

    Raises:
        OptionError: no card has the column to sort by.
    """
    cards = list(cards)
    if not sorting.column:
        return cards
    values = [_value(card, sorting.column) for card in cards]
    if cards and sorting.column not in ("name", *_COMPUTED) and not any(text for text, _ in values):
        known = dict.fromkeys(["name", *_COMPUTED, *own_column_names(cards)])
        raise OptionError(f"no model has the column {sorting.column!r}", hint=nearest(sorting.column, known))
    return [cards[index] for index in order_of(values, sorting.direction)]


def _value(card: Card, column: str) -> tuple[str, float | None]:
    """Return the value of a column as text, and its number."""
    if column == "name":
        return card.entry.shown, None
    if read := _COMPUTED.get(column):
        return ("", None) if isinstance(card.model, BmvisError) else (column, read(card.model))
    text = dict(card.entry.columns).get(column, "")
    return text, leading_number(text)


def own_column_names(cards: Iterable[Card]) -> tuple[str, ...]:
    """Return the names of the columns that the cards have of their own, in the order in which they occur."""
    return tuple(dict.fromkeys(name for card in cards for name, _ in card.entry.columns))


def grouped(cards: Sequence[Card], options: GalleryOptions) -> list[tuple[str, tuple[Card, ...]]]:
    """Return the cards by group, each with its title; one group without title if they are not grouped."""
    return by_first_tag(cards, lambda card: card.entry) if options.group else [("", tuple(cards))]
