"""Build the models of a table, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bmvis.errors import BmvisError
from bmvis.model.tree import Model
from bmvis.overviews.entries import Entry, expand
from bmvis.overviews.table import RowResult
from bmvis.overviews.table_options import TableOptions
from bmvis.worker.protocol import ModelRequest


def build_results(
    entries: Sequence[Entry],
    options: TableOptions,
    find_all: Callable[[str], Iterable[str]],
    build: Callable[[Entry, ModelRequest], Model],
) -> Iterator[RowResult]:
    """Yield the result of each model. A model or a pattern that fails is a result too.

    Args:
        entries: the lines of the table.
        options: its options.
        find_all: returns the references of all models that a pattern matches.
        build: returns the model of a request. Raises BmvisError if it fails.
    """
    for found in expand(entries, find_all):
        if isinstance(found, tuple):
            yield RowResult(*found)
            continue
        try:
            yield RowResult(found, build(found, options.request(found)))
        except BmvisError as error:
            yield RowResult(found, error)
