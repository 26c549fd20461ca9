"""What `<model-gallery>` and `<model-table>` share: their models, one in each line, with columns and links."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from bmvis.errors import BmvisError, OptionError
from bmvis.lazy_regex import lazy_regex
from bmvis.options.definitions import Option
from bmvis.overviews.entries import Entry, read_entries
from bmvis.overviews.gallery_options import GalleryOptions
from bmvis.overviews.own_columns import Rows
from bmvis.overviews.table_options import TableOptions
from bmvis.source.column_sources import column_sources
from bmvis.source.dependencies import file_dependencies
from bmvis.source.pyproject import read_project
from mkdocs_bmvis.element import Element, refuse_unknown_attributes
from mkdocs_bmvis.html_cache import DependencyRecorder, Report
from mkdocs_bmvis.page import GalleryKey
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import Models, likely_files
from mkdocs_bmvis.watch_list import WatchList

_VALUE = lazy_regex(r"\smodels\s*=\s*[\"']?", re.IGNORECASE)
_Options = TypeVar("_Options", GalleryOptions, TableOptions)


class PlacedList(msgspec.Struct, Generic[_Options], frozen=True):
    """A gallery or table in its place on a page: all that decides its HTML apart from the models and the settings."""

    options: _Options
    entries: tuple[Entry, ...]
    links: Mapping[str, str]
    """The addresses of the models' pages or trees, by reference."""
    anchor: str


def read_list(
    element: Element, tag: str, options: Sequence[Option], location: str
) -> tuple[dict[str, str | None], tuple[Entry, ...]]:
    """Return the attributes of an element with their text, and its entries from the attribute `models`.

    Args:
        element: the element.
        tag: its name.
        options: the attributes that it accepts in addition to `models`.
        location: the location of the element. A location that ends in a line number is that of the first line.

    Raises:
        OptionError: the element is broken, or an attribute is unknown.
    """
    if element.problem:
        raise element.problem
    written = dict(element.attributes)
    example = f'write <{tag} models="package.module:*" />'
    if "factory" in written:
        raise OptionError(f"a {tag.removeprefix('model-')} does not accept the attribute 'factory'", hint=example)
    refuse_unknown_attributes(written, ["models", *(option.name for option in options)], example)
    models = written.pop("models", "") or ""
    return written, read_entries(_lines(element, models, location), location)


def _lines(element: Element, models: str, location: str) -> Iterator[tuple[str, str]]:
    file, _, number = location.removeprefix("line ").rpartition(":")
    written = _VALUE.search(element.raw)
    for index, text in enumerate(models.splitlines()):
        if written and number.isdigit():
            line = int(number) + element.raw.count("\n", 0, written.end()) + index
            yield text, f"{file}:{line}" if file else f"line {line}"
        else:
            yield text, location


def own_columns(
    options: GalleryOptions | TableOptions, models: DependencyRecorder, settings: Settings, sources: WatchList
) -> tuple[Rows, Rows]:
    """Return the columns in pyproject.toml, and those in the data file of a gallery or a table."""
    folder = Path(settings.cwd)
    if options.data:
        models.add(file_dependencies([str(folder / options.data)]))
    return column_sources(read_project(folder), folder, options.data, sources.add_files)


def gallery_key(options: GalleryOptions | TableOptions, entries: Iterable[Entry]) -> GalleryKey:
    """Return the key of a gallery or a table on its page."""
    return options.toctree, tuple(entry.reference for entry in entries)


def finder(models: Models, sources: WatchList) -> Callable[[str], tuple[str, ...]]:
    """Return a function that expands a pattern, and adds what the result depends on to `sources`."""

    def find_all(pattern: str) -> tuple[str, ...]:
        listed = models.find_all(pattern)
        sources.add(listed.dependencies)
        return listed.references

    return find_all


def report_failure(error: BmvisError, entry: Entry, settings: Settings, sources: WatchList, report: Report) -> None:
    """Report that the model of a line failed, and watch the files that probably define it."""
    sources.add_files(*likely_files(entry.reference, settings))
    report(error, entry.location)
