"""Draw the sums of a model as one line: rounded, and exact in tooltips and to screen readers."""

from __future__ import annotations

from bmvis import humanize
from bmvis.model.totals import Totals
from bmvis.render.html.markup import Markup, tag
from bmvis.render.text import macs_text, matches_text, storage_text, trainable_text
from bmvis.view.page import Page


def totals_line(page: Page) -> Markup:
    """Return the sums of the model a tree shows, the name of its class first."""
    totals, kind = page.totals, page.type or "checkpoint"
    if not totals.count and not page.uninitialized:
        return tag("p", tag("b", kind), tag("span", "no parameters"), class_="bmvis-totals")
    facts = [_amount(totals.count, page.counted)]
    if totals.count and not page.is_checkpoint:
        facts.append(_trainable(page))
    if totals.delta:
        facts.append(_amount(totals.delta, f"delta ({humanize.percent(totals.delta, totals.count)})"))
    if page.uninitialized:
        facts.append(tag("span", f"{page.uninitialized} uninitialized, not counted"))
    facts.append(tag("span", storage_text(page.dtypes, page.devices)))
    exact = f"{totals.stored_bytes:,} bytes"
    facts.append(tag("span", humanize.size(totals.stored_bytes), role="img", title=exact))
    if page.call_summary:
        facts.append(
            tag(
                "span",
                macs_text(page.call_summary),
                role="img",
                title=f"{page.call_summary.macs[0]:,} MACs in one call",
            )
        )
    if page.matches:
        facts.append(tag("span", matches_text(page.matches)))
    return tag("p", tag("b", kind), *facts, class_="bmvis-totals")


def before_line(totals: Totals, is_checkpoint: bool) -> Markup:
    """Return the sums of the model that this one is compared with."""
    facts = [_amount(totals.count, "elements" if is_checkpoint else "parameters")]
    if not is_checkpoint:
        facts.append(_amount(totals.trainable, "trainable"))
    if totals.delta:
        facts.append(_amount(totals.delta, "delta"))
    exact = f"{totals.stored_bytes:,} bytes"
    facts.append(tag("span", humanize.size(totals.stored_bytes), role="img", title=exact))
    return tag("p", tag("b", "before"), *facts, class_="bmvis-totals bmvis-before")


def _trainable(page: Page) -> Markup:
    totals = page.totals
    if totals.trainable in (0, totals.count):
        return tag("span", trainable_text(page))
    return _amount(totals.trainable, f"trainable ({humanize.percent(totals.trainable, totals.count)})")


def _amount(number: int, of_what: str) -> Markup:
    """Return a rounded number; the exact one is its tooltip, and what a screen reader says."""
    return tag("span", f"{humanize.count(number)} {of_what}", role="img", title=f"{number:,} {of_what}")
