"""Draw the elements in HTML that Python-Markdown did not create, such as the text cells of a notebook."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bmvis.lazy_regex import lazy_regex
from bmvis.options.markup_names import FACT
from bmvis.render.html.markup import Markup, join, tag
from mkdocs_bmvis.drawing import SiteElements
from mkdocs_bmvis.element import LIKE, WHOLE, read_element
from mkdocs_bmvis.page import HostPage

if TYPE_CHECKING:
    from bmvis.render.html.row import TypeLink

_IN_HTML = lazy_regex(
    rf"<!--.*?-->|(?P<before><p>\s*)?(?P<element>{WHOLE.pattern})(?P<after>\s*</p>)?", re.IGNORECASE | re.DOTALL
)


def draw_in_html(html: str, elements: SiteElements, page: HostPage, linked: TypeLink | None) -> str:
    """Draw the elements in HTML that Python-Markdown did not create, such as the text cells of a notebook."""

    def draw(found: re.Match[str]) -> str:
        if not found["element"]:
            return found[0]
        element = read_element(found["element"])
        drawn = elements.draw(element, page, linked)
        if element.name == FACT:
            return join(Markup(found["before"] or ""), drawn.html, Markup(found["after"] or ""))
        tree = tag("section", drawn.html, data_search_exclude=not drawn.is_searched)
        # If the element is in a paragraph of its own, remove the paragraph, which cannot contain a tree.
        return (
            tree
            if found["before"] and found["after"]
            else join(Markup(found["before"] or ""), tree, Markup(found["after"] or ""))
        )

    return _IN_HTML.sub(draw, html) if LIKE.search(html) else html
