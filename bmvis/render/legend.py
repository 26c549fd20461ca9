"""The legend of a tree, for every format: its colors and marks, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from bmvis.view.page import Page

LegendKind = Literal[
    "group", "trainable", "frozen", "delta", "buffer", "repeated", "similar", "match", "added", "removed", "changed",
    "virtual", "other", "differs", "outputs", "tied", "adapter",
]  # fmt: skip

MEANINGS: Mapping[LegendKind, str] = {
    "group": "parameter group of the optimizer",
    "trainable": "parameter that training changes",
    "frozen": "parameter that training does not change (requires_grad is False)",
    "delta": "parameter of an adapter, added or taken over by a method such as LoRA",
    "buffer": "tensor that is not a parameter, such as a running mean",
    "repeated": "equal siblings in one row; ×12 is their number, and the sizes are those of one",
    "similar": "siblings in one row that differ in sizes only; ≈6 is their number",
    "match": "module that this page highlights",
    "added": "only in the model, not in the one that it is compared with",
    "removed": "only in the model that this one is compared with",
    "changed": "different in the two models",
    "virtual": "level of the common structure that the model does not have",
    "other": "module without a common name",
    "differs": "why a block does not share a row with its siblings: how it differs from the same row of most of them",
    "outputs": "shape that the module returns",
    "tied": "tensor or module that the model has in several places; the mark links to the other one",
    "adapter": "parameter of an adapter that is not in use as such: merged, or inactive",
}
"""The meaning of each kind, for tooltips and screen readers."""


class LegendEntry(msgspec.Struct, frozen=True):
    """A color or mark that occurs in a tree."""

    kind: LegendKind
    text: str
    detail: str = ""
    """The mark of the parameters of an adapter that is not active: `merged`."""

    @property
    def meaning(self) -> str:
        """Return what the color or mark means."""
        return MEANINGS[self.kind]


def legend(page: Page) -> Iterator[LegendEntry]:
    """Yield an entry for each color and mark that the tree has."""
    rows = page.rows
    modules = [row.module for row in rows if row.module]
    parameters = [parameter for row in rows for parameter in row.parameters]
    changed = [parameter.change for parameter in parameters] + [module.change for module in modules]
    changes = {change.kind for change in changed if change}
    is_shared = any(module.shared_with is not None for module in modules)
    plain = "tensor" if page.is_checkpoint else "trainable"
    occurs: dict[LegendKind, tuple[str, bool]] = {
        "group": ("parameter group", page.param_groups is not None),
        "trainable": (plain, any(p.trainable and not p.delta for p in parameters)),
        "frozen": ("frozen", any(not p.trainable for p in parameters)),
        "delta": ("delta", any(p.delta and not p.adapter for p in parameters)),
        "buffer": ("buffer", any(row.buffers for row in rows)),
        "repeated": ("repeated", any(row.repeats > 1 and not row.is_similar for row in rows)),
        "similar": ("similar", any(row.is_similar for row in rows)),
        "match": ("match", page.matches > 0),
        "added": ("added", "added" in changes),
        "removed": ("removed", "removed" in changes),
        "changed": ("changed", "changed" in changes),
        "virtual": ("virtual level", any(module.common == "virtual" for module in modules)),
        "other": ("not common", any(module.common == "other" for module in modules)),
        "differs": ("differs", any(row.differs for row in rows)),
        "outputs": ("→ output shape", any(row.shows_outputs for row in rows)),
        "tied": ("tied", is_shared or any(p.is_tied for p in parameters)),
    }
    yield from (LegendEntry(kind, text) for kind, (text, is_there) in occurs.items() if is_there)
    adapters = sorted({p.adapter for p in parameters if p.delta and p.adapter})
    yield from (LegendEntry("adapter", "delta", adapter) for adapter in adapters)
