"""The `bmvis` domain of Sphinx: its roles and its index, and the targets of references."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, ClassVar, cast

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.domains import Domain, Index, ObjType
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.typing import RoleFunction

from sphinx_bmvis.anchors import has_row_anchors, link_to
from sphinx_bmvis.model_index import ModelIndex
from sphinx_bmvis.nodes import TYPE_OF
from sphinx_bmvis.records import Records, initial_data
from sphinx_bmvis.roles import DOMAIN, TABLE_LINK, TreeRole

logger = logging.getLogger(__name__)


class BmvisDomain(Domain):
    """The targets of references, and the records of each page."""

    name = DOMAIN
    label = "Models"
    data_version = 16
    folder = Path()
    """The folder of conf.py, which can differ between builds."""
    object_types: ClassVar[dict[str, ObjType]] = {
        "model": ObjType("model", "model"),
        "module": ObjType("module of a model", "module"),
    }
    roles: ClassVar[dict[str, RoleFunction | XRefRole]] = {
        "model": TreeRole(warn_dangling=True),
        "module": TreeRole(warn_dangling=True),
    }
    indices: ClassVar[list[type[Index]]] = [ModelIndex]
    initial_data: ClassVar[dict[str, Any]] = initial_data()

    def __init__(self, env: BuildEnvironment) -> None:
        super().__init__(env)
        self.records = Records(self.data)
        self.renamed: dict[str, str] = {}
        """The ids of trees that have another id on the one page of singlehtml."""
        self.lists_all = True
        """Whether `get_objects` has the modules that the search index ignores, which are most of them."""

    def clear_doc(self, docname: str) -> None:
        """Remove the records of a page."""
        self.records.remove_page(docname)

    def merge_domaindata(self, docnames: Set[str], otherdata: dict[str, Any]) -> None:
        """Merge the records of another process."""
        self.records.merge(docnames, otherdata)

    def check_consistency(self) -> None:
        """Warn about two trees with the same name, unless they are one text that two pages show."""
        for request, first in self.records.named_trees().duplicates():
            text = f"duplicate tree name {request.options.name!r}, also in {first.location} (rename one of them)"
            logger.warning("%s", text, type="bmvis", subtype="name", location=request.location)

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:
        """Return a link to a tree, or to the row that shows a module of it."""
        if typ == TABLE_LINK:
            docname, _, anchor = target.partition("#")
            return link_to((docname, anchor), fromdocname, contnode, builder, self.renamed)
        trees, name = self.records.named_trees(), target.partition(":")[0]
        found = trees.find(target)
        if found and not has_row_anchors(builder, trees.by_name.get(name)):
            found = trees.find(name)
        return link_to(found, fromdocname, contnode, builder, self.renamed, target) if found else None

    def resolve_any_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        target: str,
        node: pending_xref,
        contnode: nodes.Element,
    ) -> list[tuple[str, nodes.reference]]:
        """Return the targets of an `:any:` role, except trees with captions, which Sphinx finds by label."""
        kind = "module" if ":" in target else "model"
        link = self.resolve_xref(env, fromdocname, builder, kind, target, node, contnode)
        _, request = self.records.named_trees().by_name.get(target, ("", None))
        known_by_caption = kind == "model" and request and request.options.caption
        return [(f"{self.name}:{kind}", link)] if link and not known_by_caption else []

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Yield the named trees and their modules, for objects.inv and the search index."""
        return self.records.named_trees().objects(lists_all=self.lists_all)


def warn_missing(app: Sphinx, domain: Domain | None, node: pending_xref) -> bool | None:
    """Warn about a reference to a missing tree. Do not warn about a type without documentation."""
    if TYPE_OF in node:
        return True
    if not isinstance(domain, BmvisDomain):
        return None
    text = domain.records.named_trees().missing(node["reftarget"])
    logger.warning("%s", text, type="ref", subtype=node["reftype"], location=node)
    return True


def setup(app: Sphinx) -> None:
    """Register the domain, and its roles by their short names."""
    app.add_domain(BmvisDomain)
    for name in BmvisDomain.roles:
        app.add_role(name, TreeRole(warn_dangling=True))
    app.connect("warn-missing-reference", warn_missing)


def domain_of(env: BuildEnvironment) -> BmvisDomain:
    """Return the `bmvis` domain of a build."""
    return cast("BmvisDomain", env.get_domain(BmvisDomain.name))


def records_of(env: BuildEnvironment) -> Records:
    """Return what the environment of a build keeps about its pages."""
    return domain_of(env).records
