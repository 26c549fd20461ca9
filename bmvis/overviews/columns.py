"""The columns that bmvis computes, and how each is read from one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from bmvis.model.tree import Model
from bmvis.overviews.entries import Entry
from bmvis.view.page import Page


@dataclass(frozen=True)
class Value:
    """The value of a column for one model, before a unit is chosen for the column."""

    text: str = ""
    number: int | float | None = None
    """The number of a numeric column; an integer in columns that bmvis computes."""
    is_minimum: bool = False
    """Whether the number is a lower bound."""
    href: str = ""
    """The URL that the text links to."""


@dataclass(frozen=True)
class ColumnSource:
    """What a column reads from."""

    entry: Entry
    model: Model
    page: Page
    """The model, laid out."""
    inputs: str
    """The inputs that the model was called with; '' if it was not called."""


@dataclass(frozen=True)
class Column:
    """A column that bmvis computes."""

    heading: str
    help: str
    read: Callable[[ColumnSource], Value]
    unit: Literal["", "count", "bytes"] = ""


def _number(number: int, is_minimum: bool = False) -> Value:
    return Value(f"{number:,}", number, is_minimum)


def _size(source: ColumnSource) -> Value:
    size = source.page.totals.stored_bytes
    return Value(f"{size:,} bytes", size, bool(source.page.uninitialized))


def _parameters(source: ColumnSource) -> Value:
    return _number(source.page.totals.count, bool(source.page.uninitialized))


def _trainable(source: ColumnSource) -> Value:
    return (
        Value() if source.page.is_checkpoint else _number(source.page.totals.trainable, bool(source.page.uninitialized))
    )


def _active(source: ColumnSource) -> Value:
    return _number(source.page.active) if source.page.active else Value()


def _macs(source: ColumnSource) -> Value:
    calls = source.page.call_summary
    return Value() if calls is None else _number(calls.macs[0], bool(calls.uncounted))


def _depth(source: ColumnSource) -> Value:
    return _number(max(module.depth for module in source.model.modules))


def _name(source: ColumnSource) -> Value:
    return Value(source.entry.shown)


COLUMNS: Mapping[str, Column] = {
    "name": Column("Model", "title of the model, with a link to its page or its tree", _name),
    "reference": Column("Reference", "the reference", lambda it: Value(it.entry.reference)),
    "type": Column("Type", "class of the model", lambda it: Value(it.page.type)),
    "parameters": Column("Parameters", "number of parameters; tied ones count once", _parameters, "count"),
    "trainable": Column("Trainable", "number of trainable parameters", _trainable, "count"),
    "delta": Column("Adapter", "number of adapter parameters", lambda it: _number(it.page.totals.delta), "count"),
    "active": Column("Active", "parameters that one token uses in a mixture of experts", _active, "count"),
    "size": Column("Size", "bytes of the parameters", _size, "bytes"),
    "dtype": Column("Data type", "data types of the parameters", lambda it: Value(" + ".join(it.page.dtypes))),
    "macs": Column("MACs", "multiply-accumulates of one call with `inputs`", _macs, "count"),
    "input": Column("Input", "the inputs of this call", lambda it: Value(it.inputs)),
    "depth": Column("Depth", "number of levels of modules below the root", _depth),
    "tags": Column("Tags", "the tags of the line", lambda it: Value(", ".join(it.entry.tags))),
}
"""All columns by name. The reference in the manual is generated from their `help`."""
