"""Captions of trees, galleries and tables: like those of figures, they have inline markup."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.writers.html5 import HTML5Translator
    from sphinx.writers.latex import LaTeXTranslator

_Caption = TypeVar("_Caption", nodes.caption, nodes.title)


def parse_caption(directive: SphinxDirective, text: str, made: type[_Caption]) -> tuple[_Caption, list[nodes.Node]]:
    """Return a caption with its inline markup, and the messages about markup that is not valid."""
    content, messages = directive.parse_inline(text)
    return made(text, "", *content), list(messages)


def drawn_caption(
    caption: nodes.Element, translator: HTML5Translator | LaTeXTranslator, escape: Callable[[str], str]
) -> str:
    """Return the content of a caption in the format of a page.

    Args:
        caption: the caption.
        translator: writes the markup.
        escape: writes text.
    """
    around, drawn = translator.body, list[str]()
    translator.body = drawn
    try:
        for child in caption.children:
            if isinstance(child, nodes.Text):
                drawn.append(escape(child.astext()))
            else:
                child.walkabout(translator)
    finally:
        translator.body = around
    return "".join(drawn)
