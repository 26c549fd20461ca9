"""Draw an architecture figure as SVG, with its edges as text below it.

The SVG needs no script and has no inline style. `static/style/figure.css` has its colors.
"""

from __future__ import annotations

from collections.abc import Mapping

from bmvis.render.connections import called_with, connection_lines
from bmvis.render.html.drawing import plain_svg, shapes_of, to_drawing
from bmvis.render.html.markup import Markup, svg, tag
from bmvis.render.html.row import PathLink
from bmvis.view.figure.figure import Figure
from bmvis.view.figure.layout.drawing import DrawnFigure


def to_figure(drawn: DrawnFigure, anchor: str, link: PathLink, subject: str) -> Markup:
    """Return the figure: a drawing, and the list of connections, which is open if there is no drawing.

    Args:
        drawn: what to draw.
        anchor: the id of the tree, which ids start with.
        link: returns the address of the row that shows a module, or the nearest one above it.
        subject: what the model is, for the title: `BertModel`.
    """
    figure, drawing = drawn.figure, drawn.drawing
    title = f"Architecture of {subject}"
    image = to_drawing(figure, drawing, title, anchor=anchor, link=link) if drawing else None
    lines = [tag("li", line, dir="auto") for line in connection_lines(figure)]
    note = " ".join(filter(None, (called_with(figure), _changes_note(figure))))
    return tag(
        "figure",
        tag("div", image, class_="bmvis-scroll", tabindex=0, role="group", aria_label=title) if image else None,
        tag("details", tag("summary", "Connections as text"), tag("ul", *lines), open=drawing is None),
        tag("figcaption", note) if note else None,
        class_="bmvis-figure",
        id=f"{anchor}..",
    )


def _changes_note(figure: Figure) -> str:
    """Return how the lines of a comparison look; '' if there are no changes."""
    changes = {edge.change for edge in figure.edges}
    looks = (("added", "added connections are thick"), ("removed", "removed connections are dashed"))
    note = ", ".join(text for change, text in looks if change in changes)
    return f"{note.capitalize()}." if note else ""


def figure_thumbnail(drawn: DrawnFigure) -> Markup | None:
    """Return a small figure without links; None if there is no drawing. Its text alternative names the modules."""
    if drawn.drawing is None:
        return None
    names = [box.label for box in drawn.figure.boxes if box.kind == "module"]
    return tag(
        "div",
        svg(
            shapes_of(drawn.figure, drawn.drawing),
            **plain_svg(drawn.drawing),
            role="img",
            aria_label=f"Architecture: {', '.join(names)}",
        ),
        class_="bmvis-figure bmvis-picture",
    )


def numbers_of_rows(figure: Figure, link: PathLink) -> Mapping[str, int]:
    """Return the number of the first box that links to each row, by the address of the row.

    Args:
        figure: the figure, whose boxes are counted from 0.
        link: returns the address of the row of a module; None if no row shows it.
    """
    found: dict[str, int] = {}
    for number, box in enumerate(figure.boxes):
        target = link(box.path) if box.kind == "module" and box.path else None
        if target:
            found.setdefault(target, number)
    return found
