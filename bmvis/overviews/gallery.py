"""Galleries: a page with a card for each of many models. Shared by the documentation hosts; internal.

A gallery is a list of lines, each `reference | title | tag, tag | column=value`. All but the reference are optional. A
reference with a wildcard finds several models: `zoo:bert_*` in a module, `bert-*` among the names in
`[tool.bmvis.models]`. `render.html.cards` draws the cards; `bmvis.overviews` makes a table of the same lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

import msgspec

from bmvis.errors import BmvisError, FigureError, OptionError, TraceError
from bmvis.model.tree import Model
from bmvis.options.definitions import BY_NAME, Device, Fold, Option, Options
from bmvis.options.parsing import read_options
from bmvis.reference import is_pattern, parse_pattern, parse_reference
from bmvis.view.figure.choice import drawn_figure
from bmvis.view.layout import layout
from bmvis.view.page import Page
from bmvis.worker.protocol import ModelRequest

Sort = Literal["given", "name", "parameters"]
Thumbnail = Literal["map", "flow"]
ALL_NAMES = "*"
"""The pattern of an empty gallery: all models in `[tool.bmvis.models]`."""
THUMBNAIL = Options(depth=6)
"""The options to lay out a model for its card."""
THUMBNAIL_BOXES = 10
"""Maximum number of modules and joins of the figure on a card, if the model has a level with so few."""


class GalleryOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one gallery. The fields are the rows of `GALLERY_OPTIONS`, in its order."""

    toctree: str = ""
    sort: Sort = "given"
    thumbnail: Thumbnail = "map"
    name: str = ""
    caption: str = ""
    alt: str = ""
    device: Device = "auto"
    classes: tuple[str, ...] = ()

    def inputs_of(self, entry: Entry) -> str:
        """Return the inputs for one line: those of the line if cards show figures, else none."""
        return dict(entry.values).get("inputs", "") if self.thumbnail == "flow" else ""

    @property
    def flow(self) -> Literal["", "auto"]:
        """Return the option `flow` for its models."""
        return "auto" if self.thumbnail == "flow" else ""

    def request(self, entry: Entry) -> ModelRequest:
        """Return what to build for one card."""
        return ModelRequest(entry.reference, self.device, inputs=self.inputs_of(entry), figure=bool(self.flow))


class Entry(msgspec.Struct, frozen=True):
    """One line of a gallery, or one of the models that the pattern on a line matches."""

    reference: str
    title: str = ""
    tags: tuple[str, ...] = ()
    location: str = ""
    """The location of the line in the sources, as the host prints it before a warning."""
    values: tuple[tuple[str, str], ...] = ()
    """Columns of the line itself, with their values: `("accuracy", "76.1")`."""
    written_title: str = ""
    """The title before its translation, by which data files name the model; '' if it is not translated."""

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Return the columns that are facts about the model, with their values."""
        return tuple((name, value) for name, value in self.values if name != "inputs")

    @property
    def shown(self) -> str:
        """Return the title of the card: by default the callable with its arguments, or the model's name."""
        return self.title or self.reference.partition(":")[2] or self.reference


class Card(msgspec.Struct, frozen=True):
    """One model of a gallery, laid out, or the error that occurred."""

    entry: Entry
    model: Page | BmvisError
    href: str = ""
    """The URL of the model's own page; '' if it has none."""


def _folder(text: str) -> str:
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*/?", text):
        raise ValueError
    return text.rstrip("/")


def _sort(text: str) -> str:
    if text not in get_args(Sort):
        raise ValueError
    return text


def _thumbnail(text: str) -> str:
    if text not in get_args(Thumbnail):
        raise ValueError
    return text


GALLERY_OPTIONS: tuple[Option, ...] = (
    Option(
        "toctree",
        "a folder, relative to that of the page",
        _folder,
        "Create a page for each model in this folder, and link the cards to these pages.",
    ),
    Option("sort", "given, name or parameters", _sort, "Order of the cards. `parameters` puts the largest first."),
    Option(
        "thumbnail",
        "map or flow",
        _thumbnail,
        "Picture on the cards. `map`: where the parameters are. `flow`: the architecture figure, with default inputs "
        "or a line's `inputs=…`. The default is `map`.",
    ),
    replace(BY_NAME["name"], help="Name of the gallery on the page: its anchor, and the target of references."),
    replace(BY_NAME["caption"], help="Caption below the cards."),
    replace(
        BY_NAME["alt"],
        help="Accessible name for screen readers. The default is the caption, or the number of models.",
    ),
    replace(BY_NAME["device"], help=f"{BY_NAME['device'].help} Applies to all models of the gallery."),
    BY_NAME["class"],
)
_BY_NAME: Mapping[str, Option] = {option.name: option for option in GALLERY_OPTIONS}


def parse_gallery_options(written: Mapping[str, str | None], defaults: Options | None = None) -> GalleryOptions:
    """Parse the options of a gallery as written on a page.

    Args:
        written: option names with their text.
        defaults: the default options for the trees of a site. Their `device` also applies to the gallery, so that cards
            and trees agree.

    Raises:
        OptionError: an option is unknown, or its value is invalid.
    """
    found = read_options(written, _BY_NAME, "gallery option")
    return msgspec.convert({"device": defaults.device if defaults else "auto"} | found, GalleryOptions)


def read_entries(lines: Iterable[tuple[str, str]], location: str = "") -> tuple[Entry, ...]:
    """Parse the lines of a gallery, each with its location. Empty lines and lines that start with `#` are skipped.

    Raises:
        OptionError: what follows the tags is not `column=value`.
    """
    entries = tuple(_read_entry(text, location) for text, location in lines if text.strip() and text.strip()[0] != "#")
    return entries or (Entry(ALL_NAMES, location=location),)


def _read_entry(text: str, location: str) -> Entry:
    reference, title, tags, *rest = (*re.split(r"\s\|(?=\s|$)", text.strip()), "", "")
    return Entry(
        reference.strip(),
        title.strip(),
        tuple(tag.strip() for tag in tags.split(",") if tag.strip()),
        location,
        tuple(_read_value(part, text) for part in rest if part.strip()),
    )


def _read_value(part: str, line: str) -> tuple[str, str]:
    name, equals, value = (item.strip() for item in part.partition("="))
    if not name or not equals:
        hint = "write reference | title | tag, tag | column=value"
        raise OptionError(f"{part.strip()!r} in the line {line.strip()!r} is not column=value", hint=hint)
    return name, value


def expand(
    entries: Sequence[Entry], find_all: Callable[[str], Iterable[str]]
) -> Iterator[Entry | tuple[Entry, BmvisError]]:
    """Yield an entry for each model, without duplicates.

    Args:
        entries: the lines of the gallery.
        find_all: returns the references of all models that a pattern matches.

    Yields:
        An entry for each distinct reference with its inputs, or a pattern's entry with the error that `find_all`
        raised.
    """
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        try:
            found = find_all(entry.reference) if is_pattern(entry.reference) else [entry.reference]
        except BmvisError as error:
            yield entry, error
            continue
        for reference in found:
            if (key := (reference, dict(entry.values).get("inputs", ""))) not in seen:
                seen.add(key)
                title = entry.title if reference == entry.reference else _title_of(reference, entry.reference)
                yield msgspec.structs.replace(entry, reference=reference, title=title)


def _title_of(reference: str, pattern: str) -> str:
    """Return the title of a model that a pattern finds, without what all its models have; '' for the default one.

    Examples:
        >>> _title_of("zoo:MODELS['small net']", "zoo:MODELS[*]")
        'small net'
        >>> _title_of("zoo:build('resnet18', weights=None)", "zoo:build(*names(), weights=None)")
        'resnet18'
        >>> _title_of("zoo:bert(weights=None)", "zoo:*(weights=None)")
        'bert'
    """
    if ":" not in pattern:
        return ""
    found, wanted = parse_reference(reference), parse_pattern(pattern)
    if wanted.each is None:
        return found.attribute if wanted.called else ""
    return str(found.arguments[0] if wanted.each else found.key)


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
        options = msgspec.structs.replace(options, flow="auto")
        figure, problems = drawn_figure(model, options, most=THUMBNAIL_BOXES)
        page = msgspec.structs.replace(page, figure=figure, warnings=(*page.warnings, *problems))
    return Card(entry, page, href)


def figure_problems(card: Card) -> tuple[BmvisError, ...]:
    """Return the reasons why a card shows no figure although the gallery selects figures."""
    if isinstance(card.model, BmvisError):
        return ()
    return tuple(problem for problem in card.model.warnings if isinstance(problem, FigureError | TraceError))


def ordered(cards: Iterable[Card], sort: Sort) -> list[Card]:
    """Return the cards in the given order. When sorted by parameters, models that failed are last."""
    if sort == "name":
        return sorted(cards, key=lambda card: card.entry.shown.casefold())
    if sort == "parameters":
        return sorted(cards, key=lambda card: -card.model.totals.count if isinstance(card.model, Page) else 1)
    return list(cards)


def page_names(entries: Iterable[Entry]) -> dict[str, str]:
    """Return the name of the page for each reference, without suffix.

    It is made from the reference, `zoo.bert` for `zoo:bert`; if that has arguments, from the title, if there is one:
    `bert-base-with-lora`. Titles can be translated, so that other pages would have another URL in each language. The
    names are unique, also on file systems that ignore case.
    """
    names: dict[str, str] = {}
    taken = {"index", "readme"}  # the page of a folder
    for entry in entries:
        has_arguments = "(" in entry.reference
        text = (entry.title.lower() if has_arguments else "") or entry.reference.replace(":", ".")
        stem = re.sub(r"[^\w.]+", "-", text).strip("-.")[:120] or "model"
        name, number = stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names[entry.reference] = name
    return names
