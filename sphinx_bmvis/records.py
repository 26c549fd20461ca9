"""What the environment of Sphinx keeps between builds: what each page requests, and what was found for it.

Sphinx pickles the data of a domain after it has read the pages, and merges those of the processes that read a part of
them. So the data are a plain dictionary; `Records` gives its entries types, and changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Set
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

from bmvis.errors import BmvisError
from bmvis.source.dependencies import file_dependencies
from bmvis.worker.protocol import Dependency, ModelRequest
from sphinx_bmvis.answers import Answers
from sphinx_bmvis.kept_models import TreeKey, share, tree_key
from sphinx_bmvis.named_trees import NamedTrees, Target
from sphinx_bmvis.requests import GalleryRequest, PageContent, TreeRequest

if TYPE_CHECKING:  # a build without changes draws no facts
    from bmvis.overviews.facts import FactRequest

GalleryKey = tuple[str, str, tuple[str, ...]]
"""Key of a gallery: its document, the folder of its model pages, and its references."""
TargetKey = tuple[str, str]
"""A kind of target, and the name of a tree or the reference of a model."""
_T = TypeVar("_T")


class _Kept(Generic[_T]):
    """A value that the environment keeps, in the data under the name of the attribute.

    Args:
        initial: returns the value in a new environment.
    """

    def __init__(self, initial: Callable[[], _T]) -> None:
        self.initial = initial
        self._key = ""

    def __set_name__(self, owner: type[Records], name: str) -> None:
        self._key = name

    @overload
    def __get__(self, records: None, owner: type[Records]) -> _Kept[_T]: ...

    @overload
    def __get__(self, records: Records, owner: type[Records]) -> _T: ...

    def __get__(self, records: Records | None, owner: type[Records]) -> _T | _Kept[_T]:
        if records is None:
            return self
        value: _T = records.data[self._key]
        return value

    def __set__(self, records: Records, value: _T) -> None:
        records.data[self._key] = value


class Records:
    """What each page requests, and the answers.

    Args:
        data: the data of the domain: those of an earlier build, or a copy of `initial_data`.
    """

    requests: _Kept[dict[str, list[TreeRequest]]] = _Kept(dict)
    """The trees of each page, in order."""
    references: _Kept[dict[str, set[str]]] = _Kept(dict)
    """The names of the trees that each page refers to. `:any:` references count too."""
    galleries: _Kept[dict[str, dict[str, GalleryRequest]]] = _Kept(dict)
    """The galleries of each page by anchor. After the build, the entries are models instead of patterns."""
    pages: _Kept[dict[GalleryKey, dict[str, str]]] = _Kept(dict)
    """The documents of the model pages of each gallery, by reference."""
    failed: _Kept[dict[str, dict[str, str]]] = _Kept(dict)
    """The names of the trees of each page with an invalid option, and the anchors of their error boxes."""
    branches: _Kept[dict[str, dict[tuple[str, str], bool]]] = _Kept(dict)
    """The conditions around the trees of each page, and whether they were true when the page was read."""
    with_errors: _Kept[set[str]] = _Kept(set)
    """The pages with an error of a directive or a role."""
    title_facts: _Kept[dict[str, tuple[FactRequest, ...]]] = _Kept(dict)
    """The facts in the titles and captions of each page that has one."""
    no_tree: _Kept[dict[str, list[str]]] = _Kept(dict)
    """The documented classes of each page that have no tree, because they need arguments."""
    read: _Kept[dict[str, tuple[Dependency, ...]]] = _Kept(dict)
    """The files that the directives on each page have read."""
    listed: _Kept[dict[str, tuple[Dependency, ...]]] = _Kept(dict)
    """What the patterns in the galleries of each page depend on."""
    unanswered: _Kept[set[str]] = _Kept(set)
    """The pages that were read in this build, and whose models are not built yet."""
    packed: _Kept[dict[ModelRequest, bytes | BmvisError]] = _Kept(dict)
    """The answer to each distinct request: a model as `kept_models.pack` returns it, or an error."""
    dependencies: _Kept[dict[ModelRequest, tuple[Dependency, ...]]] = _Kept(dict)
    """What each model depends on."""
    retried: _Kept[set[ModelRequest]] = _Kept(set)
    """The models that each build asks for again, because a call ended its process."""
    drifted: _Kept[set[ModelRequest]] = _Kept(set)
    """The models that differ from their snapshots, in the mode `check`."""
    ids: _Kept[dict[TreeKey, bytes | None]] = _Kept(dict)
    """The ids of the rows of each named tree, as `kept_models.pack_ids` returns them; None if its model failed."""
    targets: _Kept[dict[TargetKey, Target]] = _Kept(dict)
    """Where links to trees and to models led in the last build."""
    changed: _Kept[dict[str, float]] = _Kept(dict)
    """Time of the last change of the content of each page, in seconds. Older output files are out of date."""
    titles: _Kept[dict[str, tuple[str, ...]]] = _Kept(dict)
    """The texts of the facts in the titles and captions of each page, in the last build."""
    retitled: _Kept[float] = _Kept(float)
    """Time of the last change of such a text, in seconds; 0 if there was none."""
    code: _Kept[str] = _Kept(str)
    """The fingerprint of the code of bmvis in the last build."""
    places: _Kept[dict[str, object]] = _Kept(dict)
    """The folders that the last build imported models from, and the file with their names."""
    is_settled: _Kept[bool] = _Kept(bool)
    """Whether nothing was read, removed or built since `settle`, also by earlier builds and other builders."""

    _OF_A_PAGE: ClassVar[tuple[str, ...]] = (
        "requests", "references", "galleries", "failed", "branches", "title_facts", "no_tree", "read", "listed",
    )  # fmt: skip
    """Those with a value for each page that was read."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.answers = Answers(data)
        """The answer to each distinct request."""
        self._named: NamedTrees | None = None

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
        if found.failed:
            self.failed[docname] = found.failed
        if found.branches:
            self.branches[docname] = found.branches
        if found.title_facts is not None:
            self.title_facts[docname] = found.title_facts
        if found.has_error:
            self.with_errors.add(docname)

    def note_read(self, docname: str, file: str) -> None:
        """Record a file that a directive on a page has read. Sphinx compares only the times of such files."""
        self.read[docname] = (*self.read.get(docname, ()), *file_dependencies([file]))

    def note_listed(self, docname: str, dependencies: Iterable[Dependency]) -> None:
        """Record what the patterns in the galleries of a page depend on."""
        self.listed[docname] = tuple(dependencies)

    def remove_page(self, docname: str) -> None:
        """Remove what a page needed."""
        self._note_change()
        for name in self._OF_A_PAGE:
            self.data[name].pop(docname, None)
        self.unanswered.discard(docname)
        self.with_errors.discard(docname)

    def merge(self, docnames: Set[str], data: dict[str, Any]) -> None:
        """Add what another process recorded about the pages that it read."""
        self._note_change()
        for name in self._OF_A_PAGE:
            self.data[name].update({docname: data[name][docname] for docname in docnames & data[name].keys()})
        self.unanswered |= docnames & data["unanswered"]
        self.with_errors |= docnames & data["with_errors"]

    def _note_change(self) -> None:
        self._named = None
        self.is_settled = False

    def settle(self) -> None:
        """Note that the data of the last build are complete, and keep equal parts once."""
        share(self.data)
        self.is_settled = True

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
        found: dict[TreeKey, bytes | None] = {}
        moved: set[str] = set()
        for page, request in self.named_trees():
            tree = tree_key(request)
            if page not in self.unanswered and request.key not in changed:
                continue
            if tree not in found:
                found[tree] = self.answers.packed_ids(request)
            if self.ids.get(tree) != found[tree]:
                moved.add(request.options.name)
        self.ids.update(found)
        return moved

    def remove_unrequested(self) -> None:
        """Remove answers without a request, and change times of pages without trees and references."""
        self.answers.remove_others(self._requested())
        trees = {tree_key(request) for _, request in self.named_trees()}
        self.ids = {tree: ids for tree, ids in self.ids.items() if tree in trees}
        self._named = None
        pages = self.requests.keys() | self.references.keys()
        self.changed = {page: when for page, when in self.changed.items() if page in pages}

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

    def named_trees(self) -> NamedTrees:
        """Return the trees with a name: the targets of references. They are listed once, and again after a change."""
        if self._named is None:
            self._named = NamedTrees(self.requests, self.failed, self.ids, self.answers.layouts)
        return self._named


def initial_data() -> dict[str, Any]:
    """Return the data of a new environment."""
    return {name: entry.initial() for name, entry in vars(Records).items() if isinstance(entry, _Kept)}


def _is_fact(request: TreeRequest, keys: Container[ModelRequest]) -> bool:
    return not request.anchor and request.key in keys
