"""Add the model pages of a gallery to the nav of `mkdocs.yml`, or to that of a plugin."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File
from mkdocs.structure.nav import Navigation, Section
from mkdocs.structure.pages import Page

if TYPE_CHECKING:
    from mkdocs_bmvis.model_pages import ModelPage


def placed(nav: list[Any], uri: str, pages: Iterable[ModelPage]) -> list[Any]:
    """Return a nav with the model pages below the page of their gallery, which becomes a section if necessary.

    Pages that the nav already contains keep their place.
    """
    listed = set(_all_targets(nav))
    return _placed(nav, uri, [{page.title: page.uri} for page in pages if page.uri not in listed])


def complete(nav: Navigation, galleries: Iterable[tuple[File, Iterable[File]]]) -> None:
    """Add the model pages to a navigation that a plugin made, such as awesome-nav.

    Args:
        nav: the navigation, which is changed.
        galleries: the page of each gallery, and the pages of its models.
    """
    for gallery, files in galleries:
        listed = {page.file.src_uri for page in nav.pages}
        below = [file.page for file in files if file.page and file.src_uri not in listed]
        if below and gallery.page and gallery.src_uri in listed:
            _add_below(nav, gallery.page, below)
            nav.pages = list(_pages(nav.items))
    for previous, following in zip([None, *nav.pages], [*nav.pages, None], strict=True):
        if previous:
            previous.next_page = following
        if following:
            following.previous_page = previous


def _placed(nav: list[Any], uri: str, below: list[dict[str, str]]) -> list[Any]:
    found: list[Any] = []
    for item in nav:
        title, target = next(iter(item.items())) if isinstance(item, Mapping) and len(item) == 1 else (None, item)
        if isinstance(target, list) and uri in (*target[:1], *_targets(target[:1])):
            found.append({title: [*target, *below]})
        elif isinstance(target, list):
            found.append({title: _placed(target, uri, below)})
        elif target == uri and below:
            found.append({title or _section(uri): [uri, *below]})
        else:
            found.append(item)
    return found


def _targets(items: list[Any]) -> list[Any]:
    return [target for item in items if isinstance(item, Mapping) for target in item.values()]


def _all_targets(items: Iterable[Any]) -> Iterator[str]:
    """Yield the paths of all pages in a nav."""
    for item in items:
        for target in item.values() if isinstance(item, Mapping) else [item]:
            if isinstance(target, list):
                yield from _all_targets(target)
            elif isinstance(target, str):
                yield target


def _add_below(nav: Navigation, gallery: Page, pages: list[Page]) -> None:
    """Add pages to the section whose first page, or own page, is that of a gallery; otherwise to a new section."""
    parent = gallery.parent
    siblings = parent.children if isinstance(parent, Section) else nav.items
    section: Any
    if gallery.is_section:  # the section-index plugin made the page a section
        section = gallery
    elif isinstance(parent, Section) and siblings[0] is gallery:
        section = parent
    else:
        section = Section(gallery.title or _section(gallery.file.src_uri), [gallery])
        section.parent = parent
        siblings[siblings.index(gallery)] = section
        gallery.parent = section
    for page in pages:
        page.parent = section
        section.children.append(page)


def _pages(items: Iterable[Any]) -> Iterator[Page]:
    """Yield the pages of a navigation in their order."""
    for item in items:
        if isinstance(item, Page):
            yield item
        yield from _pages(item.children or ())


def _section(uri: str) -> str:
    stem = posixpath.basename(uri).removesuffix(".md")
    name = posixpath.basename(posixpath.dirname(uri)) if stem in ("index", "README") else stem
    return (name or "Models").replace("-", " ").replace("_", " ").capitalize()
