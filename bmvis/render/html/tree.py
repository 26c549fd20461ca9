"""Draw a tree as HTML: nested lists of `<details>`, which fold without a script.

The stylesheet and the script are in `bmvis/static/`. The HTML has no inline style or script, so it works with a strict
Content Security Policy. All text is escaped, and every id starts with the tree's anchor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from bmvis.model.tree import Model, Module
from bmvis.render import row_counts, summary
from bmvis.render.html import members
from bmvis.render.html.columns import row_cells, tree_classes
from bmvis.render.html.legend import to_legend
from bmvis.render.html.markup import Markup, join, prose, safe_name, tag
from bmvis.render.html.row import PathLink, TypeLink, to_row
from bmvis.render.html.totals import before_line, totals_line
from bmvis.render.param_groups import to_table
from bmvis.view.page import Page, Row
from bmvis.view.row_finder import row_finder, shown_at

SHORT_TREE = 60
"""Maximum number of rows of a tree that is completely open when the page loads, with the legend below it."""
FEW_ROWS = 8
"""Maximum number of rows of a tree above which the stylesheet shows no tools."""
LONG_TREE = 300
"""Maximum number of rows that the browser always lays out. In longer trees, it lays out only the visible rows."""
COLUMNS = ((13, " bmvis-ranges bmvis-many"), (10, " bmvis-ranges"), (6, " bmvis-times"))
"""Numbers of characters in the column of counts above which it is wider, and the classes for that."""
SHARE_STEPS = 20
"""Number of lengths of the bar that shows a row's share of the model. The stylesheet has a rule for each."""


def to_html(page: Page, anchor: str, *, type_link: TypeLink | None = None) -> Markup:
    """Return the tree as one HTML element.

    Args:
        page: the page to draw.
        anchor: the id of the element. The id of a row is `anchor.path`.
        type_link: returns a link for the type of a module; None for plain text.
    """
    options = page.options
    caption_id = f"{anchor}-caption" if options.caption else None
    return tag(
        "div",
        _figure(page, anchor),
        *([] if page.is_figure_alone else _parts(page, anchor, type_link)),
        tag("p", prose(options.caption), class_="bmvis-caption", id=caption_id, dir="auto")
        if options.caption
        else None,
        class_=" ".join(("bmvis", *options.classes)),
        id=anchor,
        dir="ltr",  # names, types and shapes are code, also on a page in Arabic or Hebrew
        role="figure",
        aria_labelledby=None if options.alt else caption_id,
        aria_label=options.alt or (None if caption_id else f"Structure of {page.type or 'a checkpoint'}"),
    )


def _figure(page: Page, anchor: str) -> Markup | None:
    if page.figure is None:
        return None
    from bmvis.render.html.figure import to_figure

    link: PathLink = (lambda path: None) if page.is_figure_alone else _Links(anchor, page.rows).nearest
    return to_figure(page.figure, anchor, link, page.type or "a model")


def _parts(page: Page, anchor: str, type_link: TypeLink | None) -> Iterator[Markup | None]:
    """Yield the tree, and what is above and below it."""
    is_long = len(page.rows) > SHORT_TREE
    is_mixed = 0 < page.totals.trainable < page.totals.count
    yield to_table(page.param_groups, page.totals) if page.param_groups else None
    yield tag("p", page.changes, class_="bmvis-sum") if page.changes else None
    yield before_line(page) if page.before else None
    yield totals_line(page)
    yield to_legend(page) if is_long else None
    yield tag(
        "ul",
        _list(page, anchor, type_link),
        class_=_tree_classes(page.rows) + tree_classes(page) + (" bmvis-mixed" if is_mixed else ""),
        data_head=page.counted if summary.has_elements(page) else None,
    )
    if page.options.map:
        from bmvis.render.html.map import to_map

        yield to_map(page, _Links(anchor, page.rows).to)
    yield None if is_long else to_legend(page)


def _tree_classes(rows: Sequence[Row]) -> str:
    width = max((len(row_counts.amount_text(row)) for row in rows), default=0)
    column = next((name for most, name in COLUMNS if width > most), "")
    size = " bmvis-few" if len(rows) <= FEW_ROWS else " bmvis-long" if len(rows) > LONG_TREE else ""
    return f"bmvis-tree{size}{column}"


def row_id(anchor: str, path: str) -> str:
    """Return the id of the row at `path`. Characters that ids or links can't contain are escaped: a space is `~20~`."""
    return f"{anchor}.{safe_name(path)}"


def module_ids(anchor: str, model: Model, page: Page) -> dict[str, str]:
    """Return the id of the row that shows each module of a tree, by module path; without that row, the tree's id.

    If the architecture figure replaces the tree, it is the id of a box or frame.
    """
    if page.figure and page.is_figure_alone:
        from bmvis.render.html.drawing import box_id
        from bmvis.view.figure.targets import shown_in

        numbers = shown_in(page.figure, model, page.rows)
        return {path: box_id(anchor, numbers[path]) if path in numbers else anchor for path in model.paths if path}
    shown = shown_at(model, page.rows)
    return {path: row_id(anchor, row) if row or page.has_root else anchor for path, row in shown.items() if path}


def _is_removed(module: Module) -> bool:
    return module.change is not None and module.change.kind == "removed"


def _id(anchor: str, row: Row) -> str | None:
    """Return the id of a row; None for tensors, virtual levels and removed modules."""
    if not row.module or row.module.common == "virtual" or _is_removed(row.module):
        return None
    return row_id(anchor, row.path)


def _list(page: Page, anchor: str, type_link: TypeLink | None) -> Markup:
    """Return the nested items. The rows are in preorder, so each row closes the deeper levels that are still open."""
    rows = page.rows
    opened = _opened(page)
    links = _Links(anchor, rows)
    link = links.to
    boxes = _boxes(page, links)
    parts: list[str] = []
    depth = 0
    for index, row in enumerate(rows):
        while depth > row.depth:
            parts.append("</ul></details></li>")
            depth -= 1
        item = tag("li", id=_id(anchor, row)).removesuffix("</li>")
        back = _back(boxes.get(link(row.path) or ""), anchor) if row.module else None
        line = join(*to_row(row, link, page.dtype, type_link), back, _count(row, page), row_cells(row, page))
        if index + 1 < len(rows) and rows[index + 1].depth > row.depth:
            details = tag("details", open=index in opened).removesuffix("</details>")
            parts.append(f"{item}{details}{tag('summary', line)}<ul>")
            depth += 1
        else:
            parts.append(f"{item}{tag('div', line)}</li>")
    parts.extend(["</ul></details></li>"] * depth)
    return Markup("".join(parts))


def _boxes(page: Page, links: _Links) -> Mapping[str, int]:
    """Return the number of the box of the figure that each row has, by path."""
    if not page.figure or not page.figure.drawing:
        return {}
    from bmvis.render.html.figure import numbers_of_rows

    return numbers_of_rows(page.figure.figure, links.nearest)


def _back(number: int | None, anchor: str) -> Markup | None:
    """Return a link to a box of the figure. It is empty, as the stylesheet draws its arrow."""
    if number is None:
        return None
    from bmvis.render.html.drawing import box_id

    label = "Show in the figure"
    return tag("a", class_="bmvis-back", href=f"#{box_id(anchor, number)}", title=label, aria_label=label)


def _count(row: Row, page: Page) -> Markup | None:
    """Return the row's number of parameters, and its share of the model, which the stylesheet draws.

    The number is text after a space, for what reads the page without the stylesheet.
    """
    count, whole = row.totals.count, page.totals.count
    if not row.counts[1]:
        return None
    times = row_counts.times(row)
    number = tag(
        "data",
        tag("span", tag("span", f"{times} × ") if times > 1 else None, row_counts.short_count(row)),
        value=count,
        data_v=members.counts(row),
        data_s=max(1, round(row.elements / whole * SHARE_STEPS)) if whole else None,
        role="img",
        title=row_counts.count_text(row, page),
    )
    return join(" ", number)


def _opened(page: Page) -> set[int]:
    """Return the rows that are open when the page loads: the first levels, and the parents of matches."""
    levels = _open_levels(page)
    found: set[int] = set()
    trail: list[int] = []
    for index, row in enumerate(page.rows):
        del trail[row.depth :]
        if row.is_match:
            found.update(trail)
        if row.depth < levels:
            found.add(index)
        trail.append(index)
    return found


def _open_levels(page: Page) -> int:
    if page.options.open is not None:
        return page.options.open - (not page.has_root)
    return len(page.rows) if len(page.rows) <= SHORT_TREE else 2


class _Links:
    """The links from ties, shared modules and boxes of the figure to the rows that show their paths."""

    def __init__(self, anchor: str, rows: Sequence[Row]) -> None:
        self.anchor = anchor
        self.rows = rows
        self.paths = {row.path for row in rows if row.module}

    def to(self, path: str) -> str | None:
        return f"#{row_id(self.anchor, path)}" if path in self.paths else None

    def nearest(self, path: str) -> str | None:
        """Return the address of the row that shows a module, also in a fold, or of the nearest one below the root."""
        return self.to(self._nearest(path)) if self._nearest(path) else None

    @cached_property
    def _nearest(self) -> Callable[[str], str]:
        return row_finder(self.rows)
