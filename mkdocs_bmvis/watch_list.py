"""What the elements of a site depend on: a preview server builds the site again when some of it changes."""

from __future__ import annotations

from collections.abc import Iterable

from bmvis.worker.protocol import Dependency, DependencyKey


class WatchList:
    """The files and dependencies of the elements of one build."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.dependencies: dict[DependencyKey, Dependency] = {}

    def add_files(self, *files: str) -> None:
        """Add files that exist."""
        self.files.update(files)

    def add(self, dependencies: Iterable[Dependency]) -> None:
        """Add the dependencies of a model."""
        self.dependencies.update((one.key, one) for one in dependencies)
