"""The message of a model process to its template when it ends: which libraries to import for the next models."""

from __future__ import annotations

import msgspec


class PreloadRequest(msgspec.Struct, frozen=True):
    """The library for which a model process ended itself, so that a template imports it."""

    module: str
    extends: bool
    """Whether the module belongs to a package that the template has imported already."""
    folders: tuple[str, ...] = ()
    """Entries that the code of the model has added to `sys.path`."""
    files: tuple[tuple[str, int, int], ...] = ()
    """Path, modification time (ns) and size (bytes) of the project's modules that were loaded before the import; empty
    if the factory imports the library."""


class EndMessage(msgspec.Struct, frozen=True):
    """The message of a model process to its template when it ends."""

    request: PreloadRequest | None = None
    loaded: tuple[str, ...] = ()
    """Libraries and submodules that it imported itself, and that are large enough to preload."""


END_MESSAGES = msgspec.msgpack.Decoder(EndMessage)
