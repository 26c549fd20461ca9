"""Draw a tree as text, with the lines that bigmodelvis draws."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bmvis import humanize
from bmvis.model.call_summary import ALL_OPERATIONS, CallSummary
from bmvis.model.totals import Totals
from bmvis.model.tree import Buffer, Change, Output, Parameter
from bmvis.render.param_groups import param_group_lines
from bmvis.view.page import Page, Row
from bmvis.view.param_groups import groups_text

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
MAX_OUTPUTS = 3
"""Tensors of one output that a row shows."""
MAX_UNCOUNTED = 4
"""Operations without a count that are named."""


def to_text(page: Page, *, marks: bool = True) -> str:
    """Return the tree as lines of text, without a final newline.

    Args:
        page: what to draw.
        marks: say in words what colours say elsewhere (frozen, delta, shared), and add the totals
            and the ties below the tree. Without, the lines are those of bigmodelvis.
    """
    lines = [
        guide + printable(row_text(row, marks=marks, dtype=page.dtype))
        for guide, row in zip(guides([row.depth for row in page.rows]), page.rows, strict=True)
    ]
    if marks:
        if page.param_groups:
            lines += ["", *param_group_lines(page.param_groups, page.totals)]
        lines += ["", *map(printable, footer(page))]
    return "\n".join(lines)


def printable(text: str) -> str:
    """Return one line that is taken for text: control and direction characters are written as escapes."""
    return text if text.isprintable() else _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def row_text(row: Row, *, marks: bool = True, dtype: str = "") -> str:
    """Return one row without its tree lines: `dense (Linear) weight:[768, 768] bias:[768]`.

    `dtype` is the data type that goes without saying.
    """
    tensors = [parameter_text(p, marks=marks, dtype=dtype) for p in row.parameters] + [
        buffer_text(b) for b in row.buffers
    ]
    words = [_head(row), *tensors, f"# {row.extra_repr}" if row.extra_repr else ""]
    return " ".join(word for word in (*words, *(row_marks(row) if marks else ())) if word)


def row_marks(row: Row) -> Iterator[str]:
    """Yield in words what else is to be known of a row: what is shared, left out, asked for, unlike its like."""
    if row.module and row.module.change:
        yield f"({change_text(row.module.change)})"
    if row.module and row.module.shared_with is not None:
        yield f"(same module as {row.module.shared_with or 'the root'})"
    yield from call_marks(row)
    if row.hidden:
        yield hidden_text(row)
    if row.left_out:
        yield left_out_text(row)
    if row.module and row.module.common == "other":
        yield "(not common)"
    if row.is_match:
        yield "(match)"
    if row.differs:
        yield f"({row.differs})"


def call_marks(row: Row) -> Iterator[str]:
    """Yield what a row's modules return, and that they are not called once each."""
    if row.call_summary is None:
        return
    if row.call_summary.outputs:
        yield outputs_text(row.call_summary)
    if row.call_summary.calls != (1, 1):
        yield f"({calls_text(row.call_summary)})"


def outputs_text(flow: CallSummary) -> str:
    """Return `→ [1, 128, 768]`, or of a dictionary `→ logits:[1, 2] hidden:[1, 128, 768]`; ranges as `[1, 7-56]`."""
    shown = [f"{output.name}:{_sizes(output)}" if output.name else _sizes(output) for output in flow.outputs]
    more = len(shown) - MAX_OUTPUTS
    return " ".join(["→", *shown[:MAX_OUTPUTS], *([f"… {more} more"] if more > 0 else [])])


def calls_text(flow: CallSummary) -> str:
    """Return `not called`, `called 12 times` or `called 0-2 times`."""
    least, most = flow.calls
    if not most:
        return "not called"
    return f"called {least if least == most else f'{least}-{most}'} times"


def macs_text(flow: CallSummary) -> str:
    """Return `11.2G MACs, 95.4 MB computed`; of several modules that differ, from the least to the most.

    A number that lacks operations is a least value, and names them: `at least 1K MACs, …; 1 operation not counted
    (mylib::mm)`.
    """
    macs, sizes = (dict.fromkeys(map(write, span)) for write, span in ((_giga, flow.macs), (humanize.size, flow.bytes)))
    computed = f"{'-'.join(sizes)} computed"
    if not flow.uncounted:
        return f"{'-'.join(macs)} MACs, {computed}"
    if ALL_OPERATIONS in flow.uncounted:
        return "MACs not counted: the model fails while its operations are watched"
    return f"at least {'-'.join(macs)} MACs, {computed}; {_uncounted(flow.uncounted)}"


def _uncounted(names: Sequence[str]) -> str:
    shown = ", ".join([*names[:MAX_UNCOUNTED], *(["…"] if names[MAX_UNCOUNTED:] else [])])
    return f"{len(names)} operation{'' if len(names) == 1 else 's'} not counted ({shown})"


def _giga(number: int) -> str:
    return humanize.count(number).replace("B", "G")


def _sizes(output: Output) -> str:
    if output.shape is None:
        return "[varies]"
    pairs = zip(output.shape, output.most or output.shape, strict=True)
    return f"[{', '.join(str(a) if a == b else f'{a}-{b}' for a, b in pairs)}]"


def _head(row: Row) -> str:
    gap = " " if row.type and row.repeats == 1 else ""
    return f"{row.label}{gap}{row.type}"


def parameter_text(parameter: Parameter, *, marks: bool = True, dtype: str = "") -> str:
    """Return `weight:[768, 768]`, and in words what is special about it."""
    return f"{parameter.name}:{shape_text(parameter.shape)}" + (
        "".join(f" ({m})" for m in states(parameter, dtype)) if marks else ""
    )


def buffer_text(buffer: Buffer) -> str:
    """Return `running_mean:[64] (buffer)`."""
    return f"{buffer.name}:{shape_text(buffer.shape)} ({'buffer' if buffer.persistent else 'buffer, not saved'})"


def shape_text(shape: tuple[int, ...] | None) -> str:
    """Return `[768, 768]`; `?` stands for a side that varies, and for the shape of a parameter that has none yet."""
    return "[?]" if shape is None else humanize.shape(shape)


def hidden_text(row: Row) -> str:
    """Return what a depth limit left out below the row: `… 12 modules, 7.1M parameters`."""
    plural = "" if row.hidden == 1 else "s"
    unchanged = ", unchanged" if row.is_unchanged else ""
    return f"… {row.hidden:,} module{plural} below{unchanged}, {humanize.count(row.totals.count)} {row.counted}"


def left_out_text(row: Row) -> str:
    """Return how many modules below are not shown, and why: `… 3 modules not common`."""
    return f"… {row.left_out:,} module{'' if row.left_out == 1 else 's'} {row.left_out_as}"


def change_text(change: Change) -> str:
    """Return what became of a module or parameter: `added`, `was query`, `trainable → frozen`."""
    return ", ".join(change.details) or change.kind


def states(parameter: Parameter, dtype: str = "") -> list[str]:
    """Return in words all that is not plain about a parameter; a trainable one of type `dtype` is plain."""
    delta = f"delta, {parameter.adapter}" if parameter.adapter else "delta"
    found = [delta] if parameter.delta else []
    if not parameter.trainable:
        found.append("frozen")
    if parameter.shape is None:
        found.append("uninitialized")
    if parameter.quantization or (dtype and parameter.dtype != dtype and parameter.shape is not None):
        found.append(parameter.stored_as)
    if parameter.groups is not None:
        found += filter(None, [groups_text(parameter)])
    if parameter.change:
        found = [word for word in found if not any(d.endswith(f"→ {word}") for d in parameter.change.details)]
        found.append(change_text(parameter.change))
    return found


def footer(page: Page) -> Iterator[str]:
    """Yield the lines below a tree: its totals, then its ties."""
    yield f"{page.type or 'checkpoint'}: {totals_text(page)}{f'; {matches_text(page.matches)}' if page.matches else ''}"
    if page.call_summary:
        yield f"one call: {macs_text(page.call_summary)}"
    if page.before:
        yield f"before: {before_text(page.before, page.is_before_checkpoint)}"
    for key, first in page.ties:
        yield f"tied: {key} = {first}"


def totals_text(page: Page) -> str:
    """Return the totals line: `109,514,298 parameters, all trainable; float32, 438.1 MB`."""
    totals = page.totals
    if not totals.count and not page.uninitialized:
        return "no parameters"
    parts = [f"{totals.count:,} {page.counted}"]
    if totals.count and not page.is_checkpoint:
        parts.append(trainable_text(page))
    if totals.delta:
        parts.append(f"{totals.delta:,} delta ({humanize.percent(totals.delta, totals.count)})")
    if page.uninitialized:
        parts.append(f"{page.uninitialized} uninitialized and not counted")
    return f"{', '.join(parts)}; {storage_text(page.dtypes, page.devices)}, {humanize.size(totals.stored_bytes)}"


def before_text(totals: Totals, is_checkpoint: bool = False) -> str:
    """Return the sums of a model that another is compared with: `109,514,298 parameters, 109,514,298 trainable`."""
    if is_checkpoint:
        return f"{totals.count:,} elements; {humanize.size(totals.stored_bytes)}"
    parts = [f"{totals.count:,} parameters", f"{totals.trainable:,} trainable"]
    if totals.delta:
        parts.append(f"{totals.delta:,} delta")
    return f"{', '.join(parts)}; {humanize.size(totals.stored_bytes)}"


def storage_text(dtypes: Sequence[str], devices: Sequence[str]) -> str:
    """Return `float32 + bfloat16`, and `on cuda:0 + cpu` where there are several devices."""
    where = f" on {' + '.join(devices)}" if len(devices) > 1 else ""
    return " + ".join(dtypes) + where


def matches_text(count: int) -> str:
    """Return `12 matches`."""
    return f"{count:,} match{'' if count == 1 else 'es'}"


def trainable_text(page: Page) -> str:
    """Return `all trainable`, `all frozen`, or the number and share that train."""
    totals = page.totals
    if totals.trainable == totals.count:
        return "all trainable"
    if not totals.trainable:
        return "all frozen"
    return f"{totals.trainable:,} trainable ({humanize.percent(totals.trainable, totals.count)})"


def guides(depths: Sequence[int]) -> list[str]:
    """Return the tree lines before each row, given the rows' depths in preorder."""
    last = [True] * len(depths)
    open_levels: dict[int, int] = {}
    for index, depth in enumerate(depths):
        for level in [level for level in open_levels if level > depth]:
            del open_levels[level]
        if depth in open_levels:
            last[open_levels[depth]] = False
        open_levels[depth] = index
    found = []
    before = ["", ""]
    for index, depth in enumerate(depths):
        if depth == 0:
            found.append("")
            continue
        found.append(before[depth] + ("└── " if last[index] else "├── "))
        del before[depth + 1 :]
        before.append(before[depth] + ("    " if last[index] else "│   "))
    return found
