"""The source of models for the commands that take references: show, compare, table and update."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bmvis.cli.shared_options import cache_folder
from bmvis.source.pyproject import read_project
from bmvis.source.source import Source
from bmvis.worker.daemon_client import COMMAND


def command_source(path: Sequence[str], timeout: float, *, no_cache: bool) -> Source:
    """Return the source of the models that can be imported from the current folder.

    In a project with a pyproject.toml, unchanged models come from its cache. `bmvis serve` builds the other ones, if it
    runs.

    Args:
        path: more folders to import from.
        timeout: seconds for each model.
        no_cache: whether all models are built.

    Raises:
        ProjectError: the pyproject.toml is invalid.
    """
    folder = Path.cwd()
    project = read_project(folder)
    cache = cache_folder(project, no_cache) if project.file.is_file() else None  # no folder appears in others
    return Source(folder, path=(*path, "."), timeout=timeout, cache=cache, mode="auto", session=COMMAND)
