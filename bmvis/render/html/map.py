"""Draw a map of the parameters: cells as wide as their share of the model, in one line for each level.

The map is SVG, colored by the stylesheet. Without a stylesheet, the cells are outlines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bmvis import humanize
from bmvis.model.preorder import parents
from bmvis.render.html.markup import Markup, join, svg, svg_link, svg_words, tag
from bmvis.render.html.row import PathLink
from bmvis.view.page import Page, Row

WIDTH, LINE = 1000, 24
LEVELS = 7
"""Number of lines of cells, including the one of the root. Deeper modules are only in the tree."""
THUMBNAIL_LEVELS, THUMBNAIL_MIN_WIDTH = 4, 6.0
"""Number of lines of a thumbnail, and the minimum width of its cells."""
THUMBNAIL_MIN_SHARE = 0.25
"""Minimum width of a thumbnail, as a share of the widest one."""
MIN_WIDTH = 2.0
"""Minimum width of a cell, in units of `WIDTH`."""
LETTER, EDGES = 7.4, 12
"""Width of a letter of a label, and of the space around the label, in pixels."""
WIDTHS = (300, 400, 600, 800, 1000)
"""Widths of the map, in pixels, at which the stylesheet starts to show labels. A label has the first that it fits."""


class MapCell(msgspec.Struct, frozen=True):
    """One row of the tree with its position on the map."""

    row: Row
    left: float
    width: float
    """Proportional to `Row.first`, in units of `WIDTH`."""
    state: str


def to_map(page: Page, link: PathLink = lambda path: None) -> Markup | None:
    """Return the map as one element; None for a tree without parameters.

    The cells scale with the width of the page; the text does not.

    Args:
        page: the page to draw.
        link: returns the addresses of rows, which cells link to.
    """
    cells = list(_cells(page))
    if not cells:
        return None
    drawn = svg(
        *(_draw(cell, page, link) for cell in cells),
        width="100%",
        height=(1 + max(cell.row.depth for cell in cells)) * LINE,
        role="group",
        aria_label=f"Map of the {page.counted}; the tree shows the same as text",
    )
    return tag("div", drawn, class_="bmvis-map")


def to_thumbnail(page: Page, largest: int = 0) -> Markup | None:
    """Return a small map without text, starting at the first level that shows several modules.

    Its text alternative names the largest modules of that level. Lines separate repeated modules, where there is room.

    Args:
        page: the page to draw.
        largest: the number of parameters of the largest model of its family. The map of a smaller model is narrower:
            by the fourth root, so that small models are still visible.
    """
    share = max(THUMBNAIL_MIN_SHARE, min(1.0, (page.totals.count / largest) ** 0.25)) if largest else 1.0
    cells = [cell for cell in _cells(page, share) if cell.width >= THUMBNAIL_MIN_WIDTH]
    if not cells:
        return None
    levels = [cell.row.depth for cell in cells]
    top_level = next((level for level in range(LEVELS) if levels.count(level) > 1), 0)
    cells = [cell for cell in cells if 0 <= cell.row.depth - top_level < THUMBNAIL_LEVELS]
    shapes: dict[str, list[str]] = {}
    for cell in cells:
        shapes.setdefault(cell.state, []).append(_outlines(cell, (cell.row.depth - top_level) * LINE))
    return svg(
        *(tag("path", d="".join(drawn), class_=f"bmvis-{state}") for state, drawn in shapes.items()),
        class_="bmvis-thumbnail",
        viewBox=f"0 0 {WIDTH} {THUMBNAIL_LEVELS * LINE}",
        fill="none",
        stroke="currentColor",
        preserveAspectRatio="none",
        role="img",
        aria_label=_in_words([cell for cell in cells if cell.row.depth == top_level], page.totals.count),
    )


def _outlines(cell: MapCell, top: int) -> str:
    """Return the path of a cell, and of the lines between the repeated modules in it."""
    left, width, count = cell.left, cell.width, cell.row.repeats
    inner = range(1, count) if width / count >= THUMBNAIL_MIN_WIDTH else ()
    lines = "".join(f"M{_short(left + width * index / count)} {top}v{LINE}" for index in inner)
    return f"M{_short(left)} {top}h{_short(width)}v{LINE}h-{_short(width)}z{lines}"


def _in_words(cells: Sequence[MapCell], whole: int) -> str:
    """Return the text alternative of a thumbnail: `Where the parameters are: encoder 78 %, embeddings 21 %`."""
    largest = sorted(cells, key=lambda cell: -cell.row.first)[:4]
    parts = [f"{cell.row.path or cell.row.label} {humanize.percent(cell.row.first, whole)}" for cell in largest]
    return f"Where the parameters are: {', '.join(parts)}"


def _cells(page: Page, share: float = 1.0) -> Iterator[MapCell]:
    """Yield the cells of a map that takes this share of `WIDTH`."""
    rows = page.rows
    whole = sum(row.first for row in rows if not row.depth)
    if not whole:
        return
    scale = share * WIDTH / whole
    ends = [0.0] * (LEVELS + 1)  # the left edge of the next cell of each level
    for row, state in zip(rows, _states(rows), strict=True):
        if row.depth >= LEVELS or not row.first:
            continue
        left, width = ends[row.depth], row.first * scale
        ends[row.depth] = left + width
        ends[row.depth + 1] = left
        if width >= MIN_WIDTH:
            yield MapCell(row, left, width, state)


def _states(rows: Sequence[Row]) -> list[str]:
    """Return for each row the state of all parameters in its subtree, or `mixed`."""
    found, above = [set[str]() for _ in rows], parents(row.depth for row in rows)
    for index in range(len(rows) - 1, -1, -1):
        found[index] |= _own_states(rows[index])
        if above[index] >= 0:
            found[above[index]] |= found[index]
    return [states.pop() if len(states) == 1 else "mixed" for states in found]


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


def _draw(cell: MapCell, page: Page, link: PathLink) -> Markup:
    whole, state = page.totals.count, "" if page.is_checkpoint else f", {cell.state}"
    row, top = cell.row, cell.row.depth * LINE
    share = humanize.percent(row.first, whole)
    words = f"{row.path or row.label}: {row.first:,} {page.counted}, {share}{state}"
    left, width = _percent(cell.left), _percent(cell.width)
    box = tag("rect", x=left, y=top, width=width, height=LINE, fill="none", stroke="currentColor")
    drawn = tag("g", join(svg_words("title", words), box, _label(cell, left, top)), class_=f"bmvis-{cell.state}")
    href = link(row.path) if row.module else None
    # Not in the tab order: the tree has the same rows, and reaches them by keyboard.
    return svg_link(drawn, href=href, tabindex="-1") if href else drawn


def _label(cell: MapCell, left: str, top: int) -> Markup | None:
    """Return the label of a cell, with the width of the map that it needs; None if no `WIDTHS` is enough."""
    row = cell.row
    label = row.label or row.names[0]
    if row.repeats > 1 or row.is_similar:
        label += f" {'≈' if row.is_similar else '×'}{row.repeats_text}"
    needed = (len(label) * LETTER + EDGES) / (cell.width / WIDTH)
    width = next((width for width in WIDTHS if width >= needed), None)
    return tag("text", label, x=left, y=top, dx=6, dy=16, data_from=width) if width else None


def _percent(length: float) -> str:
    return f"{100 * length / WIDTH:.2f}".rstrip("0").rstrip(".") + "%"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
