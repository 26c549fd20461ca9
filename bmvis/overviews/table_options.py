"""The options of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from bmvis.options.definitions import BY_NAME, Device, Option, Options
from bmvis.options.parsing import read_options
from bmvis.overviews.columns import COLUMNS
from bmvis.overviews.entries import Entry
from bmvis.overviews.gallery_options import GALLERY_OPTIONS
from bmvis.overviews.order import Sorting, read_sorting
from bmvis.worker.protocol import ModelRequest

CALLED = ("macs", "input")
"""Columns that describe a call of the model."""
DEFAULT_COLUMNS = ("name", "parameters", "size")
"""Columns of a table that names none. Columns of your own follow."""


class TableOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one table. The fields are the rows of `TABLE_OPTIONS`."""

    columns: tuple[str, ...] = ()
    """The columns that the page names. By default, `DEFAULT_COLUMNS` and all columns of your own."""
    sort: Sorting = Sorting()
    group: bool = False
    data: str = ""
    inputs: str = ""
    toctree: str = ""
    name: str = ""
    caption: str = ""
    alt: str = ""
    device: Device = "auto"
    classes: tuple[str, ...] = ()

    @property
    def flow(self) -> Literal[""]:
        """Return the option `flow` for its models: a table has no figures."""
        return ""

    @property
    def needs_call(self) -> bool:
        """Return whether a column describes a call of the model."""
        return bool(set(CALLED) & {*self.columns, self.sort.column})

    def inputs_of(self, entry: Entry) -> str:
        """Return the inputs for one row: those of its line, or those of the table; '' if no column needs a call."""
        return dict(entry.values).get("inputs", self.inputs) if self.needs_call else ""

    def request(self, entry: Entry) -> ModelRequest:
        """Return what to build for one row."""
        return ModelRequest(entry.reference, self.device, inputs=self.inputs_of(entry))


_GALLERY = {option.name: option for option in GALLERY_OPTIONS}
TABLE_OPTIONS: tuple[Option, ...] = (
    replace(
        _GALLERY["columns"],
        help=f"Columns, from left to right: {', '.join(COLUMNS)}, or columns of your own. The default is "
        f"{', '.join(DEFAULT_COLUMNS)}, and all columns of your own.",
    ),
    Option(
        "sort",
        "given, or a column, optionally followed by ascending or descending",
        read_sorting,
        "Order of the rows. By default, numbers are sorted largest first, and text alphabetically.",
    ),
    replace(_GALLERY["group"], help="Group the rows by the first tag of each line."),
    _GALLERY["data"],
    replace(
        BY_NAME["inputs"],
        help="Inputs of the call that the columns `macs` and `input` describe. A line's `inputs=…` has priority.",
    ),
    replace(_GALLERY["toctree"], help="Create a page for each model in this folder, and link the rows to these pages."),
    replace(BY_NAME["name"], help="Name of the table on the page: its anchor, and the target of references."),
    replace(BY_NAME["caption"], help="Caption of the table."),
    replace(BY_NAME["alt"], help="Accessible name for screen readers. The default is the caption."),
    replace(BY_NAME["device"], help=f"{BY_NAME['device'].help} Applies to all models of the table."),
    BY_NAME["class"],
)
_BY_NAME: Mapping[str, Option] = {option.name: option for option in TABLE_OPTIONS}


def parse_table_options(written: Mapping[str, str | None], defaults: Options | None = None) -> TableOptions:
    """Parse the options of a table as written on a page.

    Args:
        written: option names with their text.
        defaults: the default options for the trees of a site. Their `device` also applies to the table.

    Raises:
        OptionError: an option is unknown, or its value is invalid.
    """
    found = read_options(written, _BY_NAME, "table option")
    return msgspec.convert({"device": defaults.device if defaults else "auto"} | found, TableOptions)
