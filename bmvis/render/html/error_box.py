"""Draw the box in place of a tree that could not be drawn. A build without changes needs it, but no tree."""

from __future__ import annotations

from bmvis.errors import NOT_DRAWN, BmvisError
from bmvis.render.html.markup import Markup, tag


def error_box(error: BmvisError, location: str = "") -> Markup:
    """Return a box that replaces a tree that could not be drawn.

    Args:
        error: the reason.
        location: the location of the tree in the sources.
    """
    return tag(
        "div",
        tag("p", tag("strong", NOT_DRAWN)),
        tag("p", error.message),
        tag("p", error.hint) if error.hint else None,
        tag("pre", error.detail, tabindex=0) if error.detail else None,
        tag("p", tag("small", location)) if location else None,
        class_="bmvis bmvis-error",
        dir="ltr",
        role="note",
    )
