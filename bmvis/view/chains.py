"""Join rows that lead to one row only: `bert.encoder.layer.0-11.attention.self`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from bmvis.view.page import Row

LISTS = ("ModuleDict", "ModuleList")
"""Modules that only contain others, and are never called."""


def join_chains(rows: Sequence[Row], left_out_as: str) -> list[Row]:
    """Return fewer rows: a row without a change of its own and with one row below is part of the name of that row.

    The first row stays. The number of modules that are left out is that of all modules of the joined rows.

    Args:
        rows: the rows of a tree.
        left_out_as: why modules are left out.
    """
    return [msgspec.structs.replace(row, left_out_as=left_out_as) for row in _joined_at(rows, _is_link)]


def join_lists(rows: Sequence[Row]) -> list[Row]:
    """Return fewer rows: a list of modules with one row below is part of the name of that row, as in `layers.0-11`."""
    return _joined_at(rows, _is_list)


def _joined_at(rows: Sequence[Row], is_link: Callable[[Row], bool]) -> list[Row]:
    above = _parents(rows)
    children: list[list[int]] = [[] for _ in rows]
    for row, parent in enumerate(above):
        if parent >= 0:
            children[parent].append(row)
    found: list[Row] = []
    depths: dict[int, int] = {}
    index = 0
    while index < len(rows):
        chain = [index]
        while chain[0] and is_link(rows[chain[-1]]) and len(children[chain[-1]]) == 1:
            chain.append(children[chain[-1]][0])
        depths[chain[-1]] = depths[above[index]] + 1 if above[index] >= 0 else 0
        found.append(_joined([rows[number] for number in chain], depths[chain[-1]]))
        index = chain[-1] + 1
    return found


def _parents(rows: Sequence[Row]) -> list[int]:
    """Return the index of the row above each row; -1 for the first one."""
    found: list[int] = []
    trail: list[int] = []
    for index, row in enumerate(rows):
        del trail[row.depth :]
        found.append(trail[-1] if trail else -1)
        trail.append(index)
    return found


def _is_link(row: Row) -> bool:
    """Return whether a row only shows where the rows below it are."""
    module = row.module
    if module is None or row.is_match or row.hidden or row.variation or module.shared_with is not None:
        return False
    is_wrapper = module.change is None or not module.change.details
    return is_wrapper and not any(parameter.change for parameter in row.parameters) and not row.parameters


def _is_list(row: Row) -> bool:
    """Return whether a row is a plain list of modules, of which nothing but its name is known."""
    module = row.module
    if module is None or module.type not in LISTS or module.parameters or module.change or module.common:
        return False
    has_marks = row.hidden or row.left_out or row.is_match or row.differs or row.buffers or row.extra_repr
    return not has_marks and not row.is_similar and row.repeats == 1 and module.shared_with is None


def _joined(chain: Sequence[Row], depth: int) -> Row:
    last = chain[-1]
    if len(chain) == 1:
        return msgspec.structs.replace(last, depth=depth)
    left_out = sum(row.left_out * row.times // chain[0].times for row in chain)
    label = ".".join(row.label for row in chain)
    return msgspec.structs.replace(last, depth=depth, label=label, left_out=left_out)
