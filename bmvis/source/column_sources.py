"""Where the columns of your own in a gallery or a table come from: pyproject.toml, and the data file of the element."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bmvis.overviews.own_columns import Rows, read_rows
from bmvis.source.pyproject import Project


def column_sources(
    project: Project, folder: Path, data: str, note: Callable[[str], object] = lambda _: None
) -> tuple[Rows, Rows]:
    """Return the columns in pyproject.toml, and those in the data file. The latter has priority.

    Args:
        project: the settings in pyproject.toml.
        folder: the folder of the site's configuration; the path of the data file starts there.
        data: the path of the data file as the page has it; '' if there is none.
        note: is called with the path of each file that the page depends on.

    Raises:
        OptionError: the data file can't be read, or its content is invalid.
    """
    if project.file.is_file():
        note(str(project.file))
    if not data:
        return project.own_columns, {}
    note(str(folder / data))
    return project.own_columns, read_rows(folder / data, data)
