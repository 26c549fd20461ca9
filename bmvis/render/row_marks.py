"""The marks at the end of rows, worded once for every format: renderers add markup only.

Each mark has a `kind`, by which a renderer chooses its markup. Renderers must support every kind:
`tests/bmvis/render/test_every_format.py` checks each in each format. `row_tensors`, `row_calls` and `row_counts` have
the other phrases of rows, `bmvis.render.summary` those about a model as a whole, `bmvis.render.legend` those about
colors and marks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from bmvis import humanize
from bmvis.render.row_calls import calls_text, macs_text, outputs_text
from bmvis.render.row_counts import counts_text, hidden_text, modules_text, range_text
from bmvis.render.row_tensors import change_text
from bmvis.view.page import Row
from bmvis.view.tensor_series import series_text

MarkKind = Literal[
    "similar",
    "change",
    "shared",
    "outputs",
    "calls",
    "hidden",
    "left_out",
    "grouped",
    "tensors",
    "not_common",
    "match",
    "differs",
    "extra_repr",
]


class Mark(msgspec.Struct, frozen=True):
    """A remark at the end of a row, after its name, type and tensors."""

    kind: MarkKind
    text: str
    """The text without markup, such as `same module as encoder`."""
    detail: str = ""
    """The addition in formats without a column of counts: `, 7.1M parameters`."""


def row_marks(row: Row) -> Iterator[Mark]:
    """Yield the marks of a row, in the order of a line of text."""
    module = row.module
    if row.is_similar:
        yield Mark("similar", similar_text(row), counts_text(row))
    if count := series_text(row.parameters, is_exact=row.variation is None):
        yield Mark("tensors", count)
    if row.extra_repr:
        yield Mark("extra_repr", row.extra_repr)
    elif row.groups:
        yield Mark("grouped", row.groups)
    if module and module.change:
        yield Mark("change", change_text(module.change))
    if module and module.shared_with is not None:
        shared_with = row.targets.get(module.shared_with, module.shared_with)
        yield Mark("shared", f"same module as {shared_with or 'the root'}")
    yield from _call_marks(row)
    if row.hidden:
        unchanged = ", unchanged" if row.is_unchanged else ""
        count = f", {range_text(row.counts, humanize.count)} {row.counted}"
        yield Mark("hidden", f"{hidden_text(row)} below{unchanged}", count)
    if row.left_out:
        yield Mark("left_out", f"… {modules_text(row.left_out)} {row.left_out_as}")
    if module and module.common == "other":
        yield Mark("not_common", "not common")
    if row.is_match:
        yield Mark("match", "match")
    if row.differs:
        yield Mark("differs", row.differs)


def similar_text(row: Row) -> str:
    """Return `similar`, with the number of siblings if it differs between the modules above: `similar, 2-5 in each`."""
    least, most = row.variation.siblings if row.variation else (1, 1)
    return "similar" if least == most else f"similar, {least}-{most} in each"


def _call_marks(row: Row) -> Iterator[Mark]:
    """Yield marks for the outputs of modules, and for the number of calls if it is not 1."""
    calls = row.call_summary
    if calls is None:
        return
    if row.shows_outputs:
        yield Mark("outputs", outputs_text(calls), macs_text(calls))
    if calls.calls != (1, 1):
        yield Mark("calls", calls_text(calls))
