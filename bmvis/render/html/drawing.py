"""Draw a laid out figure as SVG. It needs no script and has no inline style."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from bmvis.model.contraction import EdgeChange
from bmvis.render.html.categories import category
from bmvis.render.html.markup import Markup, join, svg, svg_link, svg_words, tag
from bmvis.render.html.row import PathLink
from bmvis.view.figure.figure import Figure
from bmvis.view.figure.layout.drawing import STACK, FigureDrawing, Line, PlacedBox, PlacedFrame, Rectangle, Text

_PLAIN = {"fill": "none", "stroke": "#888"}
PLAIN_RECTANGLE = ' fill="none" stroke="#888"'
"""The look of rectangles without a stylesheet, as `shapes_of` writes it."""
RADIUS = 6
"""Radius of the corners of lines."""


def to_drawing(
    figure: Figure, drawing: FigureDrawing, title: str, *, anchor: str = "", link: PathLink = lambda path: None
) -> Markup:
    """Return the drawing as an SVG element.

    Args:
        figure: the boxes and edges.
        drawing: where they are.
        title: the title of the drawing.
        anchor: what the ids of the boxes start with; '' for a drawing without ids.
        link: returns the address of the row that shows a module.
    """
    edges = "edge" if len(figure.edges) == 1 else "edges"
    boxes = "box" if len(figure.boxes) == 1 else "boxes"
    return svg(
        svg_words("title", title),
        svg_words("desc", f"{len(figure.boxes)} {boxes}, {len(figure.edges)} {edges}. The list below names them."),
        shapes_of(figure, drawing, anchor=anchor, link=link),
        **plain_svg(drawing),
        role="group",
    )


def plain_svg(drawing: FigureDrawing) -> dict[str, str]:
    """Return the size of a drawing, and its look without the stylesheet: in reader modes, and in PDFs of WeasyPrint."""
    width, height = _number(drawing.width), _number(drawing.height)
    size = {"viewBox": f"0 0 {width} {height}", "width": width, "height": height}
    return size | {"fill": "currentColor", "text_anchor": "middle", "font_size": "11", "stroke": "none"}


def shapes_of(
    figure: Figure, drawing: FigureDrawing, *, anchor: str = "", link: PathLink = lambda path: None
) -> Markup:
    """Return what is in the SVG element; the arguments are those of `to_drawing`."""
    numbers = {box.key: number for number, box in enumerate(figure.boxes)}
    changes = {(edge.source, edge.target): edge.change for edge in figure.edges}
    return join(
        _frames(drawing.frames, anchor, len(figure.boxes), link) if drawing.frames else None,
        *(
            _box(placed, box_id(anchor, number) if anchor else None, number, link)
            for number, placed in enumerate(drawing.boxes)
        ),
        # after the boxes, as an arrow at the right of a repeated box is on the outline behind it
        tag("g", *_lines(drawing.lines, numbers, changes), fill="none", stroke="currentColor"),
        tag("g", _texts(drawing.shapes), class_="bmvis-shapes", text_anchor="start") if drawing.shapes else None,
    )


def box_id(anchor: str, number: int) -> str:
    """Return the id of a box or frame, a valid XML name as SVG requires. No row has it: no path starts with a dot."""
    return f"{anchor}..{number}"


def _frames(frames: Sequence[PlacedFrame], anchor: str, first: int, link: PathLink) -> Markup:
    """Return the frames, and then their titles: an attribute of all rectangles is written once."""
    outlines = [outline for placed in frames for outline in _frame(placed)]
    titles = [
        _title(placed, box_id(anchor, number) if anchor else None, link) for number, placed in enumerate(frames, first)
    ]
    return tag("g", tag("g", *outlines, **_PLAIN), *titles, class_="bmvis-frames", text_anchor="start")


def _frame(placed: PlacedFrame) -> Iterator[Markup]:
    """Yield the outline of a frame, after the one behind it if the frame repeats."""
    area, size = placed.area, _size(placed.area, 10)
    if placed.frame.repeats > 1:
        yield _empty("rect", x=_number(area.left + STACK), y=_number(area.top + STACK), **size)
    yield _empty("rect", x=_number(area.left), y=_number(area.top), **size)


def _title(placed: PlacedFrame, id_: str | None, link: PathLink) -> Markup:
    """Return the title of a frame. It has an id if it has no link: with one, the row it leads to is the target."""
    path = placed.frame.path
    target = link(path) if path else None
    if target:
        return svg_link(_texts(placed.texts), href=target)
    return tag("g", _texts(placed.texts), id=id_ if path else None)


def _size(area: Rectangle, radius: float) -> dict[str, str]:
    return {"width": _number(area.width), "height": _number(area.height), "rx": _number(radius)}


def _box(placed: PlacedBox, id_: str | None, number: int, link: PathLink) -> Markup:
    box = placed.box
    content = join(*_outline(placed), _texts(placed.texts))
    target = link(box.path) if box.kind == "module" and box.path else None
    is_target = box.kind == "module"  # links lead to modules alone
    kind = category(box)
    is_symbol = placed.texts[0].role == "symbol"
    attributes: dict[str, str | int | None] = {
        "id": id_ if is_target else None,
        "data_n": number,
        "class_": None if kind == "module" else f"bmvis-{kind} bmvis-symbol" if is_symbol else f"bmvis-{kind}",
    }
    if target is None:
        return tag("g", _whole_text(placed), content, **attributes)
    return svg_link(_whole_text(placed), content, href=target, **attributes)


def _whole_text(placed: PlacedBox) -> Markup | None:
    """Return the whole text of a box as its tooltip, if it is shortened."""
    box = placed.box
    if not any("…" in text.text and text.text != box.label for text in placed.texts):
        return None
    return svg_words("title", " ".join(filter(None, (box.type_name, box.label, box.note))))


def _outline(placed: PlacedBox) -> list[Markup]:
    area, box = placed.area, placed.box
    if box.kind in ("input", "output"):
        return []
    radius = min(area.width, area.height, 22) / 2 if box.kind == "join" else 6
    shape = _size(area, radius) | _PLAIN
    behind = []
    if box.repeats > 1:
        behind = [_empty("rect", x=_number(area.left + 4), y=_number(area.top + 4), **shape)]
    return [*behind, _empty("rect", x=_number(area.left), y=_number(area.top), **shape)]


def _texts(texts: Sequence[Text]) -> Markup:
    """Return texts. The first one of a box and of a frame is bold, by the stylesheet."""
    return join(
        *(
            tag(
                "text",
                text.text,
                x=_number(text.x),
                y=_number(text.y),
                class_="bmvis-badge" if text.role == "badge" else None,
                text_anchor="end" if text.role == "badge" else None,
            )
            for text in texts
        )
    )


def _lines(
    lines: Sequence[Line], numbers: Mapping[str, int], changes: Mapping[tuple[str, str], EdgeChange]
) -> list[Markup]:
    """Return a group for each line: the line without what another line of its source draws, and its arrowhead."""
    drawn: dict[str, list[Line]] = {}
    found = []
    for line in lines:
        others = drawn.setdefault(line.source, [])
        path = _path(_own_part(line.points, [other.points for other in others]))
        others.append(line)
        ends = f"{numbers[line.source]} {numbers[line.target]}"
        change = changes[line.source, line.target]
        head = _empty("path", d=_arrowhead(line.points))
        found.append(tag("g", _empty("path", d=path), head, class_=(change and f"bmvis-{change}") or None, data_e=ends))
    return found


Points = Sequence[tuple[float, float]]


def _own_part(points: Points, others: Sequence[Points]) -> Points:
    """Return the part of a line after the point where it leaves all lines of the same source."""
    best: Points = points
    for other in others:
        shared = 0
        while shared < min(len(points), len(other)) and points[shared] == other[shared]:
            shared += 1
        if shared == 0 or shared >= len(points):
            continue
        start = _fork(points, other, shared)
        rest = [start, *points[shared:]]
        if len(rest) < len(best) or (len(rest) == len(best) and _length(rest) < _length(best)):
            best = rest
    return best


def _fork(points: Points, other: Points, shared: int) -> tuple[float, float]:
    """Return the last common point of two lines, moved back by the radius of the corner that follows."""
    (x0, y0), (x1, y1) = points[shared - 1], points[shared]
    x2, y2 = other[shared] if shared < len(other) else (x0, y0)
    if abs(x0 - x1) < 0.5 and abs(x0 - x2) < 0.5 and (y1 - y0) * (y2 - y0) > 0:
        y = y1 if abs(y1 - y0) < abs(y2 - y0) else y2
        return x0, max(y0, y - RADIUS) if y > y0 else min(y0, y + RADIUS)
    if abs(y0 - y1) < 0.5 and abs(y0 - y2) < 0.5 and (x1 - x0) * (x2 - x0) > 0:
        x = x1 if abs(x1 - x0) < abs(x2 - x0) else x2
        return max(x0, x - RADIUS) if x > x0 else min(x0, x + RADIUS), y0
    return x0, y0


def _length(points: Points) -> float:
    return sum(abs(x0 - x1) + abs(y0 - y1) for (x0, y0), (x1, y1) in pairwise(points))


def _path(points: Points) -> str:
    """Return a path with round corners."""
    x, y = points[0]
    parts = [f"M{_number(x)} {_number(y)}"]
    for index in range(1, len(points) - 1):
        corner, after = points[index], points[index + 1]
        radius = min(
            RADIUS, _distance((x, y), corner), _distance(corner, after) / (1 if index == len(points) - 2 else 2)
        )
        start, end = _toward(corner, (x, y), radius), _toward(corner, after, radius)
        parts.append(f"{_straight((x, y), start)}Q{_pair(corner)} {_pair(end)}")
        x, y = end
    return "".join([*parts, _straight((x, y), points[-1])])


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _toward(start: tuple[float, float], end: tuple[float, float], by: float) -> tuple[float, float]:
    distance = _distance(start, end) or 1
    return start[0] + (end[0] - start[0]) * by / distance, start[1] + (end[1] - start[1]) * by / distance


def _straight(start: tuple[float, float], end: tuple[float, float]) -> str:
    if abs(start[0] - end[0]) < 0.05:
        return f"V{_number(end[1])}" if abs(start[1] - end[1]) >= 0.05 else ""
    return f"H{_number(end[0])}" if abs(start[1] - end[1]) < 0.05 else f"L{_pair(end)}"


def _arrowhead(points: Points) -> str:
    (x0, y0), (x1, y1) = points[-2:]
    if abs(x0 - x1) < 0.5:
        back = 7 if y1 < y0 else -7
        return f"M{_pair((x1, y1))}l-3.5{back:+}h7z"
    back = 7 if x1 < x0 else -7
    return f"M{_pair((x1, y1))}l{back}-3.5v7z"


def _pair(point: tuple[float, float]) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _empty(name: str, **attributes: str | int) -> Markup:
    return Markup(tag(name, **attributes).removesuffix(f"></{name}>") + "/>")
