"""Name the registered modules that values mention, such as `[self.first, self.second]`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from bmvis.model.tensor_text import relative


class ModuleReferences:
    """The names of the modules of one model, as seen from the module that is read.

    Args:
        named: all modules with the paths of their first occurrences. Most models need no table of them.
    """

    def __init__(self, named: Iterable[tuple[str, object]] = ()) -> None:
        self._named = named
        self.origin = ""
        """Path of the module that is read."""

    @cached_property
    def _paths(self) -> dict[int, str]:
        return {id(module): path for path, module in self._named}

    def name(self, thing: object) -> str | None:
        """Return `<first>`, the path from the module that is read, or `<self>` for itself; None for other objects."""
        path = self._paths.get(id(thing))
        return None if path is None else f"<{relative(self.origin, path) or 'self'}>"


NO_REFERENCES = ModuleReferences()
