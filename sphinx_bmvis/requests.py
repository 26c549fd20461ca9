"""The requests of trees and galleries on a page."""

from __future__ import annotations

import msgspec

from bmvis.gallery import Entry, GalleryOptions
from bmvis.options import Options
from bmvis.source.source import model_request
from bmvis.worker.protocol import ModelRequest


class TreeRequest(msgspec.Struct, frozen=True):
    """The request of one tree."""

    reference: str
    options: Options
    anchor: str
    location: str
    """Location for warnings, in Sphinx's format: `/docs/models.rst:12`."""

    @property
    def key(self) -> ModelRequest:
        """Return the request of its model, which several trees can share."""
        return model_request(self.reference, self.options)


class GalleryRequest(msgspec.Struct, frozen=True):
    """The request of one gallery."""

    entries: tuple[Entry, ...]
    options: GalleryOptions
    location: str

    def requests(self, anchor: str) -> list[TreeRequest]:
        """Return the requests of its models."""
        options = Options(device=self.options.device)
        return [
            TreeRequest(entry.reference, options, anchor, entry.location or self.location) for entry in self.entries
        ]
