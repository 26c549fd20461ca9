"""Draw trees, cards and tables as nodes of MyST documents, as `mystmd` and Jupyter Book 2 read them.

The nodes are those of https://mystmd.org/spec: a tree is a list of `details`, so that themes fold it without a script,
and exports without `details` have its text. MyST keeps no HTML attributes, so the words are those of `render.text`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bmvis.errors import NOT_DRAWN, BmvisError
from bmvis.model.tree import Buffer, Parameter
from bmvis.overviews.cards import Card
from bmvis.overviews.own_columns import link_in
from bmvis.overviews.table import Table, TableRow
from bmvis.render import row_counts, row_marks, row_tensors, summary
from bmvis.render.html.tree import row_id
from bmvis.render.param_groups import param_group_lines
from bmvis.render.table_text import NO_VALUE
from bmvis.render.text import mark_text, name_text, printable
from bmvis.view.page import Page, Row

Node = dict[str, object]
_STATE_CLASSES = {"frozen": "bmvis-frozen", "delta": "bmvis-delta"}


def tree_nodes(page: Page, anchor: str) -> list[Node]:
    """Return a tree, with its totals above it and its caption below.

    Args:
        page: the page to draw.
        anchor: the label of the tree. That of a row is `anchor.path`. '' for a tree without a name.
    """
    totals = next(summary.notes(page))
    parts = [_paragraph(_strong(page.type or "checkpoint"), text_node(f" {totals.partition(': ')[2]}"))]
    if page.changes:
        parts.append(_paragraph(text_node(page.changes)))
    if page.param_groups:
        parts.append(_node("code", value="\n".join(param_group_lines(page.param_groups, page.totals))))
    parts.append(_list(page, anchor))
    if page.options.caption:
        parts.append(_paragraph(_emphasis(page.options.caption)))
    box = _node("div", parts, **{"class": " ".join(("bmvis-myst", *page.options.classes))})
    return [box | (_label(anchor) if anchor else {})]


def error_nodes(error: BmvisError) -> list[Node]:
    """Return a box that replaces what could not be drawn."""
    lines = [error.message, error.hint, error.detail]
    title = _node("admonitionTitle", [text_node(NOT_DRAWN)])
    return [_node("admonition", [title, *(_paragraph(text_node(line)) for line in lines if line)], kind="error")]


def card_nodes(groups: Sequence[tuple[str, Sequence[Card]]], anchor: str, caption: str = "") -> list[Node]:
    """Return a grid with a card for each model, for each group."""
    found: list[Node] = []
    for title, cards in groups:
        found += [_paragraph(_node("strong", [text_node(title)]))] if title else []
        found.append(_node("grid", [_card(card) for card in cards], columns=[1, 2, 2, 3]))
    if anchor:
        found[0] |= _label(anchor)
    return [*found, *([_paragraph(_emphasis(caption))] if caption else [])]


def table_nodes(table: Table, anchor: str) -> list[Node]:
    """Return a table of models."""
    heads = [
        _node("tableCell", [text_node(f"{head.text} ({head.unit})" if head.unit else head.text)], header=True)
        for head in table.headings
    ]
    made = _node("table", [_node("tableRow", heads), *(_node("tableRow", _cells(row, table)) for row in table.rows)])
    if not table.options.caption:
        return [made | (_label(anchor) if anchor else {})]
    box = _node("container", [_node("caption", [_paragraph(text_node(table.options.caption))]), made], kind="table")
    return [box | (_label(anchor) if anchor else {})]


def text_node(text: str) -> Node:
    """Return a text, such as a fact in a sentence."""
    return {"type": "text", "value": "\n".join(printable(line) for line in text.split("\n"))}


def _list(page: Page, anchor: str) -> Node:
    """Return the nested list of the rows, which are in preorder."""
    top: list[Node] = []
    levels = [top]
    for index, row in enumerate(page.rows):
        del levels[row.depth + 1 :]
        line = [*_line(row, page)]
        label = _label(row_id(anchor, row.path)) if anchor and row.module and row.module.common != "virtual" else {}
        if index + 1 < len(page.rows) and page.rows[index + 1].depth > row.depth:
            below: list[Node] = []
            is_open = row.depth < (page.options.open if page.options.open is not None else 2)
            details = _node("details", [_node("summary", line), _bullets(below)], open=is_open)
            levels[row.depth].append(_node("listItem", [details | label]))
            levels.append(below)
        else:
            levels[row.depth].append(_node("listItem", [_paragraph(*line) | label]))
    return _bullets(top)


def _bullets(items: list[Node]) -> Node:
    return _node("list", items, ordered=False, spread=False)


def _line(row: Row, page: Page) -> Iterator[Node]:
    """Yield the parts of a row, as in a terminal."""
    if row.label:
        yield _strong(name_text(row))
    if row.shown_type:
        yield text_node(" ")
        yield _emphasis(row.shown_type)
    for parameter in row.shown_parameters:
        yield _tensor(parameter, page.dtype)
    for buffer in row.buffers:
        yield text_node(f" {row_tensors.tensor_text(buffer)} ({row_tensors.buffer_state(buffer)})")
    for mark in row_marks.row_marks(row):
        yield text_node(f" {mark_text(mark)}")
    if row.counts[1]:
        yield _span(f" {row_counts.amount_text(row)}", "bmvis-count")


def _tensor(tensor: Parameter | Buffer, dtype: str) -> Node:
    states = row_tensors.parameter_states(tensor, dtype) if isinstance(tensor, Parameter) else []
    classes = [_STATE_CLASSES[state.kind] for state in states if state.kind in _STATE_CLASSES]
    text = "".join([f" {row_tensors.tensor_text(tensor)}", *(f" ({state.text})" for state in states)])
    return _span(text, " ".join(classes or ["bmvis-p"]))


def _card(card: Card) -> Node:
    title = _node("cardTitle", [text_node(card.entry.shown)])
    if isinstance(card.model, BmvisError):
        return _node("card", [title, *error_nodes(card.model)])
    own = [f"{name} {link_in(value)[0]}" for name, value in card.entry.columns]
    facts = [card.model.type, *summary.card_facts(card.model), *own, *card.entry.tags]
    return _node("card", [title, _paragraph(text_node(" · ".join(facts)))])


def _cells(row: TableRow, table: Table) -> list[Node]:
    if row.error:
        problem = [_node("tableCell", [text_node(row.entry.shown)]), _node("tableCell", [text_node(row.problem)])]
        return [*problem, *(_node("tableCell", [text_node("")]) for _ in table.headings[2:])]
    return [_node("tableCell", [text_node(cell.text or NO_VALUE)]) for cell in row.cells]


def _label(anchor: str) -> Node:
    """Return the properties of a target of references."""
    return {"identifier": anchor.lower(), "label": anchor, "html_id": anchor}


def _node(name: str, children: list[Node] | None = None, **properties: object) -> Node:
    return {"type": name, **properties, **({"children": children} if children is not None else {})}


def _paragraph(*children: Node) -> Node:
    return _node("paragraph", list(children))


def _strong(text: str) -> Node:
    return _node("strong", [text_node(text)])


def _emphasis(text: str) -> Node:
    return _node("emphasis", [text_node(text)])


def _span(text: str, classes: str) -> Node:
    return _node("span", [text_node(text)], **{"class": classes})
