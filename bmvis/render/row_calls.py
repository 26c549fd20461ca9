"""The phrases of calls in rows: output shapes, MACs, and the number of calls."""

from __future__ import annotations

from collections.abc import Sequence

from bmvis import humanize
from bmvis.model.call import Output
from bmvis.model.call_summary import ALL_OPERATIONS, CallSummary
from bmvis.render.row_counts import range_text
from bmvis.render.row_tensors import sizes_text

MAX_OUTPUTS = 3
"""Maximum number of tensors of an output that a row shows."""
MAX_UNCOUNTED = 4
"""Maximum number of uncounted operations that are named."""


def outputs_text(calls: CallSummary) -> str:
    """Return the output shapes.

    Examples are `→ [1, 128, 768]`, `→ [1, 7-56]` for sizes that vary between modules, and
    `→ logits:[1, 2] hidden:[1, 128, 768]` for a dictionary.
    """
    return f"→ {tensors_text(calls.outputs)}"


def tensors_text(tensors: Sequence[Output], most: int = MAX_OUTPUTS) -> str:
    """Return the shapes of up to `most` tensors: `logits:[1, 2] hidden:[1, 128, 768] … 2 more`."""
    shown = [f"{one.name}:{_output_sizes(one)}" if one.name else _output_sizes(one) for one in tensors]
    more = len(shown) - most
    return " ".join([*shown[:most], *([f"… {more} more"] if more > 0 else [])])


def calls_text(calls: CallSummary) -> str:
    """Return `not called`, `2 of 8 not called`, `called 12 times` or `called 0-2 times`."""
    least, most = calls.calls
    if 0 < calls.uncalled < calls.modules and most < 2:
        return f"{calls.uncalled} of {calls.modules} not called"
    if not most:
        return "not called"
    return f"called {least if least == most else f'{least}-{most}'} times"


def macs_text(calls: CallSummary) -> str:
    """Return `11.2G MACs, 95.4 MB computed`, with ranges if the modules differ.

    If operations are not counted, the number is a minimum, and the operations are named:
    `at least 1K MACs, …; 1 operation not counted (mylib::mm)`.
    """
    macs, computed = macs_range(calls), f"{range_text(calls.bytes, humanize.size)} computed"
    if not calls.uncounted:
        return f"{macs} MACs, {computed}"
    if ALL_OPERATIONS in calls.uncounted:
        return "MACs not counted: the model fails when its operations are traced"
    return f"at least {macs} MACs, {computed}; {_uncounted(calls.uncounted)}"


def macs_range(calls: CallSummary) -> str:
    """Return `11.2G`, or `0-1.1K` if the modules differ."""
    return range_text(calls.macs, _giga)


def _uncounted(names: Sequence[str]) -> str:
    shown = ", ".join([*names[:MAX_UNCOUNTED], *(["…"] if names[MAX_UNCOUNTED:] else [])])
    return f"{len(names)} operation{'' if len(names) == 1 else 's'} not counted ({shown})"


def _giga(number: int) -> str:
    return humanize.count(number).replace("B", "G")


def _output_sizes(output: Output) -> str:
    return "[varies]" if output.shape is None else sizes_text(output.shape, output.most or output.shape)
