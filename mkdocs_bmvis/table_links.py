"""Find the trees that the rows of a table link to, before they are drawn."""

from __future__ import annotations

from bmvis.errors import InvalidReferenceError
from bmvis.lazy_regex import lazy_regex
from bmvis.options.markup_names import NAME, OPTIMIZER
from bmvis.reference import short_name
from mkdocs_bmvis.element import read_element
from mkdocs_bmvis.page import HostPage
from mkdocs_bmvis.positions import element_starts

_BEFORE = lazy_regex(r"[ \t>]*(?:[*+-]|\d+\.)?[ \t]*")
"""What precedes an element that is a block of its own, not code in a sentence."""


def trees_on(text: str) -> dict[str, str]:
    """Return the anchor of the first tree of each model on a page, by reference. Comparisons don't count."""
    found: dict[str, str] = {}
    page = HostPage(text)
    for start in element_starts(text):
        if not _BEFORE.fullmatch(text[text.rfind("\n", 0, start) + 1 : start]):
            continue
        element = read_element(text[start:])
        written = element.attributes
        reference = (written.get("factory") or "").strip()
        if element.problem or element.name not in (NAME, OPTIMIZER) or written.get("base"):
            continue
        try:
            anchor = page.anchor(written.get("name") or f"{page.unnamed}-{short_name(reference)}")
        except InvalidReferenceError:
            continue
        page.anchors.add(anchor)
        found.setdefault(reference, anchor)
    return found
