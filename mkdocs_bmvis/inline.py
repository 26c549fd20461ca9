"""Processors of Python-Markdown for `<model-fact>`, which is in sentences, headings, and cells of tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from html import unescape
from typing import Any
from xml.etree import ElementTree

from markdown import Markdown
from markdown.extensions.toc import render_inner_html, strip_tags, unique
from markdown.inlinepatterns import InlineProcessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from bmvis.lazy_regex import lazy_regex
from bmvis.options.markup_names import FACT
from bmvis.render.html.markup import Markup
from mkdocs_bmvis.element import Element, read_element

_OF_FACT = "data-bmvis-fact"
"""Marks the element of a fact until headings have ids."""
_HEADING = lazy_regex(r"h[1-6]")


class Facts(InlineProcessor):
    """Replaces elements in text that Markdown reads.

    Args:
        md: the Markdown instance.
        draw: returns the HTML of an element.
    """

    def __init__(self, md: Markdown, draw: Callable[[Element], Markup]) -> None:
        super().__init__(rf"<{FACT}(?![\w-])", md)
        self.compiled_re = re.compile(self.pattern, re.IGNORECASE)
        self._draw = draw

    def handleMatch(  # type: ignore[override]  # noqa: N802  # the base class has the return type of old patterns
        self, m: re.Match[str], data: str
    ) -> tuple[ElementTree.Element, int, int]:
        """Return the fact, as an element whose text no other processor changes."""
        element = read_element(data[m.start() :])
        made = ElementTree.fromstring(self._draw(element))  # noqa: S314  # written by `tag`
        made.text = AtomicString(made.text or "")
        made.set(_OF_FACT, "")
        return made, m.start(), m.start() + element.end


class StableAnchors(Treeprocessor):
    """Gives headings with facts ids that do not contain the facts, so that links continue to work."""

    def run(self, root: ElementTree.Element) -> None:
        """Set the ids that the table of contents would set otherwise."""
        facts = [made for made in root.iter() if _OF_FACT in made.attrib]
        if facts and "toc" in self.md.treeprocessors:
            used = {made.attrib["id"] for made in root.iter() if "id" in made.attrib}
            for heading in root.iter():
                if isinstance(heading.tag, str) and _HEADING.fullmatch(heading.tag) and "id" not in heading.attrib:
                    self._set_id(heading, used)
        for made in facts:
            del made.attrib[_OF_FACT]

    def _set_id(self, heading: ElementTree.Element, used: set[str]) -> None:
        copy = deepcopy(heading)
        facts = [made for made in copy.iter() if _OF_FACT in made.attrib]
        for made in facts:
            made.text = ""
        if facts:
            toc: Any = self.md.treeprocessors["toc"]
            name = unescape(strip_tags(render_inner_html(copy, self.md)))
            heading.set("id", unique(toc.slugify(name, toc.sep) or FACT, used))
