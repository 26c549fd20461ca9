"""Draw where the parameters are: a map of cells, as wide as their share of the whole, one line for each level.

Plain SVG that the stylesheet colours; without it the cells are outlines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bmvis import humanize
from bmvis.render.html.markup import Markup, join, tag
from bmvis.view.page import Page, Row

WIDTH, LINE = 1000, 24
LEVELS = 7
"""Lines of cells, the root's being the first; deeper modules are told by the tree."""
THUMBNAIL_LEVELS, THUMBNAIL_LEAST = 4, 6.0
"""Lines of a thumbnail, and the width from which it shows a cell."""
LEAST = 2.0
"""Width from which a cell is drawn."""
LETTER, EDGES = 7.4, 12
"""Width of a letter of a label, and of what is left free beside it, in pixels."""
WIDTHS = (300, 400, 600, 800, 1000)
"""Widths of the map in pixels from which the stylesheet shows a label: the first that it fits in."""


class Cell(msgspec.Struct, frozen=True):
    """One row of the tree with its place on the map."""

    row: Row
    left: float
    width: float
    """By the elements of all modules that the row stands for, each tensor counted where it is first met."""
    state: str


def to_map(page: Page) -> Markup | None:
    """Return the map as one element; None for a tree without parameters.

    Its cells are as wide as the page lets them be, its letters are not: they stay as large as they are.
    """
    cells = list(_cells(page))
    if not cells:
        return None
    drawn = tag(
        "svg",
        *(_draw(cell, page) for cell in cells),
        width="100%",
        height=(1 + max(cell.row.depth for cell in cells)) * LINE,
        role="img",
        aria_label=f"Where the {page.counted} are; the tree says the same in words",
    )
    return tag("div", drawn, class_="bmvis-map")


def to_thumbnail(page: Page) -> Markup | None:
    """Return a small map without words, from the first level on that has several modules to show.

    Its text alternative names the largest of that level.
    """
    cells = [cell for cell in _cells(page) if cell.width >= THUMBNAIL_LEAST]
    if not cells:
        return None
    levels = [cell.row.depth for cell in cells]
    top_level = next((level for level in range(LEVELS) if levels.count(level) > 1), 0)
    cells = [cell for cell in cells if 0 <= cell.row.depth - top_level < THUMBNAIL_LEVELS]
    shapes: dict[str, list[str]] = {}
    for cell in cells:
        left, top, width = _short(cell.left), (cell.row.depth - top_level) * LINE, _short(cell.width)
        shapes.setdefault(cell.state, []).append(f"M{left} {top}h{width}v{LINE}h-{width}z")
    return tag(
        "svg",
        *(tag("path", d="".join(drawn), class_=f"bmvis-{state}") for state, drawn in shapes.items()),
        class_="bmvis-thumbnail",
        viewBox=f"0 0 {WIDTH} {THUMBNAIL_LEVELS * LINE}",
        preserveAspectRatio="none",
        role="img",
        aria_label=_in_words([cell for cell in cells if cell.row.depth == top_level], page.totals.count),
    )


def _in_words(cells: Sequence[Cell], whole: int) -> str:
    """Return where the parameters are: `encoder 78 %, embeddings 21 %`."""
    largest = sorted(cells, key=lambda cell: -cell.row.first)[:4]
    parts = [f"{cell.row.path or cell.row.label} {humanize.percent(cell.row.first, whole)}" for cell in largest]
    return f"Where the parameters are: {', '.join(parts)}"


def _cells(page: Page) -> Iterator[Cell]:
    rows = page.rows
    if not rows[0].first:
        return
    scale = WIDTH / rows[0].first
    ends = [0.0] * (LEVELS + 1)  # where the next cell of each level starts
    for row, state in zip(rows, _states(rows), strict=True):
        if row.depth >= LEVELS or not row.first:
            continue
        left, width = ends[row.depth], row.first * scale
        ends[row.depth] = left + width
        ends[row.depth + 1] = left
        if width >= LEAST:
            yield Cell(row, left, width, state)


def _states(rows: Sequence[Row]) -> list[str]:
    """Return for each row the state that all parameters below it share, if they do."""
    found, above = [set[str]() for _ in rows], _above(rows)
    for index in range(len(rows) - 1, -1, -1):
        found[index] |= _own_states(rows[index])
        if index:
            found[above[index]] |= found[index]
    return [states.pop() if len(states) == 1 else "mixed" for states in found]


def _above(rows: Sequence[Row]) -> list[int]:
    trail: list[int] = []
    found = []
    for index, row in enumerate(rows):
        del trail[row.depth :]
        found.append(trail[-1] if trail else -1)
        trail.append(index)
    return found


def _own_states(row: Row) -> set[str]:
    totals = row.totals
    if row.hidden:
        whole = {"trainable": totals.trainable, "frozen": totals.count - totals.trainable}
        return {"mixed"} if totals.delta else {state for state, count in whole.items() if count}
    return {
        "delta" if parameter.delta else "trainable" if parameter.trainable else "frozen"
        for parameter in row.parameters
        if not parameter.tied_to
    }


def _draw(cell: Cell, page: Page) -> Markup:
    whole, state = page.totals.count, "" if page.is_checkpoint else f", {cell.state}"
    row, top = cell.row, cell.row.depth * LINE
    share = humanize.percent(row.first, whole)
    words = f"{row.path or row.label}: {row.first:,} {page.counted}, {share}{state}"
    left, width = _percent(cell.left), _percent(cell.width)
    box = tag("rect", x=left, y=top, width=width, height=LINE, fill="none", stroke="currentColor")
    return tag("g", join(tag("title", words), box, _label(cell, left, top)), class_=f"bmvis-{cell.state}")


def _label(cell: Cell, left: str, top: int) -> Markup | None:
    """Return the name in a cell, with the width of the map that it needs; None where no usual map is as wide."""
    row = cell.row
    label = row.label or row.names[0]
    if row.repeats > 1:
        label += f" ×{row.repeats}"
    needed = (len(label) * LETTER + EDGES) / (cell.width / WIDTH)
    width = next((width for width in WIDTHS if width >= needed), None)
    return tag("text", label, x=left, y=top, dx=6, dy=16, data_from=width) if width else None


def _percent(length: float) -> str:
    return f"{100 * length / WIDTH:.2f}".rstrip("0").rstrip(".") + "%"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
