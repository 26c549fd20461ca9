"""Changed facts that all tensors of a subtree have in common, such as `trainable → frozen`, in one line. Internal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Set

from bmvis.comparison.lines import FORMER, WHOLE, DriftLine, fact_line
from bmvis.comparison.tensor_changes import ChangedFact
from bmvis.model.tree import Model


class SubtreeFacts:
    """The changed facts of the tensors of a model, each with the tensors that it applies to, by module.

    Args:
        model: the present model.
        kept: the modules of it that the earlier model has.
    """

    def __init__(self, model: Model, kept: Set[int]) -> None:
        self._model = model
        self._kept = kept
        self._tensors: defaultdict[ChangedFact, dict[int, list[str]]] = defaultdict(dict)

    def add(self, fact: ChangedFact, index: int, tensors: list[str]) -> None:
        """Add a fact of some tensors of a module."""
        self._tensors[fact][index] = tensors

    def lines(self) -> Iterator[DriftLine]:
        """Yield each fact once for the largest subtrees in which it applies to all parameters."""
        model = self._model
        for fact, named in self._tensors.items():
            counts = [len(named.get(index, ())) for index in range(len(model.modules))]
            whole = [
                i not in self._kept or {p.name for p in m.parameters} <= set(named.get(i, ()))
                for i, m in enumerate(model.modules)
            ]
            for index in range(len(model.modules) - 1, 0, -1):
                counts[model.parents[index]] += counts[index]
                whole[model.parents[index]] &= whole[index]
            for index, count in enumerate(counts):
                above = model.parents[index]
                if not count or (index and whole[above]):
                    continue
                if whole[index]:
                    yield self._whole(index, count, fact)
                elif index in named:
                    yield fact_line(model.paths[index], fact, named[index])

    def _whole(self, index: int, count: int, fact: ChangedFact) -> DriftLine:
        """Return the line for a fact of all tensors of a subtree that both models have."""
        has_new = len(self._kept) < len(self._model.modules)
        subject = "" if index else FORMER if has_new else WHOLE
        return fact_line(self._model.paths[index], fact, subject=subject, tensors=count)
