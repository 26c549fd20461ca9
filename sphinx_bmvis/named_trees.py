"""The trees with a name, and the rows of their modules: the targets of `:model:` and `:module:`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from bmvis.errors import nearest
from bmvis.view.targets import find_anchor, missing_module
from sphinx_bmvis.kept_models import Layouts, TreeKey, tree_key
from sphinx_bmvis.requests import TreeRequest

Target = tuple[str, str]
"""A document, and the id of an element in it."""


class NamedTrees:
    """The named trees of a site, at the time when it is created.

    Args:
        requests: the trees of each page, in order.
        failed: the anchors of the error boxes of each page, of trees with a name and an invalid option, by the name.
        ids: the ids of the rows of each tree; None if its model failed.
        layouts: reads these ids.
    """

    def __init__(
        self,
        requests: Mapping[str, Sequence[TreeRequest]],
        failed: Mapping[str, Mapping[str, str]],
        ids: Mapping[TreeKey, bytes | None],
        layouts: Layouts,
    ) -> None:
        self._requests = requests
        self._failed_on = failed
        self._ids = ids
        self._layouts = layouts

    def __iter__(self) -> Iterator[tuple[str, TreeRequest]]:
        """Yield all named trees with their pages, also several with one name."""
        for page in sorted(self._requests):
            yield from ((page, request) for request in self._requests[page] if request.options.name)

    @cached_property
    def by_name(self) -> dict[str, tuple[str, TreeRequest]]:
        """Each named tree with its page. If two trees have the same name, the first one counts."""
        found: dict[str, tuple[str, TreeRequest]] = {}
        for page, request in self:
            found.setdefault(request.options.name, (page, request))
        return found

    @cached_property
    def _failed(self) -> dict[str, Target]:
        """The target of each error box of a tree with a name and an invalid option."""
        failed = self._failed_on
        return {name: (page, failed[page][name]) for page in sorted(failed, reverse=True) for name in failed[page]}

    def targets(self) -> dict[str, Target]:
        """Return the target of each name."""
        return self._failed | {name: (page, request.anchor) for name, (page, request) in self.by_name.items()}

    def duplicates(self) -> Iterator[tuple[TreeRequest, TreeRequest]]:
        """Yield each tree with the name of an earlier one, and that one, unless they are one text on two pages."""
        for _, request in self:
            first = self.by_name[request.options.name][1]
            if not request.repeats(first):
                yield request, first

    def module_anchors(self, request: TreeRequest) -> dict[str, str]:
        """Return the id of the row that shows each module, by module path.

        The result is empty if the model failed, or is not built, as for builders that write no pages.
        """
        kept = self._ids.get(tree_key(request))
        return {path: request.anchor + end for path, end in self._layouts.ids(kept).items()} if kept else {}

    def find(self, target: str) -> Target | None:
        """Return the target of a tree, or of the row of a module, such as `bert:encoder.layer.0`; None if unknown."""
        name, _, path = target.partition(":")
        page, request = self.by_name.get(name, ("", None))
        if request is None:
            return self._failed.get(name)
        if not path or self._ids.get(tree_key(request)) is None:  # the model failed, or is not built
            return page, request.anchor
        anchor = find_anchor(self.module_anchors(request), path)
        return (page, anchor) if anchor else None

    def missing(self, target: str) -> str:
        """Return the warning about a target that does not exist."""
        name, _, path = target.partition(":")
        if name not in self.by_name:
            hint = nearest(name, [*self.by_name, *self._failed]) or "name one with the option :name:"
            return self._of_factory(target) or f"no tree is named {name!r} ({hint})"
        return missing_module(name, self.module_anchors(self.by_name[name][1]), path)

    def _of_factory(self, target: str) -> str:
        """Return the warning about a target that is the factory of a tree; '' for other targets."""
        reference = target.partition("#")[0]
        trees = [one for requests in self._requests.values() for one in requests if one.reference == reference]
        if not trees:
            return ""
        name = next((tree.options.name for tree in trees if tree.options.name), "")
        how = f"its tree has the name {name!r}" if name else "give its tree a :name:, or link to its page with :doc:"
        return f"{target!r} is a factory, and links name a tree ({how})"

    def objects(self, *, lists_all: bool) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Yield the trees and their modules as `Domain.get_objects` does.

        Args:
            lists_all: whether to include modules of trees without the option `search`, which no search finds.
        """
        for name, (page, request) in self.by_name.items():
            yield name, name, "model", page, request.anchor, 1
            rank = 2 if request.options.search else -1
            modules = self.module_anchors(request) if lists_all or rank > 0 else {}
            for path, anchor in modules.items():
                if path.isprintable():
                    yield f"{name}:{path}", path, "module", page, anchor, rank
