"""Draw the columns of the option `columns`: a cell for each fact at the end of each row.

The cells are aligned by the stylesheet, which has a class for each width, because a strict Content Security Policy
forbids inline styles. Where the tree is too narrow, they follow the row on a line of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bmvis.render import columns
from bmvis.render.html import members
from bmvis.render.html.markup import Markup, join, tag
from bmvis.view.page import Page, Row

SHAPE_WIDTHS = (7, 10, 13, 16, 19, 22)
"""Widths of columns with shapes, in em. The stylesheet has a class for each, and for each of `TREE_WIDTHS`."""
TREE_WIDTHS = (40, 50, 60, 70, 80, 90, 100)
"""Least widths, in em, of trees that draw their columns next to the rows."""
_CHARACTER = 0.61
"""Width of a character, in em."""
_NUMBER, _GAP = 6, 1
"""Widths in em: of a column with numbers, and before one with shapes."""
_ROW, _LEVEL = 24, 1.5
"""Widths in em: of a row with its count, and of the indentation of a level."""


def tree_classes(page: Page) -> str:
    """Return the classes of a tree with columns, after a space; '' for a tree without columns."""
    if not page.columns:
        return ""
    texts = columns.column_texts(page)
    longest = dict(zip(page.columns, texts.widths, strict=True))
    shapes = {name: _step(longest[name] * _CHARACTER, SHAPE_WIDTHS) for name in page.columns if name in columns.SHAPES}
    numbers = len(page.columns) - len(shapes)
    row = _ROW + _LEVEL * max(row.depth for row in page.rows)
    tree = _step(row + sum(shapes.values()) + len(shapes) * _GAP + numbers * _NUMBER, TREE_WIDTHS)
    widths = "".join(f" bmvis-{name}-{width}" for name, width in shapes.items())
    return f" bmvis-columns{widths} bmvis-numbers-{numbers} bmvis-from-{tree}"


def row_cells(row: Row, page: Page) -> Markup | None:
    """Return the cells of a row; None if the page has no columns."""
    if not page.columns:
        return None
    return join(" ", tag("span", *_cells(row, page), class_="bmvis-cells"))


def _cells(row: Row, page: Page) -> Iterator[Markup]:
    for cell in columns.cells(row, page):
        yield tag(
            "span",
            f"{cell.text} ",  # the space, which is not drawn, separates the text of the cells
            class_=f"bmvis-cell bmvis-{cell.column}",
            data_h=columns.HEADS[cell.column],
            data_v=members.cell(row, page, cell.column),
            title=cell.detail or None,
        )


def _step(width: float, steps: Sequence[int]) -> int:
    return next((step for step in steps if step >= width), steps[-1])
