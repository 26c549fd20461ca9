"""Trees in branches that a build leaves out: `only`, and `ifconfig` of Sphinx's extension.

Sphinx removes these branches when it writes a page. Their models must not be built, and references must not lead to
their trees. Which branches are left out depends on the builder, and builders can share the pages that were read: if
the value of a condition differs from what it was when the page was read, the page is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.utils import new_document
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.ifconfig import ifconfig, process_ifconfig_nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from sphinx_bmvis.domain import BmvisDomain, records_of
from sphinx_bmvis.nodes import model_fact, model_gallery, model_structure, model_table
from sphinx_bmvis.translation import texts_of

LEFT_OUT = "left_out"
"""The attribute of a node in a branch that this build leaves out."""

_SILENT = 5  # above the highest level of docutils: Sphinx itself reports a wrong expression when it writes the page


def mark_left_out(app: Sphinx, document: nodes.document) -> dict[tuple[str, str], bool]:
    """Mark what this build leaves out. Return the conditions around everything that it can leave out."""
    known: dict[tuple[str, str], bool] = {}
    for node in (*_drawn(document), *_references(document)):
        for condition in _conditions(node):
            if condition not in known:
                known[condition] = _is_true(app, *condition)
            if not known[condition]:
                node[LEFT_OUT] = True
    return known


def _drawn(document: nodes.document) -> Iterator[nodes.Element]:
    yield from document.findall(model_structure)
    yield from document.findall(model_gallery)
    yield from document.findall(model_table)
    yield from document.findall(model_fact)


def _references(document: nodes.document) -> Iterator[nodes.Element]:
    """Yield the references to trees and modules."""
    return (node for node in document.findall(addnodes.pending_xref) if node.get("refdomain") == BmvisDomain.name)


def _conditions(node: nodes.Element) -> Iterator[tuple[str, str]]:
    """Yield the conditions around a node: the name of the directive, and its expression."""
    parent = node.parent
    while parent is not None:
        if isinstance(parent, addnodes.only | ifconfig):
            yield type(parent).__name__, parent["expr"]
        parent = parent.parent


def _is_true(app: Sphinx, directive: str, expression: str) -> bool:
    """Return whether this build keeps a branch."""
    if directive == "only":
        try:
            return app.builder.tags.eval_condition(expression)
        except Exception:  # Sphinx keeps the branch, and warns, whatever is wrong with the expression
            return True
    # Sphinx's own function decides, on a document with nothing else than the branch.
    settings = get_default_settings()
    settings.report_level = _SILENT
    probe = new_document("ifconfig", settings)
    kept = nodes.paragraph()
    probe += ifconfig("", kept, expr=expression)
    process_ifconfig_nodes(app, probe, "")
    return kept in probe.children


def changed_branches(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Iterable[str]:
    """Return the pages that were read when another condition was true, such as for another builder."""
    pages = records_of(env).branches
    now = {condition: _is_true(app, *condition) for condition in {each for known in pages.values() for each in known}}
    return [page for page, known in pages.items() if any(now[each] != known[each] for each in known)]


class DropLeftOut(SphinxPostTransform):
    """Remove what the build leaves out, before trees are drawn. Sphinx removes the branch itself later."""

    default_priority = 4

    def run(self, **kwargs: Any) -> None:
        """Remove the marked nodes of the page, and references in the same branches: their trees may be left out too."""
        for node in list(_drawn(self.document)):
            if LEFT_OUT in node:
                node.parent.remove(node)
        for reference in list(_references(self.document)):
            if LEFT_OUT in reference:
                reference.replace_self(reference.children)


class DropUnbuilt(SphinxPostTransform):
    """Leave only the texts of trees to builders that write no pages, such as gettext: they build no models."""

    default_priority = 4
    formats = ("",)

    def run(self, **kwargs: Any) -> None:
        """Replace all trees, galleries and tables of the page by their captions and other texts to translate."""
        for node in list(_drawn(self.document)):
            captions = [child for child in node.children if isinstance(child, nodes.caption | nodes.title)]
            targets = [] if isinstance(node, model_fact) else [nodes.target("", "", ids=node["ids"])]
            node.replace_self([*targets, *texts_of(node), *captions])


def setup(app: Sphinx) -> None:
    """Connect the event handler and register the transform."""
    app.connect("env-get-outdated", changed_branches)
    app.add_post_transform(DropLeftOut)
    app.add_post_transform(DropUnbuilt)
