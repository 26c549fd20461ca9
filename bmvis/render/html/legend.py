"""Draw the legend: the colors and marks of a tree."""

from __future__ import annotations

from collections.abc import Mapping

from bmvis.render import legend
from bmvis.render.html.markup import Markup, join, tag
from bmvis.view.page import Page

CLASSES: Mapping[legend.LegendKind, str] = {
    "group": "bmvis-g",
    "trainable": "bmvis-p",
    "frozen": "bmvis-p bmvis-frozen",
    "delta": "bmvis-p bmvis-delta",
    "buffer": "bmvis-p bmvis-buffer",
    "repeated": "bmvis-x",
    "similar": "bmvis-similar",
    "match": "bmvis-match",
    "added": "bmvis-added",
    "removed": "bmvis-removed",
    "changed": "bmvis-changed",
    "virtual": "bmvis-virtual",
    "other": "bmvis-other",
    "differs": "bmvis-differs",
    "outputs": "bmvis-flow",
    "tied": "bmvis-tie",
    "adapter": "bmvis-p bmvis-delta",
}


def to_legend(page: Page) -> Markup:
    """Return the legend for the colors and marks that occur in the tree."""
    shown = [tag("b", "name")] if page.is_checkpoint else [tag("b", "name"), tag("i", "(type)")]
    shown += map(_entry, legend.legend(page))
    return tag("div", *(join(entry, " ") for entry in shown), class_="bmvis-legend", role="group", aria_label="Legend")


def _entry(entry: legend.LegendEntry) -> Markup:
    if entry.kind == "group":  # its mark is a number
        number = tag("small", "0", class_=CLASSES["group"], aria_hidden="true")
        return tag("span", number, f" {entry.text}", title=entry.meaning)
    return tag("span", entry.text, class_=CLASSES[entry.kind], data_mark=entry.detail or None, title=entry.meaning)
