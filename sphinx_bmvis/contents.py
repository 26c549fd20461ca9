"""The hidden tables of contents with the model pages of galleries and tables."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform


class model_contents(nodes.General, nodes.Element):  # noqa: N801  # the naming convention of docutils
    """The table of contents with the model pages of a gallery, until it becomes a `toctree`."""


class InsertContents(SphinxTransform):
    """Insert the tables of contents of galleries, after sphinx-external-toc has warned about those of authors."""

    default_priority = 150  # sphinx-external-toc has 100

    def apply(self, **kwargs: Any) -> None:
        """Replace all tables of contents of the page."""
        for node in list(self.document.findall(model_contents)):
            contents = addnodes.toctree("", **node.attributes)
            contents.source, contents.line = node.source, node.line
            node.replace_self(contents)


def setup(app: Sphinx) -> None:
    """Register the transform."""
    app.add_transform(InsertContents)
