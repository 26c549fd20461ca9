"""The one page of singlehtml: trees and galleries whose ids headings of other documents have."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from bmvis.unique_names import unique_name
from sphinx_bmvis.domain import domain_of
from sphinx_bmvis.nodes import model_gallery, model_structure


class SeparateIds(SphinxPostTransform):
    """Give trees and galleries other ids if something else on the page has theirs."""

    default_priority = 4  # before trees are drawn and references are resolved
    builders = ("singlehtml",)

    def run(self, **kwargs: Any) -> None:
        """Process all trees and galleries of the page."""
        ours: list[nodes.Element] = []
        taken: set[str] = set()
        for node in self.document.findall(nodes.Element):
            if isinstance(node, model_structure | model_gallery):
                ours += [node] if node["ids"] else []
            else:
                taken.update(node["ids"])
        for node in ours:
            anchor = node["ids"][0]
            if anchor in taken:
                node["shown_id"] = domain_of(self.env).renamed[anchor] = unique_name(
                    f"{anchor}-model", taken.__contains__
                )


def setup(app: Sphinx) -> None:
    """Register the transform."""
    app.add_post_transform(SeparateIds)
