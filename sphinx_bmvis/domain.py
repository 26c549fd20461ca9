"""The `bmvis` domain: what pages request, and the references to trees and modules."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.domains import Domain, Index, ObjType
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.typing import RoleFunction

from bmvis.source.dependencies import file_dependencies
from bmvis.worker.protocol import Dependency, ModelRequest
from sphinx_bmvis.anchors import has_row_anchors, link_to
from sphinx_bmvis.answers import Answers
from sphinx_bmvis.kept_models import TreeKey, share, tree_key
from sphinx_bmvis.model_index import ModelIndex
from sphinx_bmvis.named_trees import NamedTrees
from sphinx_bmvis.nodes import TYPE_OF
from sphinx_bmvis.requests import GalleryRequest, PageContent, TreeRequest
from sphinx_bmvis.roles import DOMAIN, TABLE_LINK, TreeRole

if TYPE_CHECKING:  # a build without changes draws no facts
    from bmvis.overviews.facts import FactRequest

logger = logging.getLogger(__name__)

GalleryKey = tuple[str, str, tuple[str, ...]]
"""Key of a gallery: its document, the folder of its model pages, and its references."""


class BmvisDomain(Domain):
    """The requests of each page, and the trees that references can name."""

    name = DOMAIN
    label = "Models"
    data_version = 14
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
    initial_data: ClassVar[dict[str, Any]] = {
        "requests": {},
        "references": {},
        "changed": {},
        "galleries": {},
        "pages": {},
        "unanswered": set(),
        "titled": {},
        "titles": {},
        "retitled": 0.0,
        "no_tree": {},
        "answers": {},
        "ids": {},
        "targets": {},
        "retried": set(),
        "dependencies": {},
        "listed": {},
        "read": {},
        "with_errors": set(),
        "failed": {},
        "branches": {},
        "code": "",
        "path": (),
        "is_settled": False,
    }

    def __init__(self, env: BuildEnvironment) -> None:
        super().__init__(env)
        self.answers = Answers(self.data)
        """The answer to each distinct request."""
        self._named: NamedTrees | None = None
        self.renamed: dict[str, str] = {}
        """The ids of trees that have another id on the one page of singlehtml."""
        self.lists_all = True
        """Whether `get_objects` has the modules that the search index ignores, which are most of them."""

    @property
    def requests(self) -> dict[str, list[TreeRequest]]:
        """The trees of each page, in order."""
        return cast("dict[str, list[TreeRequest]]", self.data["requests"])

    @property
    def references(self) -> dict[str, set[str]]:
        """The names of the trees that each page refers to. `:any:` references count too."""
        return cast("dict[str, set[str]]", self.data["references"])

    @property
    def changed(self) -> dict[str, float]:
        """Time of the last change of the content of each page, in seconds. Older output files are out of date."""
        return cast("dict[str, float]", self.data["changed"])

    @property
    def title_facts(self) -> dict[str, tuple[FactRequest, ...]]:
        """The facts in the titles and captions of each page that has one."""
        return cast("dict[str, tuple[FactRequest, ...]]", self.data["titled"])

    @property
    def galleries(self) -> dict[str, dict[str, GalleryRequest]]:
        """The galleries of each page by anchor. After the build, the entries are models instead of patterns."""
        return cast("dict[str, dict[str, GalleryRequest]]", self.data["galleries"])

    @property
    def pages(self) -> dict[GalleryKey, dict[str, str]]:
        """The documents of the model pages of each gallery, by reference."""
        return cast("dict[GalleryKey, dict[str, str]]", self.data["pages"])

    @property
    def unanswered(self) -> set[str]:
        """Pages that were read in this build, and whose models are not built yet."""
        return cast("set[str]", self.data["unanswered"])

    def note_ids(self, changed: Set[ModelRequest]) -> set[str]:
        """Store the ids of the rows of named trees, which references need in every build. A layout takes far longer.

        Args:
            changed: the requests whose answer has changed.

        Returns:
            The names of the trees whose rows have moved.
        """
        if not changed and not self.unanswered:
            return set()
        self._note_change()  # galleries have added requests
        kept: dict[TreeKey, bytes | None] = self.data["ids"]
        found: dict[TreeKey, bytes | None] = {}
        moved: set[str] = set()
        for page, request in self.named_trees():
            tree = tree_key(request)
            if page not in self.unanswered and request.key not in changed:
                continue
            if tree not in found:
                found[tree] = self.answers.packed_ids(request)
            if kept.get(tree) != found[tree]:
                moved.add(request.options.name)
        kept.update(found)
        return moved

    @property
    def is_settled(self) -> bool:
        """Whether nothing was read, removed or built since `settle`, also by earlier builds and other builders."""
        return bool(self.data["is_settled"])

    def _note_change(self) -> None:
        self._named = None
        self.data["is_settled"] = False

    def settle(self) -> None:
        """Note that the data of the last build are complete, and keep equal parts once."""
        share(self.data)
        self.data["is_settled"] = True

    def remove_unrequested(self) -> None:
        """Remove answers without a request, and change times of pages without trees and references."""
        self.answers.remove_others(self._requested())
        trees = {tree_key(request) for _, request in self.named_trees()}
        self.data["ids"] = {tree: ids for tree, ids in self.data["ids"].items() if tree in trees}
        self._named = None
        pages = self.requests.keys() | self.references.keys()
        self.data["changed"] = {page: when for page, when in self.changed.items() if page in pages}

    def note_listed(self, page: str, dependencies: Iterable[Dependency]) -> None:
        """Store the dependencies that the patterns in the galleries of a page depend on."""
        self.data["listed"][page] = tuple(dependencies)

    def note_read(self, page: str, file: str) -> None:
        """Store a file that a directive on a page has read. Sphinx compares only the times of such files."""
        read: dict[str, tuple[Dependency, ...]] = self.data["read"]
        read[page] = (*read.get(page, ()), *file_dependencies([file]))

    def failed_keys(self) -> list[ModelRequest]:
        """Return the requests whose answer is an error, which each build asks for again."""
        failed = self.answers.failed()
        requested = self._requested() if failed else set()
        return [key for key in failed if key in requested]

    def _requested(self) -> set[ModelRequest]:
        return {request.key for requests in self.requests.values() for request in requests}

    def pages_with(self, keys: Container[ModelRequest]) -> set[str]:
        """Return the pages that have one of the requests."""
        return {page for page, requests in self.requests.items() if any(request.key in keys for request in requests)}

    def pages_with_facts(self, keys: Container[ModelRequest]) -> set[str]:
        """Return the pages that have a fact about a model of one of the requests."""
        return {page for page, requests in self.requests.items() if any(_is_fact(one, keys) for one in requests)}

    def pages_about(self, names: Set[str]) -> set[str]:
        """Return the pages that refer to one of the named trees."""
        return {page for page, referred in self.references.items() if referred & names}

    def note_page(self, docname: str, found: PageContent) -> None:
        """Record what a page needs after it is read."""
        self._note_change()
        if found.galleries:
            self.galleries[docname] = found.galleries
        if found.requests or found.galleries:
            self.requests[docname] = found.requests
            self.unanswered.add(docname)
        if found.references:
            self.references[docname] = found.references
        if found.has_error:
            self.data["with_errors"].add(docname)
        if found.title_facts is not None:
            self.title_facts[docname] = found.title_facts
        for kind in ("failed", "branches"):
            noted = getattr(found, kind)
            if noted:
                self.data[kind][docname] = noted

    def clear_doc(self, docname: str) -> None:
        """Remove the requests and references of a page."""
        self._note_change()
        self.requests.pop(docname, None)
        self.references.pop(docname, None)
        self.galleries.pop(docname, None)
        for kind in ("listed", "read", "failed", "branches", "no_tree", "titled"):
            self.data[kind].pop(docname, None)
        self.unanswered.discard(docname)
        self.data["with_errors"].discard(docname)

    def merge_domaindata(self, docnames: Set[str], otherdata: dict[str, Any]) -> None:
        """Merge the data that another process read."""
        self._note_change()
        for docname in docnames & otherdata["references"].keys():
            self.references[docname] = otherdata["references"][docname]
        for docname in docnames & otherdata["requests"].keys():
            self.requests[docname] = otherdata["requests"][docname]
            if docname in otherdata["galleries"]:
                self.galleries[docname] = otherdata["galleries"][docname]
            self.unanswered.add(docname)
        self.data["with_errors"] |= otherdata["with_errors"] & docnames
        for kind in ("read", "failed", "branches", "no_tree", "titled"):
            for docname in docnames & otherdata[kind].keys():
                self.data[kind][docname] = otherdata[kind][docname]

    def named_trees(self) -> NamedTrees:
        """Return the trees with a name: the targets of references. They are listed once, and again after a change."""
        if self._named is None:
            self._named = NamedTrees(self.requests, self.data["failed"], self.data["ids"], self.answers.layouts)
        return self._named

    def check_consistency(self) -> None:
        """Warn about two trees with the same name, unless they are one text that two pages show."""
        for request, first in self.named_trees().duplicates():
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
        trees, name = self.named_trees(), target.partition(":")[0]
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
        _, request = self.named_trees().by_name.get(target, ("", None))
        known_by_caption = kind == "model" and request and request.options.caption
        return [(f"{self.name}:{kind}", link)] if link and not known_by_caption else []

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Yield the named trees and their modules, for objects.inv and the search index."""
        return self.named_trees().objects(lists_all=self.lists_all)


def _is_fact(request: TreeRequest, keys: Container[ModelRequest]) -> bool:
    return not request.anchor and request.key in keys


def warn_missing(app: Sphinx, domain: Domain | None, node: pending_xref) -> bool | None:
    """Warn about a reference to a missing tree. Do not warn about a type without documentation."""
    if TYPE_OF in node:
        return True
    if not isinstance(domain, BmvisDomain):
        return None
    text = domain.named_trees().missing(node["reftarget"])
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
