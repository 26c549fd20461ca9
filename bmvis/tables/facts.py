"""One fact about one model, for a sentence: `109.5M`, `109,482,240`, or `109.5 million`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import msgspec

from bmvis import humanize
from bmvis.errors import OptionError, nearest
from bmvis.gallery import Entry
from bmvis.model.tree import Model
from bmvis.options import BY_NAME, Device, Option, Options
from bmvis.tables.columns import COLUMNS, ColumnSource
from bmvis.tables.options import CALLED
from bmvis.tables.table import MINIMUM
from bmvis.view.layout import layout
from bmvis.worker.protocol import ModelRequest

Style = Literal["short", "exact", "words"]
FACTS = tuple(name for name in COLUMNS if name not in ("name", "reference", "tags"))


class FactOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one fact."""

    of: str = "parameters"
    format: Style = "short"
    inputs: str = ""
    device: Device = "auto"

    def request(self, reference: str) -> ModelRequest:
        """Return what to build."""
        return ModelRequest(reference, self.device, inputs=self.inputs if self.of in CALLED else "")


def _fact(text: str) -> str:
    if text not in FACTS:
        raise ValueError
    return text


def _style(text: str) -> str:
    if text not in get_args(Style):
        raise ValueError
    return text


FACT_OPTIONS: Mapping[str, Option] = {
    "of": Option("of", f"one of {', '.join(FACTS)}", _fact, "The fact."),
    "format": Option("format", ", ".join(get_args(Style)), _style, "How to write a number: 109.5M, 109,482,240, …"),
    "inputs": BY_NAME["inputs"],
    "device": BY_NAME["device"],
}


def fact_text(model: Model, reference: str, options: FactOptions) -> str:
    """Return a fact about a model.

    Raises:
        OptionError: the model has no such number, or it isn't known.
    """
    page = layout(model, Options(depth=1))
    inputs = options.inputs or model.inputs
    if options.of in CALLED and not inputs:
        raise OptionError(f"{options.of!r} requires 'inputs'", hint='add inputs="float32[1, 3, 224, 224]"')
    for warning in page.warnings:
        if options.of in CALLED:
            raise warning
    column = COLUMNS[options.of]
    value = column.read(ColumnSource(Entry(reference), model, page, inputs))
    if not value.text:
        hint = nearest("", (name for name in FACTS if name not in (*CALLED, options.of)))
        raise OptionError(f"{reference!r} has no value of {options.of!r}", hint=hint)
    if not isinstance(value.number, int) or options.format == "exact":
        return value.text
    text = _SHORT[column.unit](value.number) if options.format == "short" else _words(value.number, column.unit)
    return f"{MINIMUM}{text}" if value.is_minimum else text


def _words(number: int, unit: str) -> str:
    return humanize.size(number) if unit == "bytes" else humanize.words(number)


_SHORT: Mapping[str, Callable[[int], str]] = {"": str, "count": humanize.count, "bytes": humanize.size}
