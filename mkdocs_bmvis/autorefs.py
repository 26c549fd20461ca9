"""Links with mkdocs-autorefs: from types in a tree to their documentation, and from pages to the modules of a tree."""

from __future__ import annotations

from bmvis.model.tree import Model, Module
from bmvis.render.html.markup import Markup, join, tag
from bmvis.render.html.tree import row_id
from bmvis.view.layout import shown_at
from bmvis.view.page import Page


def type_link(module: Module) -> Markup:
    """Return a type as an optional link, which autorefs replaces by plain text if it finds no documentation."""
    link = tag("autoref", module.type, identifier=module.documented_as, optional=True)
    return tag("i", join("(", link, ")"))


def targets(name: str, anchor: str, model: Model, page: Page) -> dict[str, str]:
    """Return the anchor of each identifier: `name` for the tree, and `name:path` for each module of the model.

    The anchor of a module that is folded, or below the depth limit, is that of the row that represents it.
    """
    modules = {f"{name}:{path}": row_id(anchor, row) for path, row in shown_at(model, page.rows).items() if path}
    return {name: anchor} | modules
