"""Draw a fact about a model in a sentence. It needs no stylesheet."""

from __future__ import annotations

from bmvis.overviews.fact_text import FactText
from bmvis.render.html.markup import Markup, tag


def to_html_fact(fact: FactText) -> Markup:
    """Return one element. That of a number has the exact number as its value and its tooltip."""
    if fact.number is None:
        return tag("span", fact.text)
    return tag("data", fact.text, value=str(fact.number), title=fact.exact or None)


def unknown_fact(text: str, error: str) -> Markup:
    """Return the mark in place of a fact that is not known, which browsers highlight.

    Args:
        text: the text of the mark.
        error: the error, for a tooltip.
    """
    return tag("mark", text, title=error)
