"""Draw a tree in a terminal, in the colors of the pages. Rich detects what the terminal supports."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text
from rich.tree import Tree

from bmvis.model.tree import Parameter
from bmvis.render import legend, row_counts, row_marks, row_tensors, summary
from bmvis.render.columns import HEADS, cells, column_texts
from bmvis.render.param_groups import param_group_lines
from bmvis.render.text import guides, mark_text, name_text, printable
from bmvis.view.page import Page, Row

# Each has a contrast of at least 4.5 to black and to white, because terminals do not report their background.
TYPE = Style(color="#188834")
TRAINABLE = Style(color="#0c72e7")
FROZEN = Style(color="#757575")
DELTA = Style(color="#a641ea")
REPEATED = Style(color="#e02d27")
SIMILAR = Style(color="#e02d27", italic=True)
MUTED = FROZEN
MATCHED = Style(bold=True, underline=True)
_CHANGES = {"added": DELTA, "removed": Style(color="#757575", strike=True)}
LINES = Style(color="#757575")
WIDE = 90
"""Minimum number of columns of a terminal with columns of numbers."""
NARROW = 24
"""Minimum number of columns for the tree next to selected columns. If less is left, the cells follow each row."""
MIN_WIDTH = 12
"""Minimum number of columns for a row at any depth. A narrower terminal breaks the lines."""
_PLAIN = Console(file=io.StringIO(), width=80)


def to_tree(page: Page) -> Tree:
    """Return the tree as an object that Rich can print: `rich.print(to_tree(page))`."""
    top = Tree("", guide_style=LINES, hide_root=True)
    trail = [top]
    for row in page.rows:
        del trail[row.depth + 1 :]
        trail.append(trail[-1].add(row_label(row, page.dtype)))
    return top.children[0] if page.has_root else top


def lines_below(page: Page, *, colored: bool = True) -> list[Text]:
    """Return the lines below a tree: its optimizer, totals and ties, and if there are colors, the legend."""
    about = [*param_group_lines(page.param_groups, page.totals), ""] if page.param_groups else []
    lines = [Text(printable(line), style=MUTED) for line in (*about, *summary.notes(page))]
    colors = Text("  ").join(_legend(page) if colored else [])
    return [Text(), *lines, colors] if colors else [Text(), *lines]


class TerminalTree:
    """A tree that Rich prints at the available width. Long rows continue on the next line, after the tree's lines.

    Args:
        page: the page to draw.
        columns: whether a wide terminal shows columns of the numbers of elements, and their shares.
    """

    def __init__(self, page: Page, *, columns: bool = False) -> None:
        self.page = page
        self._columns = columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines of the tree, then the lines below it."""
        rows, width = self.page.rows, options.max_width
        counts = _amounts(self.page) if self._columns and width >= WIDE else []
        amounts = _with_selected(counts, self.page)
        is_narrow = bool(self.page.columns) and width - amounts[0].cell_len < NARROW
        if is_narrow:
            amounts = []
        if amounts:
            width = max(width - amounts[0].cell_len, MIN_WIDTH)
            width = width if self._columns else min(width, widest_row(self.page))
            yield Text.assemble(" " * width, amounts[0], no_wrap=True, overflow="ignore")
        step = _step(max(row.depth for row in rows), width)
        before = guides([row.depth for row in rows])
        for index, row in enumerate(rows):
            is_open = index + 1 < len(rows) and rows[index + 1].depth > row.depth
            first = _narrowed(before[index], step, options.ascii_only)
            continued = before[index].replace("├── ", "│   ").replace("└── ", "    ") + ("│   " if is_open else "    ")
            rest = _narrowed(continued, step, options.ascii_only)
            parts = [
                *_parts(row, self.page.dtype, columns=bool(counts)),
                *(_cells(row, self.page) if is_narrow else ()),
            ]
            for number, line in enumerate(_lines(parts, width - len(first), width - len(rest))):
                drawn = Text.assemble((rest if number else first, LINES), line, no_wrap=True, overflow="ignore")
                if amounts and not number:
                    drawn.append(" " * (width - drawn.cell_len)).append(amounts[index + 1])
                yield drawn
        for line in lines_below(self.page, colored=console.color_system is not None and not console.no_color):
            yield from line.wrap(console, options.max_width)


def _with_selected(counts: list[Text], page: Page) -> list[Text]:
    """Return the columns that the options select before those of the counts, if there are any."""
    if not page.columns:
        return counts
    selected = (Text(f"  {printable(line)}", style=MUTED) for line in column_texts(page).aligned)
    return [chosen + count for chosen, count in zip(selected, counts or [Text()] * (len(page.rows) + 1), strict=True)]


def _cells(row: Row, page: Page) -> Iterator[Text]:
    """Yield the cells of a row with their heads, for a terminal without room for columns."""
    for cell in cells(row, page):
        yield Text(printable(f"{HEADS[cell.column]}: {cell.text}"), style=MUTED)


def widest_row(page: Page) -> int:
    """Return the width of the widest row, in columns."""
    return max(4 * row.depth + row_label(row, page.dtype).cell_len for row in page.rows)


def _amounts(page: Page) -> list[Text]:
    """Return the columns of each row, and before them their heading; nothing if no row has elements.

    The shares are left out if the option `columns` selects them.
    """
    if not page.totals.count:
        return []
    counts, shares = [page.counted], ["share"]
    for row in page.rows:
        is_counted = row.counts[1] > 0
        counts.append(row_counts.amount_text(row) if is_counted else "")
        shares.append(row_counts.share_text(row, page) if is_counted else "")
    wide, narrow = max(map(len, counts)), max(map(len, shares))
    if "share" in page.columns:
        return [Text(f"  {count:>{wide}}", style=MUTED) for count in counts]
    pairs = zip(counts, shares, strict=True)
    return [Text(f"  {count:>{wide}}  {share:>{narrow}}", style=MUTED) for count, share in pairs]


def print_page(page: Page, console: Console, *, columns: bool = False) -> None:
    """Print the tree. If the terminal is still too narrow, it breaks lines rather than truncates them.

    Args:
        page: the page to print.
        console: the console to print it on.
        columns: see `TerminalTree`.
    """
    console.print(TerminalTree(page, columns=columns), soft_wrap=True)


def row_label(row: Row, dtype: str) -> Text:
    """Return one row: its name, type, tensors and marks."""
    return Text(" ").join(part for part in _parts(row, dtype) if part)


def _parts(row: Row, dtype: str, *, columns: bool = False) -> Iterator[Text]:
    style = SIMILAR if row.is_similar else REPEATED if row.repeats > 1 else ""
    name = Text(printable(name_text(row)), style=style)
    if row.is_match:
        name.stylize(MATCHED)
    if row.module and row.module.change:
        name.stylize(_CHANGES.get(row.module.change.kind, ""))
    if row.module and row.module.common:
        name.stylize(MUTED)
    if row.type or (columns and row.shown_type):
        gap = "" if row.repeats > 1 and not row.is_similar else " "
        name.append(gap).append(printable(row.shown_type), style=TYPE)
    yield name
    kind = row.module.change.kind if row.module and row.module.change else ""
    for parameter in row.shown_parameters:
        yield _parameter(parameter, dtype, parameter.change.kind if parameter.change else kind)
    for buffer in row.buffers:
        yield Text(printable(f"{row_tensors.tensor_text(buffer)} ({row_tensors.buffer_state(buffer)})"), style=MUTED)
    for mark in row_marks.row_marks(row):
        # The column has the details.
        shown = row_marks.Mark(mark.kind, mark.text) if columns and mark.kind in ("hidden", "similar") else mark
        yield Text(printable(mark_text(shown)), style=MUTED)


def _parameter(parameter: Parameter, dtype: str, change: str) -> Text:
    style = _CHANGES.get(change) or _state(parameter)
    text = Text(printable(row_tensors.tensor_text(parameter)), style=style)
    for state in row_tensors.states(parameter, dtype):
        text.append(f" ({state})", style=MUTED)
    return text


def _state(parameter: Parameter) -> Style:
    if parameter.delta:
        return DELTA
    return TRAINABLE if parameter.trainable else FROZEN


_COLORS: dict[legend.LegendKind, Style] = {
    "trainable": TRAINABLE,
    "frozen": FROZEN,
    "delta": DELTA,
    "adapter": DELTA,
    "repeated": REPEATED,
    "similar": SIMILAR,
}
"""The kinds that only color shows in a terminal. The others have text."""


def _legend(page: Page) -> Iterable[Text]:
    """Return a legend entry for each color that occurs."""
    styles = {entry.text: _COLORS[entry.kind] for entry in legend.legend(page) if entry.kind in _COLORS}
    return [Text(word, style=style) for word, style in styles.items()]


def _step(depth: int, width: int) -> int:
    """Return the number of columns for each level: 4, or less if lines would take half of a narrow terminal."""
    return next((step for step in (4, 2) if step * depth <= width // 2), 1)


def _narrowed(guide: str, step: int, is_ascii: bool) -> str:
    """Return tree lines with `step` columns for each level."""
    narrow = "".join(guide[start : start + step] for start in range(0, len(guide), 4))
    return narrow.translate(_ASCII) if is_ascii else narrow


_ASCII = str.maketrans({"├": "+", "└": "`", "─": "-", "│": "|"})


def _lines(parts: list[Text], first: int, rest: int) -> Iterator[Text]:
    """Yield the parts of a row in lines of at most `first` columns for the first line, and `rest` for the others.

    A part can break after the commas between names; at spaces only if it is longer than a line.
    """
    first, rest = max(first, MIN_WIDTH), max(rest, MIN_WIDTH)
    line, room = Text(), first
    for part in parts:
        for piece in _pieces(part, min(first, rest)):
            if line and line.cell_len + piece.cell_len - piece.plain.endswith(" ") > room:
                line.rstrip()
                yield line
                line, room = Text(), rest
            line = Text.assemble(line, piece)
        if line:
            line.append(" ")
    line.rstrip()
    yield line


def _pieces(part: Text, width: int) -> Iterator[Text]:
    """Yield what stays on one line of `width` columns. What is longer than that is cut."""
    for word in _divided(part, _SPACE) if part.cell_len > width else [part]:
        for name in _divided(word, row_tensors.COMMA_OF_NAMES):
            yield from name.wrap(_PLAIN, width, overflow="fold") if name.cell_len > width else [name]


def _divided(text: Text, separator: re.Pattern[str]) -> Iterable[Text]:
    return text.divide([match.end() for match in separator.finditer(text.plain)])


_SPACE = re.compile(" +")
