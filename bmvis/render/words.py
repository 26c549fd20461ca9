"""The phrases of rows, written once for every format: renderers add markup only.

A row has marks (`row_marks`), and its tensors have states (`parameter_states`). Each has a `kind`, by which a renderer
chooses its markup. Renderers must support every kind: `tests/bmvis/render/test_words.py` checks each in each format.
`bmvis.render.summary` has the phrases about a model as a whole, `bmvis.render.legend` those about colors and marks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from bmvis import humanize
from bmvis.model.call import Output
from bmvis.model.call_summary import ALL_OPERATIONS, CallSummary
from bmvis.model.tree import Buffer, Change, Parameter
from bmvis.view.page import Page, Row
from bmvis.view.param_groups import groups_text
from bmvis.view.ranges import greatest
from bmvis.view.tensor_series import series_text

MAX_OUTPUTS = 3
"""Maximum number of tensors of an output that a row shows."""
MAX_UNCOUNTED = 4
"""Maximum number of uncounted operations that are named."""

MarkKind = Literal[
    "similar",
    "change",
    "shared",
    "outputs",
    "calls",
    "hidden",
    "left_out",
    "grouped",
    "tensors",
    "not_common",
    "match",
    "differs",
    "extra_repr",
]
StateKind = Literal["delta", "frozen", "uninitialized", "stored_as", "parametrized", "groups", "change"]

COMMA_OF_NAMES = re.compile(r",(?=[^\W\d])")
"""The commas after which a row can break: those between names, not those of a shape: `weight,bias:[2, 3]`."""


class Mark(msgspec.Struct, frozen=True):
    """A remark at the end of a row, after its name, type and tensors."""

    kind: MarkKind
    text: str
    """The text without markup, such as `same module as encoder`."""
    detail: str = ""
    """The addition in formats without a column of counts: `, 7.1M parameters`."""


class State(msgspec.Struct, frozen=True):
    """How a parameter differs from a plain trainable one."""

    kind: StateKind
    text: str


def row_marks(row: Row) -> Iterator[Mark]:
    """Yield the marks of a row, in the order of a line of text."""
    module = row.module
    if row.is_similar:
        yield Mark("similar", similar_text(row), _counts_text(row))
    if count := series_text(row.parameters, is_exact=row.variation is None):
        yield Mark("tensors", count)
    if row.extra_repr:
        yield Mark("extra_repr", row.extra_repr)
    elif row.groups:
        yield Mark("grouped", row.groups)
    if module and module.change:
        yield Mark("change", change_text(module.change))
    if module and module.shared_with is not None:
        yield Mark("shared", f"same module as {module.shared_with or 'the root'}")
    yield from _call_marks(row)
    if row.hidden:
        unchanged = ", unchanged" if row.is_unchanged else ""
        count = f", {_range(row.counts, humanize.count)} {row.counted}"
        yield Mark("hidden", f"{hidden_text(row)} below{unchanged}", count)
    if row.left_out:
        yield Mark("left_out", f"… {modules_text(row.left_out)} {row.left_out_as}")
    if module and module.common == "other":
        yield Mark("not_common", "not common")
    if row.is_match:
        yield Mark("match", "match")
    if row.differs:
        yield Mark("differs", row.differs)


def similar_text(row: Row) -> str:
    """Return `similar`, with the number of siblings if it differs between the modules above: `similar, 2-5 in each`."""
    least, most = row.variation.siblings if row.variation else (1, 1)
    return "similar" if least == most else f"similar, {least}-{most} in each"


def _counts_text(row: Row) -> str:
    """Return `: 0.9M-1.2M parameters each`; '' if another mark has the count."""
    return "" if row.hidden or not row.counts[1] else f": {_range(row.counts, humanize.count)} {row.counted} each"


def _range(bounds: tuple[int, int], write: Callable[[int], str]) -> str:
    """Return `0.9M-1.2M`, or one number if both are written alike."""
    return "-".join(dict.fromkeys(map(write, bounds)))


def hidden_text(row: Row) -> str:
    """Return the number of modules that a row hides: `6 modules`, of similar modules `6-24 modules`."""
    least, most = row.variation.hidden if row.variation else (row.hidden, row.hidden)
    return modules_text(most) if least == most else f"{least:,}-{modules_text(most)}"


def short_count(row: Row) -> str:
    """Return the number of elements of one module for the column of counts: `7.1M`, `0.9M-1.2M`."""
    return _range(row.counts, humanize.count)


def times(row: Row) -> int:
    """Return the number of equal modules before the count of one, as in `12 × 7.1M`; 1 for a range of counts."""
    return 1 if row.is_similar or not row.module else row.repeats


def amount_text(row: Row) -> str:
    """Return the column of counts: `12 × 7.1M`, `0.9M-1.2M`."""
    return f"{times(row)} × {short_count(row)}" if times(row) > 1 else short_count(row)


def _call_marks(row: Row) -> Iterator[Mark]:
    """Yield marks for the outputs of modules, and for the number of calls if it is not 1."""
    calls = row.call_summary
    if calls is None:
        return
    if row.shows_outputs:
        yield Mark("outputs", outputs_text(calls), macs_text(calls))
    if calls.calls != (1, 1):
        yield Mark("calls", calls_text(calls))


def modules_text(count: int) -> str:
    """Return `1 module`, `1,200 modules`."""
    return f"{count:,} module{'' if count == 1 else 's'}"


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
    macs, computed = macs_range(calls), f"{_range(calls.bytes, humanize.size)} computed"
    if not calls.uncounted:
        return f"{macs} MACs, {computed}"
    if ALL_OPERATIONS in calls.uncounted:
        return "MACs not counted: the model fails when its operations are traced"
    return f"at least {macs} MACs, {computed}; {_uncounted(calls.uncounted)}"


def macs_range(calls: CallSummary) -> str:
    """Return `11.2G`, or `0-1.1K` if the modules differ."""
    return _range(calls.macs, _giga)


def _uncounted(names: Sequence[str]) -> str:
    shown = ", ".join([*names[:MAX_UNCOUNTED], *(["…"] if names[MAX_UNCOUNTED:] else [])])
    return f"{len(names)} operation{'' if len(names) == 1 else 's'} not counted ({shown})"


def _giga(number: int) -> str:
    return humanize.count(number).replace("B", "G")


def _output_sizes(output: Output) -> str:
    return "[varies]" if output.shape is None else _sizes(output.shape, output.most or output.shape)


def _sizes(least: Sequence[int] | None, most: Sequence[int]) -> str:
    """Return `[128, 64-224, 1, 1]`."""
    pairs = zip(least or (), most, strict=True)
    return f"[{', '.join(str(a) if a == b else f'{a}-{b}' for a, b in pairs)}]"


def tensor_text(tensor: Parameter | Buffer) -> str:
    """Return `weight:[768, 768]`."""
    most = greatest(tensor)
    return f"{tensor.name}:{_sizes(tensor.shape, most) if most else shape_text(tensor.shape)}"


def buffer_state(buffer: Buffer) -> str:
    """Return `buffer`, or `buffer, not saved` for a buffer that is not in the state dict."""
    return "buffer" if buffer.persistent else "buffer, not saved"


def buffer_title(buffer: Buffer) -> str:
    """Return `buffer_state` for a tooltip, which has space for PyTorch's term."""
    return "buffer" if buffer.persistent else "buffer, not in the state dict"


def tied_keys(parameter: Parameter) -> tuple[str, ...]:
    """Return the keys that a parameter is tied to: the first occurrence, or all later ones if it is the first."""
    return (parameter.tied_to,) if parameter.tied_to else parameter.tied_by


def tied_text(keys: Sequence[str]) -> str:
    """Return `tied to embeddings.weight`."""
    return f"tied to {', '.join(keys)}"


def margin_text(parameter: Parameter, dtype: str) -> str:
    """Return the text that HTML shows after a parameter: its adapter state, and how it is stored and computed."""
    stored = parameter.stored_as if _is_stored_differently(parameter, dtype) else ""
    return ", ".join(filter(None, (parameter.adapter, stored, parameter.parametrized)))


def count_text(row: Row, page: Page) -> str:
    """Return the exact count of a row: `1,056 parameters each, 2 times, together 4.5 %; 4.2 KB`.

    Data types and devices follow if the model has several.
    """
    known = ((row.dtypes, page.dtypes), (row.devices, page.devices))
    several = [" + ".join(here) for here, everywhere in known if len(everywhere) > 1]
    each = f" each, {row.times} times, together" if row.times > 1 else ":"
    share = share_text(row, page)
    stored = ", ".join([size_text(row), *several])
    return f"{_range(row.counts, '{:,}'.format)} {row.counted}{each} {share}; {stored}"


def share_text(row: Row, page: Page) -> str:
    """Return the share of the model's elements that all modules of a row have: `6.5 %`."""
    return humanize.percent(row.elements, page.totals.count)


def size_text(row: Row) -> str:
    """Return the size of the parameters of one module: `4.2 KB`, `4.2 KB-1.1 MB` if the modules differ."""
    sizes = row.variation.stored_bytes if row.variation else (row.totals.stored_bytes,) * 2
    return _range(sizes, humanize.size)


def shape_text(shape: tuple[int, ...] | None) -> str:
    """Return `[768, 768]`, with `?` for a size that varies, or `[?]` for an uninitialized parameter."""
    return "[?]" if shape is None else humanize.shape(shape)


def change_text(change: Change) -> str:
    """Return the text for the change of a module or parameter: `added`, `renamed from query`, `trainable → frozen`."""
    return ", ".join(change.details) or change.kind


def parameter_states(parameter: Parameter, dtype: str = "") -> list[State]:
    """Return the states of a parameter. A trainable parameter of type `dtype` has none.

    A change that ends in a state, such as `trainable → frozen`, replaces that state.
    """
    found = list(_states(parameter, dtype))
    if parameter.change is None:
        return found
    details = parameter.change.details
    kept = [state for state in found if not any(detail.endswith(f"→ {state.text}") for detail in details)]
    return [*kept, State("change", change_text(parameter.change))]


def _states(parameter: Parameter, dtype: str) -> Iterator[State]:
    if parameter.delta:
        yield State("delta", f"delta, {parameter.adapter}" if parameter.adapter else "delta")
    if not parameter.trainable:
        yield State("frozen", "frozen")
    if parameter.shape is None:
        yield State("uninitialized", "uninitialized")
    if dtype and _is_stored_differently(parameter, dtype):
        yield State("stored_as", parameter.stored_as)
    if parameter.parametrized:
        yield State("parametrized", parameter.parametrized)
    if parameter.groups is not None and (groups := groups_text(parameter)):
        yield State("groups", groups)


def _is_stored_differently(parameter: Parameter, dtype: str) -> bool:
    return bool(parameter.quantization) or (parameter.dtype != dtype and parameter.shape is not None)


def states(parameter: Parameter, dtype: str = "") -> list[str]:
    """Return `parameter_states` as texts."""
    return [state.text for state in parameter_states(parameter, dtype)]
