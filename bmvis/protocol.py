"""What the docs build and its worker process say to each other; `bmvis.child` tells the order."""

from __future__ import annotations

import msgspec

from bmvis.options import Device
from bmvis.tree import Model


class Request(msgspec.Struct, frozen=True):
    """Build one model."""

    number: int
    reference: str
    device: Device
    path: tuple[str, ...]
    """Entries for the front of `sys.path`."""


class Built(msgspec.Struct, frozen=True, tag="built"):
    """A model was built and captured."""

    model: Model
    sources: tuple[str, ...]
    """The project's own source files that were imported, absolute."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """No model, and why; the fields are those of `BmvisError`."""

    kind: str
    message: str
    hint: str = ""
    detail: str = ""


Reply = Built | Failed
