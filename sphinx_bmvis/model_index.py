"""The index of all named trees, `bmvis-models.html`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from sphinx.domains import Index, IndexEntry

if TYPE_CHECKING:
    from sphinx_bmvis.domain import BmvisDomain


class ModelIndex(Index):
    """All named trees of the site."""

    name = "models"
    localname = "Model Index"
    shortname = "models"

    def generate(self, docnames: Iterable[str] | None = None) -> tuple[list[tuple[str, list[IndexEntry]]], bool]:
        """Return the entries by first letter, and that the index is not collapsed."""
        letters: dict[str, list[IndexEntry]] = {}
        for name, (page, request) in sorted(cast("BmvisDomain", self.domain).records.named_trees().by_name.items()):
            if docnames is None or page in docnames:
                entry = IndexEntry(name, 0, page, request.anchor, request.reference, "", request.options.caption)
                letters.setdefault(name[0].upper(), []).append(entry)
        return sorted(letters.items()), False
