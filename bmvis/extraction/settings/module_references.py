"""Name the registered modules that values mention, such as `[self.first, self.second]`, and read small constants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import torch

from bmvis.extraction.settings.tensor_values import KnownValue, no_value, value_texts
from bmvis.model.tensor_text import relative


class ModuleReferences:
    """The names of the modules of one model, as seen from the module that is read, and the values of its constants.

    Args:
        named: all modules with the paths of their first occurrences. Most models need no table of them.
        known: the values of tensors on the meta device.
    """

    def __init__(self, named: Iterable[tuple[str, object]] = (), known: KnownValue = no_value) -> None:
        self._named = named
        self.known = known
        self.has_values = False
        """Whether values of tensors are recorded. Classes of libraries have other constants in other releases."""
        self.origin = ""
        """Path of the module that is read."""

    @cached_property
    def _paths(self) -> dict[int, str]:
        return {id(module): path for path, module in self._named}

    def of_classes(self) -> ModuleReferences:
        """Return references for values that all instances of a class have in common, which mention no module."""
        found = ModuleReferences((), self.known)
        found.has_values = True
        return found

    def name(self, thing: object) -> str | None:
        """Return `<first>`, the path from the module that is read, or `<self>` for itself; None for other objects."""
        path = self._paths.get(id(thing))
        return None if path is None else f"<{relative(self.origin, path) or 'self'}>"

    def values(self, tensor: torch.Tensor) -> Sequence[str]:
        """Return the texts of the values of a tensor; none if they are not recorded."""
        return value_texts(tensor, self.known) if self.has_values else ()


NO_REFERENCES = ModuleReferences()
