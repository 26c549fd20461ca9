"""Write the attributes that give the script each module of a row of similar modules exactly.

`data-v` of an element has a value for each module: numbers between spaces, or texts in a line each. Their order is that
of the names in `data-k` of the row's label, which has one list for each module of the row above: `0 1|0 1 2`. A row
without `data-k` has the same names in each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bmvis.model.tree import Buffer, Parameter
from bmvis.options.definitions import ColumnName
from bmvis.render import columns, row_calls, row_counts, row_tensors
from bmvis.render.html.markup import safe_name
from bmvis.view.page import Page, Row
from bmvis.view.ranges import Member, greatest
from bmvis.view.tensor_series import merge_series


def member_names(row: Row) -> str | None:
    """Return the names of similar modules, in one list for each module of the row above: `0 1|0 1 2`."""
    if not row.is_similar or not row.variation:
        return None
    return "|".join(" ".join(map(safe_name, member_names)) for member_names in row.variation.names)


def signatures(row: Row) -> str | None:
    """Return numbers that are equal for modules that are equal; None if all are."""
    if not row.is_similar or not row.variation:
        return None
    numbers: dict[int, int] = {}
    found = [numbers.setdefault(member.signature, len(numbers)) for member in row.variation.members]
    return " ".join(map(str, found)) if len(numbers) > 1 else None


def shapes(row: Row, number: int) -> str | None:
    """Return the shapes of a parameter, given its number among those shown: `64,3 128,3`; None if they are equal."""
    if not row.variation or not greatest(row.shown_parameters[number]):
        return None
    return _shapes([merge_series(member.parameters, is_exact=False)[number] for member in row.variation.members])


def buffer_shapes(row: Row, number: int) -> str | None:
    """Return the shapes of a buffer, given its number among the row's; None if they are equal."""
    if not row.variation or not greatest(row.buffers[number]):
        return None
    return _shapes([member.buffers[number] for member in row.variation.members])


def _shapes(tensors: Sequence[Parameter | Buffer]) -> str | None:
    found = [row_tensors.tensor_text(tensor).rpartition(":[")[2][:-1].replace(" ", "") for tensor in tensors]
    return " ".join(found) if len(set(found)) > 1 else None


def counts(row: Row) -> str | None:
    """Return the numbers of elements and bytes: `1728:6912 36864:147456`; None if they are equal."""
    if not row.variation or row.variation.counts[0] == row.variation.counts[1]:
        return None
    return " ".join(f"{one.totals.count}:{one.totals.stored_bytes}" for one in row.variation.members)


def hidden(row: Row) -> str | None:
    """Return the numbers of modules that the depth limit hides: `6 modules below`; None if they are equal."""
    unchanged = ", unchanged" if row.is_unchanged else ""
    return _texts(row, lambda member: f"{row_counts.modules_text(member.hidden)} below{unchanged}")


def extra_reprs(row: Row) -> str | None:
    """Return the `extra_repr()` of each module; None if they are equal."""
    return _texts(row, lambda member: member.extra_repr)


def groups(row: Row) -> str | None:
    """Return the groups of each convolution; None if they are equal."""
    return _texts(row, lambda member: member.groups)


def outputs(row: Row) -> str | None:
    """Return the outputs of each module; None if they are equal."""
    return _texts(row, lambda member: row_calls.outputs_text(member.call_summary) if member.call_summary else "")


def macs(row: Row) -> str | None:
    """Return the multiply-accumulates of each module; None if they are equal."""
    return _texts(row, lambda member: row_calls.macs_text(member.call_summary) if member.call_summary else "")


def cell(row: Row, page: Page, column: ColumnName) -> str | None:
    """Return the text of a cell for each module; None if they are equal, or if the script computes it."""
    return None if column == "share" else _texts(row, lambda member: columns.cell_of(member, page, column))


def _texts(row: Row, write: Callable[[Member], str]) -> str | None:
    """Return a text for each module, in one line each; None if they are equal."""
    found = [" ".join(write(member).split()) for member in row.variation.members] if row.variation else []
    return "\n".join(found) if len(set(found)) > 1 else None
