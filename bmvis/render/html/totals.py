"""Draw the totals of a model as one line: rounded numbers, with exact ones in tooltips and for screen readers."""

from __future__ import annotations

from collections.abc import Iterable

from bmvis.render import summary
from bmvis.render.html.markup import Markup, spaced, tag
from bmvis.view.page import Page


def totals_line(page: Page) -> Markup:
    """Return the class name and the totals of a tree's model."""
    facts = (
        summary.totals_facts(page)
        if summary.has_elements(page)
        else [summary.TotalsFact("count", summary.NO_PARAMETERS), *summary.limit_facts(page)]
    )
    return _line(page.type or "checkpoint", facts, "bmvis-totals")


def before_line(page: Page) -> Markup:
    """Return the totals of the base model of a comparison."""
    return _line(summary.before_head(page), summary.before_facts(page), "bmvis-totals bmvis-before")


def _line(head: str, facts: Iterable[summary.TotalsFact], classes: str) -> Markup:
    return tag("p", *spaced([tag("b", head), *map(_fact, facts)]), class_=classes)


def _fact(fact: summary.TotalsFact) -> Markup:
    """Return a fact. If it is rounded, the tooltip and the screen reader have the exact text."""
    if not fact.rounded or fact.kind == "uninitialized":
        return tag("span", fact.rounded or fact.text)
    return tag("span", fact.rounded, role="img", title=fact.text)
