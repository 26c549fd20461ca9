"""What the hosts let a Markdown extension see of themselves.

All of it is found on the `Markdown` instance or in what is loaded already: no host is imported.
"""

from __future__ import annotations

import re
import sys
from collections.abc import MutableMapping
from pathlib import Path, PurePath
from typing import Any
from weakref import WeakKeyDictionary

from markdown import Markdown

from mkdocs_bmvis.page import HostPage

_PAGES: MutableMapping[object, HostPage] = WeakKeyDictionary()
"""Zensical's pages in work: a page's nested conversions (docstrings) share its anchors."""


def current_page(md: Markdown, text: str, outer: HostPage | None) -> HostPage:
    """Return the page that is converted with `md`, as far as its host shows it.

    Args:
        md: the instance.
        text: what it converts.
        outer: the page that the host has begun with. A docstring in it is converted with an instance that
            knows no page; an excerpt of another page (in Material's blog) with one that knows that page.
    """
    if context := _zensical(md):
        if context.page not in _PAGES:
            folder = Path(context.config["root_dir"], context.config["docs_dir"])
            _PAGES[context.page] = HostPage(text, folder / context.page.path)
        return _PAGES[context.page]
    if mkdocs := _mkdocs(md):
        page = mkdocs_page(mkdocs.file, mkdocs.config, text)
        if "excerpt" in md.treeprocessors:  # Material's blog: the excerpt is shown with those of other posts
            post = PurePath(mkdocs.file.src_uri).with_suffix("").as_posix()
            page.unnamed = "model-" + re.sub(r"[^\w.]+", "-", post)
            page.is_excerpt = True
            # Excerpts of a view share its ids. It keeps them itself, as it cannot be hashed.
            excerpt: Any = md.treeprocessors["excerpt"]
            page.anchors = excerpt.base.__dict__.setdefault("bmvis_anchors", page.anchors)
            return page
        return outer if outer and (outer.file, outer.name) == (page.file, page.name) else page
    return outer or HostPage(text)


def mkdocs_page(file: Any, config: Any, text: str) -> HostPage:
    """Return a page of MkDocs or ProperDocs by its `File`."""
    if file.abs_src_path is None:
        return HostPage(file.content_string, name=file.src_uri)
    source = Path(file.abs_src_path)
    is_generated = not source.is_relative_to(config.docs_dir)
    return HostPage(text, source, name=file.src_uri if is_generated else "")


def config_folder(md: Markdown) -> Path | None:
    """Return the folder of the site's configuration."""
    if context := _zensical(md):
        return Path(context.config["root_dir"])
    if (mkdocs := _mkdocs(md)) and mkdocs.config.config_file_path:
        return Path(mkdocs.config.config_file_path).parent
    return None


def has_autorefs(md: Markdown) -> bool:
    """Return whether somebody turns `<autoref>` elements into links."""
    return "mkdocs-autorefs" in md.inlinePatterns


def zensical_autorefs(md: Markdown) -> Any:
    """Return what registers anchors at Zensical, or None."""
    module = sys.modules.get("zensical.extensions.autorefs")
    return module.get_autorefs_store() if module and _zensical(md) and has_autorefs(md) else None


def _zensical(md: Markdown) -> Any:
    return md.preprocessors["rendering_context"] if "rendering_context" in md.preprocessors else None  # noqa: SIM401  # a Registry has no get


def _mkdocs(md: Markdown) -> Any:
    """Return the processor of MkDocs and ProperDocs that knows the page: needed where our plugin is not used."""
    return md.treeprocessors["relpath"] if "relpath" in md.treeprocessors else None  # noqa: SIM401
