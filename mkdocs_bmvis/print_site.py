"""Make the ids of trees unique on the page that mkdocs-print-site-plugin makes of all pages.

The plugin adds the key of a page to the ids of headings and to all links of HTML, but not to the ids of other elements
and to the links inside of pictures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from mkdocs.config.defaults import MkDocsConfig

from bmvis.lazy_regex import lazy_regex

_REFERENCES = lazy_regex(r'(?P<before> (?:id="|aria-labelledby="|xlink:href="#))(?P<id>[^"]+)(?=")')


def has_print_page(config: MkDocsConfig) -> bool:
    """Return whether the site has the plugin."""
    return "print-site" in config.plugins


def separate(pages: Iterable[tuple[Any, set[str]]]) -> None:
    """Add the key of its page to each id of a tree and each link to one, in the copy of the page that the plugin keeps.

    Args:
        pages: the pages of a site with the plugin, and the ids of the trees on them; empty for other sites.
    """
    for page, anchors in pages:
        from mkdocs_print_site_plugin.urls import get_page_key  # installed if there are pages

        if html := getattr(page, "html", None):
            page.html = _REFERENCES.sub(_renaming(get_page_key(page.url), anchors), html)


def _renaming(key: str, anchors: set[str]) -> Callable[[re.Match[str]], str]:
    def rename(found: re.Match[str]) -> str:
        is_ours = found["id"].removesuffix("-caption") in anchors
        return f"{found['before']}{key}-{found['id']}" if is_ours else found[0]

    return rename
