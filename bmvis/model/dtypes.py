"""The data types and devices of the parameters of a model and of each subtree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence, Set

import msgspec

from bmvis.model.totals import subtree_facts
from bmvis.model.tree import Model, Parameter


class RankedFacts(msgspec.Struct, frozen=True):
    """The distinct values of a fact, such as the data type, for the parameters of a model."""

    ranked: tuple[str, ...]
    """The values, the one with the most elements first."""
    found: Sequence[Set[str]] = ()
    """The values in each subtree. Empty if the model has at most one value."""

    def below(self, index: int) -> tuple[str, ...]:
        """Return the values in the subtree of a module, in the order of `ranked`."""
        return tuple([kind for kind in self.ranked if kind in self.found[index]]) if self.found else self.ranked


def rank_facts(model: Model, fact: Callable[[Parameter], str]) -> RankedFacts:
    """Return the distinct values of `fact` for the parameters, ranked by number of elements. '' is ignored."""
    elements: Counter[str] = Counter()
    numbers, distinct = model.parameter_lists
    for number, times in Counter(numbers).items():
        for parameter in distinct[number]:
            if not parameter.tied_to:
                elements[fact(parameter)] += parameter.count * times
    ranked = tuple(value for value, _ in elements.most_common() if value)
    return RankedFacts(ranked, subtree_facts(model, fact) if len(ranked) > 1 else ())


def dtype_of(parameter: Parameter) -> str:
    """Return the data type, or the quantization scheme of a quantized parameter."""
    return parameter.stored_as


def device_of(parameter: Parameter) -> str:
    """Return the device of the parameter; '' for the meta device."""
    return "" if parameter.device == "meta" else parameter.device
