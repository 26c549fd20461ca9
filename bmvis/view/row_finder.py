"""Find the row that shows a module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from bmvis.model.preorder import child_path
from bmvis.model.tree import Model
from bmvis.view.page import Row


def shown_at(model: Model, rows: Sequence[Row]) -> dict[str, str]:
    """Return the path of the row that shows each module, by the module's path, as `row_finder` finds it."""
    find = row_finder(rows)
    return {path: find(path) for path in model.paths}


def representatives(model: Model, rows: Sequence[Row]) -> dict[str, str]:
    """Return the path of the module that each one is folded into, by its path; its own path if it is not folded."""
    find = _finder(rows)
    return {path: find(path)[0] for path in model.paths}


def row_finder(rows: Sequence[Row]) -> Callable[[str], str]:
    """Return a function from the path of a module to the path of the row that shows it.

    This is its own row, the row that it is folded into, or else the row of the nearest module above it.
    """
    find = _finder(rows)
    return lambda path: find(path)[1]


def _finder(rows: Sequence[Row]) -> Callable[[str], tuple[str, str]]:
    shown = {path: row.path for row in rows if row.module for path in row.paths}
    apart = {path for row in rows if row.variation for path in row.paths}

    @cache
    def find(path: str) -> tuple[str, str]:
        """Return the module that represents the one at `path`, whether a row shows it or not, and its row."""
        if not path:
            return "", ""
        above, _, name = path.rpartition(".")
        same, row = find(above)
        here = child_path(same, name)
        return here if here in apart else shown.get(here, here), shown.get(here, row)

    return find
