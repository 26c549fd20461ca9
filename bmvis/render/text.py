"""Draw a tree as text, with the lines that bigmodelvis draws."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bmvis.model.tree import Parameter
from bmvis.render import row_marks, row_tensors, summary
from bmvis.render.columns import column_texts
from bmvis.render.connections import figure_lines
from bmvis.render.param_groups import param_group_lines
from bmvis.untrusted.log_text import without_commands
from bmvis.view.page import Page, Row

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def to_text(page: Page, *, marks: bool = True) -> str:
    """Return the tree as lines of text, without a final newline.

    Args:
        page: the page to draw.
        marks: whether to write what other formats show by color (frozen, delta, shared), and to add totals and ties
            below the tree. If not, the lines are the same as those of bigmodelvis.
    """
    lines = [
        guide + printable(row_text(row, marks=marks, dtype=page.dtype))
        for guide, row in zip(guides([row.depth for row in page.rows]), page.rows, strict=True)
    ]
    if marks and page.columns:
        lines = with_columns(lines, page)
    if marks:
        if page.figure:
            figure = [*map(printable, figure_lines(page.figure.figure))]
            if page.is_figure_alone:
                return "\n".join(figure)
            lines = [*figure, "", *lines]
        if page.param_groups:
            lines += ["", *param_group_lines(page.param_groups, page.totals)]
        lines += ["", *map(printable, summary.notes(page))]
    return "\n".join(lines)


def with_columns(lines: Sequence[str], page: Page) -> list[str]:
    """Return the lines of a tree with the cells of its rows, below a line with the heads."""
    width = max(map(len, lines))
    rows = zip(["", *lines], column_texts(page).aligned, strict=True)
    return [f"{line.ljust(width)}  {printable(cells)}" for line, cells in rows]


def printable(text: str) -> str:
    """Return the text with escapes for control characters and direction controls, and without CI commands."""
    escaped = text if text.isprintable() else _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return without_commands(escaped) if "##" in escaped or "::" in escaped else escaped


def row_text(row: Row, *, marks: bool = True, dtype: str = "") -> str:
    """Return one row without its tree lines: `dense (Linear) weight:[768, 768] bias:[768]`.

    Args:
        row: the row to write.
        marks: see `to_text`.
        dtype: the data type of most elements, which is omitted.
    """
    gap = " " if row.type and (row.repeats == 1 or row.is_similar) else ""
    parts = [f"{name_text(row)}{gap}{row.type}"]
    parts += [_parameter(parameter, dtype, marks) for parameter in row.shown_parameters]
    parts += [f"{row_tensors.tensor_text(buffer)} ({row_tensors.buffer_state(buffer)})" for buffer in row.buffers]
    parts += [mark_text(mark) for mark in row_marks.row_marks(row) if marks or mark.kind == "extra_repr"]
    return " ".join(filter(None, parts))


def name_text(row: Row) -> str:
    """Return the name of a row, of similar modules with their number: `denselayer1-6 ≈6`."""
    return f"{row.label} ≈{row.repeats_text}" if row.is_similar else row.label


def _parameter(parameter: Parameter, dtype: str, marks: bool) -> str:
    states = [f" ({state})" for state in row_tensors.states(parameter, dtype)] if marks else []
    return row_tensors.tensor_text(parameter) + "".join(states)


def mark_text(mark: row_marks.Mark) -> str:
    """Return a mark in a line of text: `(match)`, `# p=0.1`, `→ [1, 4]`, `… 2 modules below, 8 parameters`."""
    match mark.kind:
        case "extra_repr":
            return f"# {mark.text}"
        case "hidden":
            return f"… {mark.text}{mark.detail}"
        case "similar":
            return f"({mark.text}{mark.detail})"
        case "outputs" | "left_out":
            return mark.text
        case _:
            return f"({mark.text})"


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
