"""What a model process writes to its template at its end."""

from __future__ import annotations

import msgspec


class Wanted(msgspec.Struct, frozen=True):
    """What a model process has ended for."""

    module: str
    extends: bool
    """Whether the module belongs to a package that the template has imported already."""
    folders: tuple[str, ...] = ()
    """Entries that the model's code has added to `sys.path`."""
    files: tuple[tuple[str, int, int], ...] = ()
    """Path, time and size of the project's modules that lead to it; none where the factory does."""


class Note(msgspec.Struct, frozen=True):
    """What a model process writes at its end to the template."""

    wanted: Wanted | None = None
    loaded: tuple[str, ...] = ()
    """Libraries, and late imports of them, that it has imported itself and that are worth preloading."""


NOTES = msgspec.msgpack.Decoder(Note)
