"""Find tied weights: tensors that occur several times in a model.

The first occurrence has the tensor, and lists the others; the others refer to it. `bmvis.model.totals` counts a tied
parameter once.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from bmvis.extraction.introspection import Tensors
from bmvis.model.preorder import child_path


class TiedWeights:
    """The tied tensors of a model, by `id`. The ids are valid while the modules exist.

    Args:
        parameters: the path of each module with its parameters, in the model's order.
        buffers: likewise. A parameter is never tied to a buffer, which has no count.
    """

    def __init__(self, parameters: Iterable[tuple[str, Tensors]], buffers: Iterable[tuple[str, Tensors]]) -> None:
        self._first: dict[int, str] = {}
        """State-dict key of the first occurrence."""
        self._others: dict[int, list[str]] = {}
        """State-dict keys of the other occurrences."""
        met: dict[int, tuple[str, str]] = {}
        for occurrences in (parameters, buffers):
            for path, tensors in occurrences:
                for name, tensor in tensors:
                    here = (path, name)
                    first = met.setdefault(id(tensor), here)
                    if first is not here:
                        self._first[id(tensor)] = child_path(*first)
                        self._others.setdefault(id(tensor), []).append(child_path(*here))

    @property
    def ids(self) -> frozenset[int]:
        """Return the ids of the tied tensors."""
        return frozenset(self._others)

    def ends(self, path: str, name: str, tensor: torch.Tensor) -> tuple[str, tuple[str, ...]]:
        """Return `tied_to` and `tied_by` of a tensor at one of its occurrences.

        Returns:
            The key of the first occurrence and nothing; at the first occurrence, '' and the keys of the others. Both
            are empty for a tensor that is not tied.
        """
        first = self._first.get(id(tensor))
        if first is None:
            return "", ()
        return ("", tuple(self._others[id(tensor)])) if first == child_path(path, name) else (first, ())
