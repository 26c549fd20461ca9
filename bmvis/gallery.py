"""Galleries: many models on one page, a card for each. What both hosts share; `render.gallery` draws the cards.

A gallery is a list of lines, each `reference | title | tag, tag`; title and tags may be left out. A reference with a
star finds several models: `zoo:bert_*` in a module, `bert-*` among the names of `[tool.bmvis.models]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

import msgspec

from bmvis.errors import BmvisError, OptionError, nearest
from bmvis.model.tree import Model
from bmvis.options import BY_NAME, Device, Option, Options
from bmvis.reference import is_pattern
from bmvis.view.layout import layout
from bmvis.view.page import Page

Sort = Literal["given", "name", "parameters"]
ALL_NAMES = "*"
"""What a gallery shows that lists nothing: all models of `[tool.bmvis.models]`."""
THUMBNAIL = Options(depth=6)
"""How a model is laid out for its card."""


class GalleryOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a page asks of one gallery. The fields are the rows of `GALLERY_OPTIONS`, in its order."""

    toctree: str = ""
    sort: Sort = "given"
    name: str = ""
    caption: str = ""
    alt: str = ""
    device: Device = "auto"
    classes: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """One line of a gallery, or one model that it stands for."""

    reference: str
    title: str = ""
    tags: tuple[str, ...] = ()
    location: str = ""
    """Where it is written, as the host writes it before a warning."""

    @property
    def shown(self) -> str:
        """Return the card's title: by default the callable with its arguments, or the name."""
        return self.title or self.reference.partition(":")[2] or self.reference


class Card(msgspec.Struct, frozen=True):
    """One model of a gallery with what came of it."""

    entry: Entry
    model: Page | BmvisError
    href: str = ""
    """The model's own page."""


def _folder(text: str) -> str:
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*/?", text):
        raise ValueError
    return text.rstrip("/")


def _sort(text: str) -> str:
    if text not in get_args(Sort):
        raise ValueError
    return text


GALLERY_OPTIONS: tuple[Option, ...] = (
    Option(
        "toctree",
        "a folder, relative to the page's",
        _folder,
        "Give each model a page of its own in this folder, and the card a link to it.",
    ),
    Option("sort", "given, name or parameters", _sort, "The order of the cards; parameters puts the largest first."),
    replace(BY_NAME["name"], help="The gallery's name on the page: its anchor, and the target of references."),
    replace(BY_NAME["caption"], help="A caption below the cards."),
    replace(
        BY_NAME["alt"], help="What a screen reader calls the gallery; by default its caption, or the number of models."
    ),
    replace(BY_NAME["device"], help=f"{BY_NAME['device'].help} The same for all models."),
    BY_NAME["class"],
)
_BY_NAME: Mapping[str, Option] = {option.name: option for option in GALLERY_OPTIONS}


def parse_gallery_options(written: Mapping[str, str | None], defaults: Options | None = None) -> GalleryOptions:
    """Read the options of a gallery as written on a page.

    Args:
        written: names and texts.
        defaults: a site's own options of trees. Their `device` is the gallery's too, so that a card and a tree agree.

    Raises:
        OptionError: an unknown name, with the nearest known one, or a value the option does not take.
    """
    found: dict[str, object] = {"device": defaults.device} if defaults else {}
    for name, text in written.items():
        option = _BY_NAME.get(name)
        if option is None:
            raise OptionError(f"unknown option {name!r} of a gallery", hint=nearest(name, _BY_NAME))
        try:
            found[option.attribute] = option.read((text or "").strip())
        except ValueError:
            raise OptionError(
                f"option {name!r} does not take {text or ''!r}", hint=f"it takes {option.takes}"
            ) from None
    return msgspec.convert(found, GalleryOptions)


def read_entries(lines: Iterable[tuple[str, str]], location: str = "") -> tuple[Entry, ...]:
    """Read a gallery's lines, each with its location; empty ones, and those that start with `#`, are passed over."""
    entries = tuple(_read_entry(text, location) for text, location in lines if text.strip() and text.strip()[0] != "#")
    return entries or (Entry(ALL_NAMES, location=location),)


def _read_entry(text: str, location: str) -> Entry:
    reference, title, tags, *_ = (*re.split(r"\s\|(?=\s|$)", text.strip(), maxsplit=2), "", "")
    return Entry(
        reference.strip(), title.strip(), tuple(tag.strip() for tag in tags.split(",") if tag.strip()), location
    )


def expand(
    entries: Sequence[Entry], find_all: Callable[[str], Iterable[str]]
) -> Iterator[Entry | tuple[Entry, BmvisError]]:
    """Yield an entry for each model: a pattern becomes what `find_all` says; what fails comes with its error.

    A model that a line before has named is not shown twice.
    """
    seen: set[str] = set()
    for entry in entries:
        try:
            found = find_all(entry.reference) if is_pattern(entry.reference) else [entry.reference]
        except BmvisError as error:
            yield entry, error
            continue
        for reference in found:
            if reference not in seen:
                seen.add(reference)
                title = entry.title if reference == entry.reference else ""
                yield msgspec.structs.replace(entry, reference=reference, title=title)


def make_card(entry: Entry, model: Model | BmvisError, href: str = "") -> Card:
    """Lay out a model for its card."""
    return Card(entry, model if isinstance(model, BmvisError) else layout(model, THUMBNAIL), href)


def ordered(cards: Iterable[Card], sort: Sort) -> list[Card]:
    """Return cards in the order asked for; models that failed come last where sizes count."""
    if sort == "name":
        return sorted(cards, key=lambda card: card.entry.shown.casefold())
    if sort == "parameters":
        return sorted(cards, key=lambda card: -card.model.totals.count if isinstance(card.model, Page) else 1)
    return list(cards)


def page_names(entries: Iterable[Entry]) -> dict[str, str]:
    """Return for each reference the name of its page, without suffix: `zoo.bert` for `zoo:bert`.

    No two are alike, also where a file system ignores case.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for entry in entries:
        stem = re.sub(r"[^\w.]+", "-", entry.reference.replace(":", ".")).strip("-.")[:120] or "model"
        name, number = stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names[entry.reference] = name
    return names
