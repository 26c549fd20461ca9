"""What one tree, and one gallery, of a page ask for."""

from __future__ import annotations

import msgspec

from bmvis.gallery import Entry, GalleryOptions
from bmvis.options import Options
from bmvis.source.source import model_request
from bmvis.worker.protocol import ModelRequest


class TreeRequest(msgspec.Struct, frozen=True):
    """One tree that a page asks for."""

    reference: str
    options: Options
    anchor: str
    location: str
    """Where it is asked for, as Sphinx writes it before a warning: `/docs/models.rst:12`."""

    @property
    def key(self) -> ModelRequest:
        """Return what its model is built from."""
        return model_request(self.reference, self.options)


class GalleryRequest(msgspec.Struct, frozen=True):
    """One gallery that a page asks for."""

    entries: tuple[Entry, ...]
    options: GalleryOptions
    location: str

    def requests(self, anchor: str) -> list[TreeRequest]:
        """Return what is to be built for it."""
        options = Options(device=self.options.device)
        return [
            TreeRequest(entry.reference, options, anchor, entry.location or self.location) for entry in self.entries
        ]
