"""What is written in boxes and frames, and how large they are."""

from __future__ import annotations

from math import ceil

from bmvis.view.figure.figure import Box, Frame, Shape
from bmvis.view.figure.layout.cells import CellKind, GridCell
from bmvis.view.figure.layout.text_size import Role, shortened, text_width

WIDEST_TEXT = 256
"""Longer texts are shortened."""
BOX_HEIGHT = 38
JOIN_HEIGHT = 22
END_HEIGHT = 18
TITLE_HEIGHT = 32
PADDING = 12
NARROWEST = 84
_CONTAINERS = frozenset(("Sequential", "ModuleList", "ModuleDict"))
"""Classes that describe a module less than its name does."""


def box_texts(box: Box) -> list[tuple[str, Role]]:
    """Return the lines of text in a box."""
    if box.kind == "join":
        return [(box.label, "symbol") if len(box.label) == 1 else (_short(box.label, "join"), "join")]
    if box.kind != "module":
        return [(_short(box.label, "end"), "end")]
    name, detail = _name_and_detail(box)
    count = _count(box)
    first = f"{_short(name, 'name')} {count}".strip()
    return [(first, "name"), (_short(detail, "detail"), "detail")] if detail else [(first, "name")]


def title_texts(frame: Frame) -> list[tuple[str, Role]]:
    """Return the title of a frame, its second line, and the number of repeats."""
    name, detail = _name_and_detail(frame)
    count = _count(frame)
    badge: list[tuple[str, Role]] = [(count, "badge")] if count else []
    return [(_short(name, "title"), "title"), (_short(detail, "subtitle"), "subtitle"), *badge]


def shape_text(shape: Shape) -> str:
    """Return a shape: `1×8×768`."""
    return _short("×".join(map(str, shape)) or "scalar", "shape")


def _name_and_detail(of: Box | Frame) -> tuple[str, str]:
    """Return the class, then the label with the note; the label first if the class is only a container."""
    name, detail = of.type_name, of.label
    if not name:
        return " ".join(filter(None, (detail, of.note and f"({of.note})"))), ""
    if name in _CONTAINERS:
        name, detail = detail, name
    return name, " ".join(filter(None, (detail, of.note and f"({of.note})")))


def _count(of: Box | Frame) -> str:
    if of.repeats == 1:
        return ""
    return f"{'≈' if of.similar else '×'}{of.repeats}"


def _short(text: str, role: Role) -> str:
    return shortened(text, role, WIDEST_TEXT)


def box_cell(box: Box, order: int, incoming: int, *, is_fed: bool = True) -> GridCell:
    """Return the cell of a box, which has room for the lines that enter it at its top.

    Args:
        box: the box.
        order: its position in the figure.
        incoming: the number of edges that lead to it.
        is_fed: whether it depends on an input of the model.
    """
    kind: CellKind = {"module": "box", "join": "join"}.get(box.kind, "end")  # type: ignore[assignment]
    texts = box_texts(box)
    width = max(text_width(text, role) for text, role in texts)
    room = 14 * (incoming - 1) + 20 if incoming > 1 else 0
    if kind == "join":
        single = len(box.label) == 1
        width = JOIN_HEIGHT if single and incoming <= 3 else max(width + 18, JOIN_HEIGHT, room if incoming > 3 else 0)
        height: float = JOIN_HEIGHT
    elif kind == "end":
        width, height = max(width, END_HEIGHT), END_HEIGHT
    else:
        width, height = max(width + 2 * PADDING, NARROWEST, room), BOX_HEIGHT
    half = float(ceil(width / 2))  # whole, so that the middle of a box is exact on whole pixels
    return GridCell(box.key, kind, order, half, half, height, box, is_fed=is_fed)
