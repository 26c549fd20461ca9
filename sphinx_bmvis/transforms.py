"""Add the models to the nodes of trees before a page is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform

from bmvis.errors import BmvisError
from bmvis.render.text import to_text
from bmvis.view.layout import layout
from bmvis.view.page import Page
from bmvis.worker.protocol import model_request
from sphinx_bmvis.domain import records_of
from sphinx_bmvis.errors import admonition, shown_location, warn
from sphinx_bmvis.nodes import TYPE_OF, model_structure, search_text


class FillTrees(SphinxPostTransform):
    """Compute the layout of each tree of the page."""

    default_priority = 5  # before references are resolved

    def run(self, **kwargs: Any) -> None:
        """Process all trees of the page."""
        for node in self.document.findall(model_structure):
            if "error" not in node:
                self._fill(node)

    def _fill(self, node: model_structure) -> None:
        records, key = records_of(self.env), model_request(node["reference"], node["options"])
        answer = records.answers.get(key)
        if isinstance(answer, BmvisError):
            node["error"] = answer
        else:
            translated = "".join(child.astext() for child in node.findall(nodes.caption))
            options = msgspec.structs.replace(node["options"], caption=translated)
            node["page"] = records.answers.page(key, options)
            for warning in node["page"].warnings:
                warn(warning, node["location"])
            node += [self._type_reference(name) for name in dict.fromkeys(_documented_types(node["page"]))]
            if options.search:
                whole = layout(answer.model, msgspec.structs.replace(options, whole_names=True))
                node += search_text(to_text(whole, marks=False))

    def _type_reference(self, name: str) -> pending_xref:
        """Return an optional reference to the documentation of a type. Only its target is used, so it has no text."""
        attributes = {"refdomain": "py", "reftype": "class", "reftarget": name, "refexplicit": True, TYPE_OF: name}
        return pending_xref("", nodes.inline(**{TYPE_OF: name}), refdoc=self.env.docname, refwarn=False, **attributes)


def _documented_types(page: Page) -> Iterator[str]:
    return (row.module.documented_as for row in page.rows if row.module)


class PlainTrees(SphinxPostTransform):
    """Replace trees by standard nodes in other formats: text, man, Texinfo, XML, and third-party formats."""

    default_priority = 6
    formats = ("html", "latex", "")  # builders without a format, such as gettext, do not write pages

    def is_supported(self) -> bool:
        """Return whether the format has no visitor for trees."""
        return not super().is_supported()

    def run(self, **kwargs: Any) -> None:
        """Replace all trees of the page."""
        for node in list(self.document.findall(model_structure)):
            target = nodes.target("", "", ids=node["ids"])
            node.replace_self([target, *self._plain(node)])

    def _plain(self, node: model_structure) -> list[nodes.Element]:
        """Return the tree as a literal block with its caption, or the error as an admonition."""
        if "error" in node:
            return [admonition(node["error"], shown_location(node["location"], self.env.srcdir))]
        text = to_text(node["page"])
        block = nodes.literal_block(text, text, language="none")
        captions = [nodes.paragraph("", "", *caption.children) for caption in node.findall(nodes.caption)]
        return [block, *captions]
