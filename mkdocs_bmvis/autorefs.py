"""Links by autorefs: from the types in a tree to their documentation, and from anywhere to a tree's modules."""

from __future__ import annotations

from bmvis.model.tree import Model, Module
from bmvis.render.html.markup import Markup, join, tag
from bmvis.render.html.tree import row_id
from bmvis.view.layout import shown_at
from bmvis.view.page import Page


def type_link(module: Module) -> Markup:
    """Return a type as a link that autorefs resolves; as plain text if it finds no documentation."""
    link = tag("autoref", module.type, identifier=module.documented_as, optional=True)
    return tag("i", join("(", link, ")"))


def targets(name: str, anchor: str, model: Model, page: Page) -> dict[str, str]:
    """Return what one may refer to, with its anchor: `name`, and `name:path` for every module of the model.

    A module that is folded into another's row, or below the depth limit, leads to the row that shows it.
    """
    modules = {f"{name}:{path}": row_id(anchor, row) for path, row in shown_at(model, page.rows).items() if path}
    return {name: anchor} | modules
