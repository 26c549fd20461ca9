"""The roles `:model:` and `:module:`: references to trees and their modules."""

from __future__ import annotations

from docutils import nodes
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole

DOMAIN = "bmvis"
TABLE_LINK = "table-link"
"""The type of references from a table to the page or the tree of a model. Their target is `document#anchor`."""


class TreeRole(XRefRole):
    """A reference to a tree, or to one of its modules as `tree:path`. The default text is the last part."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the reference. `:model:` is short for `:bmvis:model:`."""
        if ":" not in self.name:
            self.name = f"{DOMAIN}:{self.name}"
        return super().run()

    def create_xref_node(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the reference without the class `bmvis`, which would give it the style of a tree."""
        self.classes.remove(DOMAIN)
        return super().create_xref_node()

    def process_link(
        self, env: BuildEnvironment, refnode: nodes.Element, has_explicit_title: bool, title: str, target: str
    ) -> tuple[str, str]:
        """Return the title and the target."""
        return title if has_explicit_title else title.partition(":")[2] or title, target
