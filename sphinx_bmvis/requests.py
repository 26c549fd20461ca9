"""The requests of trees, galleries and tables on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bmvis.options.definitions import Options
from bmvis.worker.protocol import ModelRequest, model_request

if TYPE_CHECKING:
    from bmvis.overviews.entries import Entry
    from bmvis.overviews.facts import FactRequest
    from bmvis.overviews.gallery_options import GalleryOptions
    from bmvis.overviews.table_options import TableOptions


class TreeRequest(msgspec.Struct, frozen=True):
    """The request of one tree, or of one fact."""

    reference: str
    options: Options
    anchor: str
    """The id of the tree; '' for a fact in a sentence."""
    location: str
    """Location for warnings, in Sphinx's format: `/docs/models.rst:12`."""

    @property
    def key(self) -> ModelRequest:
        """Return the request of its model, which several trees can share."""
        return model_request(self.reference, self.options)

    def repeats(self, other: TreeRequest) -> bool:
        """Return whether it is the same text: of an included file, or of a docstring that is shown twice."""
        return (self.location, self.reference, self.options) == (other.location, other.reference, other.options)


class GalleryRequest(msgspec.Struct, frozen=True):
    """The request of one gallery or table."""

    entries: tuple[Entry, ...]
    options: GalleryOptions | TableOptions
    location: str

    def requests(self, anchor: str) -> list[TreeRequest]:
        """Return the requests of its models."""
        return [
            TreeRequest(entry.reference, self._options_of(entry), anchor, entry.location or self.location)
            for entry in self.entries
        ]

    def _options_of(self, entry: Entry) -> Options:
        return Options(device=self.options.device, inputs=self.options.inputs_of(entry), flow=self.options.flow)


class PageContent(msgspec.Struct, frozen=True):
    """What a page needs."""

    requests: list[TreeRequest]
    """Its trees, in order."""
    galleries: dict[str, GalleryRequest]
    """Its galleries and tables, by anchor."""
    references: set[str]
    """The names of the trees that it refers to."""
    failed: dict[str, str]
    """The names of the trees with an invalid option, and the anchors of their error boxes."""
    branches: dict[tuple[str, str], bool]
    """The conditions around its trees (`only`, `ifconfig`), and whether they were true when it was read."""
    has_error: bool = False
    """Whether a directive or a role on it has an error. What is wrong can be in another file."""
    title_facts: tuple[FactRequest, ...] | None = None
    """The facts in its titles and captions, without those with an invalid text; None if there are no facts at all."""
