"""Record what each page needs, after Sphinx has read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from bmvis.options.definitions import Options
from bmvis.worker.protocol import ModelRequest
from sphinx_bmvis.branches import LEFT_OUT, mark_left_out
from sphinx_bmvis.domain import records_of
from sphinx_bmvis.nodes import model_fact, model_gallery, model_structure, model_table, titles_with_facts
from sphinx_bmvis.records import Records
from sphinx_bmvis.requests import GalleryRequest, PageContent, TreeRequest
from sphinx_bmvis.roles import DOMAIN
from sphinx_bmvis.translation import TranslatedOptions

if TYPE_CHECKING:  # most sites have no facts
    from bmvis.overviews.facts import FactRequest


_ELEMENTS = (model_structure, model_gallery, model_table, model_fact)


def setup(app: Sphinx) -> None:
    """Connect the event handler and register the transform."""
    app.connect("doctree-read", record_page)
    app.add_transform(KeepFirstLabel)


class KeepFirstLabel(SphinxTransform):
    """Leave the label of a caption to the first page that shows it, if an included file is on several pages."""

    default_priority = 849  # Sphinx reads the labels at 850

    def apply(self, **kwargs: Any) -> None:
        """Process all named trees, galleries and tables of the page."""
        labels = self.env.get_domain("std").data["labels"]
        for node in self.document.findall(TranslatedOptions):
            name = nodes.fully_normalize_name(node["options"].name) if "options" in node else ""
            page = labels[name][0] if name in labels else self.env.docname
            if page != self.env.docname and _shows(records_of(self.env), page, node["location"]):
                self.document.nametypes[name] = False


def _shows(records: Records, docname: str, location: str) -> bool:
    """Return whether a page has the directive at this location, which can be in an included file."""
    galleries = records.galleries.get(docname, {}).values()
    return location in {request.location for request in (*records.requests.get(docname, ()), *galleries)}


def record_page(app: Sphinx, document: nodes.document) -> None:
    """Record the trees, galleries, tables and references of a page."""
    branches = mark_left_out(app, document)
    requests, failed = [], {}
    for node in _kept(document, model_structure):
        if "error" not in node:
            requests.append(TreeRequest(node["reference"], node["options"], node["ids"][0], node["location"]))
        elif node.get("name"):
            failed[node["name"]] = node["ids"][0]
    requests += _facts(document)
    galleries = dict(_galleries(document))
    has_error = any("error" in node for kind in _ELEMENTS for node in _kept(document, kind))
    targets, title_facts = set(_targets(document)), _title_facts(document)
    content = PageContent(requests, galleries, targets, failed, branches, has_error, title_facts)
    records_of(app.env).note_page(app.env.docname, content)


def _kept(document: nodes.document, kind: type[nodes.Element]) -> Iterator[nodes.Element]:
    return (node for node in document.findall(kind) if LEFT_OUT not in node)


def _galleries(document: nodes.document) -> Iterator[tuple[str, GalleryRequest]]:
    for node in _kept(document, model_gallery):
        if "error" not in node:
            yield node["ids"][0], GalleryRequest(node["entries"], node["options"], node["location"])
    for node in _kept(document, model_table):
        yield node["key"], GalleryRequest(node["entries"], node["options"], node["location"])


def _facts(document: nodes.document) -> Iterator[TreeRequest]:
    """Yield the requests of facts, which have no anchor."""
    for node in _kept(document, model_fact):
        if "fact" in node:
            request: ModelRequest = node["fact"].request
            options = Options(device=request.device, inputs=request.inputs)
            yield TreeRequest(request.reference, options, "", node["location"])


def _title_facts(document: nodes.document) -> tuple[FactRequest, ...] | None:
    found = [node for title in titles_with_facts(document) for node in title.findall(model_fact)]
    return tuple(node["fact"] for node in found if "fact" in node) if found else None


def _targets(document: nodes.document) -> Iterator[str]:
    """Yield the names of the trees that the page refers to. `:any:` references count too."""
    for node in document.findall(pending_xref):
        if node.get("refdomain") == DOMAIN or node["reftype"] == "any":
            yield node["reftarget"].partition(":")[0]
