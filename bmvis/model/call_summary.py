"""Summarize the forward pass of all modules that a row represents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import reduce

import msgspec

from bmvis.model.call import Call, Output
from bmvis.model.tree import Model

ALL_OPERATIONS = "all operations"
"""The entry in `Call.uncounted` if the model fails while its operations are counted."""
OTHER_THREADS = "operations in other threads"
"""The entry in `Call.uncounted` if a module runs in a thread of its own, where operations are not seen."""
NUMPY = "operations in NumPy"
"""The entry in `Call.uncounted` if code takes values out of tensors as arrays, and can compute with these."""
GENERATOR = "results of a generator"
"""The entry in `Call.uncounted` if a module returns a generator, whose items are computed after its call. Of the model
itself, up to 100 items are computed and counted."""
Span = tuple[int, int]
"""Minimum and maximum."""


class CallSummary(msgspec.Struct, frozen=True, gc=False):
    """The outputs and costs of the modules of one row."""

    outputs: tuple[Output, ...]
    calls: Span
    macs: Span
    bytes: Span
    uncounted: tuple[str, ...] = ()
    """Names of the operations that `macs` does not include, which makes it a lower bound."""
    inputs: tuple[Output, ...] = ()
    modules: int = 1
    """Number of modules, also those without a record."""
    uncalled: int = 0
    """How many of them were not called."""

    @property
    def is_called(self) -> bool:
        """Return whether any of the modules was called."""
        return self.calls[1] > 0


def summarize_calls(calls: Iterable[Call | None]) -> CallSummary | None:
    """Merge the call records of several modules. Return None if there is no record."""
    given = list(calls)
    found = [call for call in given if call is not None]
    if not found:
        return None
    called = [call for call in found if call.calls]
    return CallSummary(
        _all_merged([call.outputs for call in called]),
        _span([call.calls for call in found]),
        _span([call.macs for call in found]),
        _span([call.bytes for call in found]),
        tuple(sorted({name for call in found for name in call.uncounted})),
        _all_merged([call.inputs for call in called]),
        len(given),
        len(found) - len(called),
    )


def _all_merged(found: Sequence[tuple[Output, ...]]) -> tuple[Output, ...]:
    return reduce(merged, found) if found else ()


def merged(first: Sequence[Output], second: Sequence[Output]) -> tuple[Output, ...]:
    """Merge the outputs of two calls: outputs with the same name become one, with the range of their sizes.

    Outputs without a name, such as those of a tuple, are matched by position.
    """
    here, there = _keyed(first), _keyed(second)
    both = tuple(_merged(output, there[key]) for key, output in here.items() if key in there)
    return both + tuple(output for key, output in there.items() if key not in here)


def _keyed(outputs: Sequence[Output]) -> dict[tuple[str, int], Output]:
    counts: Counter[str] = Counter()
    found = {}
    for output in outputs:
        found[output.name, counts[output.name]] = output
        counts[output.name] += 1
    return found


def by_execution(model: Model) -> Model:
    """Return the model with the modules inside another in the order of their first calls, uncalled ones last."""
    modules, above = model.modules, model.parents
    never = len(modules)
    ranks = [module.call.order if module.call and module.call.calls else never for module in modules]
    for index in range(len(modules) - 1, 0, -1):
        if ranks[above[index]] == never or modules[above[index]].call is None:
            ranks[above[index]] = min(ranks[above[index]], ranks[index])
    found, pending = [], [0]
    while pending:
        index = pending.pop()
        found.append(modules[index])
        pending += sorted(model.children[index], key=ranks.__getitem__)[::-1]
    return msgspec.structs.replace(model, modules=tuple(found))


def without_calls(model: Model) -> Model:
    """Return the model as if it had not been called."""
    if not model.inputs:
        return model
    modules = tuple(msgspec.structs.replace(m, call=None) if m.call else m for m in model.modules)
    return msgspec.structs.replace(model, modules=modules, inputs="", untraced=None)


def without_dataflow(model: Model) -> Model:
    """Return the model without a record of its dataflow."""
    if not (model.dataflow or model.undrawn):
        return model
    return msgspec.structs.replace(model, dataflow=None, undrawn=None)


def _span(numbers: Sequence[int]) -> Span:
    return min(numbers), max(numbers)


def _merged(one: Output, other: Output) -> Output:
    if one == other:
        return one
    if one.shape is None or other.shape is None or len(one.shape) != len(other.shape):
        return Output(one.name, None)
    least = tuple(map(min, one.shape, other.shape))
    most = tuple(map(max, one.most or one.shape, other.most or other.shape))
    return Output(one.name, least, most if most != least else ())
