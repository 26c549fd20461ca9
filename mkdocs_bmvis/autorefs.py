"""Links with mkdocs-autorefs: from types in a tree to their documentation, and from pages to the modules of a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import unescape
from typing import TYPE_CHECKING, Any

from bmvis.lazy_regex import lazy_regex
from bmvis.render.html.markup import Markup, join, tag
from bmvis.view.targets import by_end, find_anchor, missing_module

if TYPE_CHECKING:
    from bmvis.model.tree import Model, Module
    from bmvis.view.page import Page

_REFERENCE = lazy_regex(r'<autoref [^>]*?identifier="([^":]+):([^"]+)"')
"""A reference to a module: the name of its tree, and its path."""


def type_link(module: Module) -> Markup:
    """Return a type as an optional link, which autorefs replaces by plain text if it finds no documentation."""
    link = tag("autoref", module.type, identifier=module.documented_as, optional=True)
    return tag("i", join("(", link, ")"))


def targets(name: str, anchor: str, model: Model, page: Page) -> dict[str, str]:
    """Return the anchor of each identifier: `name` for the tree, and `name:path` for each module of the model.

    The anchor of a module that is folded, or below the depth limit, is that of the row that represents it.
    """
    from bmvis.render.html.tree import module_ids

    return {name: anchor} | {f"{name}:{path}": location for path, location in module_ids(anchor, model, page).items()}


class ModuleLinks:
    """References to modules by the end of a path, and warnings about those that match no row."""

    def __init__(self) -> None:
        self._trees: dict[str, tuple[Any, Mapping[str, str]]] = {}

    def add(self, page: Any, identifiers: Mapping[str, str]) -> None:
        """Record the `targets` of the trees on a page. If two trees have the same name, the first one counts."""
        for name, modules in _modules(identifiers).items():
            self._trees.setdefault(name, (page, modules))

    def resolve(self, contents: Iterable[tuple[str, str]], autorefs: Any, warn: Callable[[str], None]) -> None:
        """Register the references that autorefs does not know.

        Args:
            contents: the name and the HTML of each page.
            autorefs: the plugin, before it replaces the references.
            warn: reports a reference that matches no row, or several rows.
        """
        for location, content in contents:
            for match in dict.fromkeys(_REFERENCE.findall(content) if "<autoref " in content else ()):
                name, path = map(unescape, match)
                page, modules = self._trees.get(name, (None, {}))
                if not modules or path in modules:
                    continue
                if anchor := find_anchor(modules, path):
                    autorefs.register_anchor(page, f"{name}:{path}", anchor)
                else:
                    warn(f"{location}: {missing_module(name, modules, path)}")


def with_ends(identifiers: Mapping[str, str]) -> dict[str, str]:
    """Return the `targets` of trees, and identifiers with each end of a path that belongs to one row."""
    found = dict(identifiers)
    for name, modules in _modules(identifiers).items():
        found |= {f"{name}:{end}": anchor for end, anchor in by_end(modules).items() if end not in modules}
    return found


def _modules(identifiers: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the anchors of modules by the name of their tree and their path."""
    found: dict[str, dict[str, str]] = {}
    for identifier, anchor in identifiers.items():
        name, _, path = identifier.partition(":")
        if path:
            found.setdefault(name, {})[path] = anchor
    return found
