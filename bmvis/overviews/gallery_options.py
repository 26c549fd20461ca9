"""The options of a gallery."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec
from msgspec.structs import replace

from bmvis.options.definitions import BY_NAME, Device, Option, Options
from bmvis.options.parsing import read_options
from bmvis.options.values import choice
from bmvis.overviews.entries import Entry
from bmvis.overviews.order import Sorting, read_sorting
from bmvis.worker.protocol import ModelRequest

Thumbnail = Literal["map", "flow"]
View = Literal["cards", "table"]


class GalleryOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one gallery. The fields are the rows of `GALLERY_OPTIONS`, in its order."""

    toctree: str = ""
    sort: Sorting = Sorting()
    group: bool = False
    view: View = "cards"
    thumbnail: Thumbnail = "map"
    data: str = ""
    columns: tuple[str, ...] = ()
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


def _folder(text: str) -> str:
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*/?", text):
        raise ValueError
    return text.rstrip("/")


def _columns(text: str) -> tuple[str, ...]:
    names = tuple(name for part in text.split(",") if (name := " ".join(part.split())))
    if not names or len(set(names)) < len(names):
        raise ValueError
    return names


def _data(text: str) -> str:
    if not text.endswith((".csv", ".toml")):
        raise ValueError
    return text


GALLERY_OPTIONS: tuple[Option, ...] = (
    Option(
        "toctree",
        "a folder, relative to that of the page",
        _folder,
        "Create a page for each model in this folder, and link the cards to these pages.",
    ),
    Option(
        "sort",
        "given, name, parameters, size, or a column of your own, optionally followed by ascending or descending",
        read_sorting,
        "Order of the cards. By default, numbers are sorted largest first, and text alphabetically.",
    ),
    replace(BY_NAME["search"], name="group", help="Group the cards by the first tag of each line, with headings."),
    Option(
        "view",
        "cards or table",
        choice(*get_args(View)),
        "What the gallery shows first. Readers can switch between cards and a table. The default is `cards`.",
    ),
    Option(
        "thumbnail",
        "map or flow",
        choice(*get_args(Thumbnail)),
        "Picture on the cards. `map`: where the parameters are. `flow`: the architecture figure, with default inputs "
        "or a line's `inputs=…`. The default is `map`.",
    ),
    Option(
        "data",
        "the path of a .csv or .toml file, relative to the folder of the site's configuration",
        _data,
        "File with columns of your own, for each model by reference, name or title.",
    ),
    Option(
        "columns",
        "names of columns, separated by commas",
        _columns,
        "Columns of your own on the cards, in this order. By default, cards show all of them.",
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
