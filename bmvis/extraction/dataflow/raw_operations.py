"""An operation while the call of a model is recorded, and the parts of parameters that a call uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bmvis.extraction.dataflow.storage_regions import StorageRegion, relation


class FunctionCall:
    """A call of a function of PyTorch."""

    __slots__ = ("function",)

    def __init__(self, function: Any) -> None:
        self.function = function


NO_FUNCTION = FunctionCall(None)
"""That of operations which no code runs, such as one that combines the parts of a tensor."""


class RawOperation:
    """An operation under construction. `sources` are references as in `bmvis.model.dataflow`."""

    __slots__ = ("call", "function", "name", "shape", "sources")

    def __init__(
        self,
        call: int,
        name: str,
        sources: list[int],
        shape: Sequence[Any] | None,
        function: FunctionCall | None = None,
    ) -> None:
        self.call = call
        self.function = function
        """The call of the function that runs it; None if that is not known."""
        self.name = name
        self.sources = sources
        self.shape = shape


class WeightPart(NamedTuple):
    """What an operation uses of a parameter."""

    parameter: int
    region: StorageRegion | None
    """The part of its storage; None if that is not known."""


def are_apart(one: Sequence[WeightPart], other: Sequence[WeightPart]) -> bool:
    """Return whether parts of parameters have no value in common."""
    return not any(
        mine.parameter == yours.parameter and relation(mine.region, yours.region) != "disjoint"
        for mine in one
        for yours in other
    )


def reordered(operations: list[RawOperation], places: Sequence[tuple[Any, ...]]) -> dict[int, int]:
    """Sort operations by their places, and return the new reference of each one."""
    order = sorted(range(len(operations)), key=places.__getitem__)
    moved = {index: position for position, index in enumerate(order)}
    for operation in operations:
        operation.sources = [moved.get(ref, ref) for ref in operation.sources]
    operations[:] = [operations[index] for index in order]
    return moved
