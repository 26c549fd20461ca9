"""Draw the key to the colours and marks of a tree."""

from __future__ import annotations

from bmvis.render.html.markup import Markup, join, tag
from bmvis.view.page import Page, Row


def to_legend(page: Page) -> Markup:
    """Return the key to colours and marks, of those alone that the tree has."""
    parameters = [p for row in page.rows for p in row.parameters]
    changed = [p.change for p in parameters] + [row.module.change for row in page.rows if row.module]
    changes = {change.kind for change in changed if change}
    entries = [
        (
            "bmvis-p",
            "tensor" if page.is_checkpoint else "trainable",
            any(p.trainable and not p.delta for p in parameters),
        ),
        ("bmvis-p bmvis-frozen", "frozen", any(not p.trainable for p in parameters)),
        ("bmvis-p bmvis-delta", "delta", any(p.delta and not p.adapter for p in parameters)),
        ("bmvis-p bmvis-buffer", "buffer", any(row.buffers for row in page.rows)),
        ("bmvis-x", "repeated", any(row.repeats > 1 for row in page.rows)),
        ("bmvis-match", "match", page.matches > 0),
        ("bmvis-added", "added", "added" in changes),
        ("bmvis-removed", "removed", "removed" in changes),
        ("bmvis-changed", "changed", "changed" in changes),
        ("bmvis-virtual", "virtual level", any(row.module and row.module.common == "virtual" for row in page.rows)),
        ("bmvis-other", "not common", any(row.module and row.module.common == "other" for row in page.rows)),
        ("bmvis-differs", "differs", any(row.differs for row in page.rows)),
        ("bmvis-flow", "→ returns", any(row.call_summary and row.call_summary.outputs for row in page.rows)),
        ("bmvis-tie", "tied", any(p.is_tied for p in parameters) or any(map(_is_shared, page.rows))),
    ]
    shown = [tag("b", "name")] if page.is_checkpoint else [tag("b", "name"), tag("i", "(type)")]
    if page.param_groups:
        shown.append(tag("span", tag("small", "0", class_="bmvis-g", aria_hidden="true"), " parameter group"))
    shown += [tag("span", word, class_=classes) for classes, word, occurs in entries if occurs]
    adapters = sorted({p.adapter for p in parameters if p.delta and p.adapter})
    shown += [tag("span", "delta", class_="bmvis-p bmvis-delta", data_mark=adapter) for adapter in adapters]
    words = [join(entry, " ") for entry in shown]
    return tag("div", *words, class_="bmvis-legend", role="group", aria_label="Legend")


def _is_shared(row: Row) -> bool:
    return row.module is not None and row.module.shared_with is not None
