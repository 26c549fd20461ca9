"""Name the registered modules that values mention, such as `[self.first, self.second]`."""

from __future__ import annotations

from collections.abc import Mapping

from bmvis.model.tensor_text import relative


class ModuleReferences:
    """The names of the modules of one model, as seen from the module that is read.

    Args:
        paths: the path of the first occurrence of each module, by its id.
    """

    def __init__(self, paths: Mapping[int, str]) -> None:
        self.paths = paths
        self.origin = ""
        """Path of the module that is read."""

    def name(self, thing: object) -> str | None:
        """Return `<first>`, the path from the module that is read, or `<self>` for itself; None for other objects."""
        path = self.paths.get(id(thing))
        return None if path is None else f"<{relative(self.origin, path) or 'self'}>"


NO_REFERENCES = ModuleReferences({})
