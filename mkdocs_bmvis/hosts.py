"""Read facts about the host: the page, the project folder, and autorefs.

They come from the `Markdown` instance and from loaded modules, so that no host is imported.
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
from mkdocs_bmvis.zensical_assets import SiteFolders

_PAGES: MutableMapping[object, HostPage] = WeakKeyDictionary()
"""The pages that Zensical converts. Nested conversions of a page, such as docstrings, share its anchors."""


def current_page(md: Markdown, text: str, outer: HostPage | None) -> HostPage:
    """Return the page that `md` converts, as far as the host provides it.

    Args:
        md: the Markdown instance.
        text: the text that it converts.
        outer: the page that the host converts. Docstrings on it are converted by an instance without a page, and
            excerpts of other pages (in Material's blog) by an instance with that page.
    """
    if context := _zensical(md):
        if context.page not in _PAGES:
            folder = Path(context.config["root_dir"], context.config["docs_dir"])
            _PAGES[context.page] = HostPage(text, folder / context.page.path)
        return _PAGES[context.page]
    if mkdocs := _mkdocs(md):
        page = mkdocs_page(mkdocs.file, mkdocs.config, text)
        if "excerpt" in md.treeprocessors:  # Material's blog shows excerpts of several posts on one page
            post = PurePath(mkdocs.file.src_uri).with_suffix("").as_posix()
            page.unnamed = "model-" + re.sub(r"[^\w.]+", "-", post)
            page.is_excerpt = True
            # All excerpts of a view share its ids, which are stored in the view because it cannot be hashed.
            excerpt: Any = md.treeprocessors["excerpt"]
            page.anchors = excerpt.base.__dict__.setdefault("bmvis_anchors", page.anchors)
            return page
        return outer if outer and (outer.file, outer.name) == (page.file, page.name) else page
    return outer or HostPage(text)


def mkdocs_page(file: Any, config: Any, text: str) -> HostPage:
    """Return the page for a `File` of MkDocs or ProperDocs."""
    if file.abs_src_path is None:
        return HostPage(file.content_string, name=file.src_uri)
    source = Path(file.abs_src_path)
    is_generated = not source.is_relative_to(config.docs_dir)
    return HostPage(text, source, name=file.src_uri if is_generated else "")


def config_folder(md: Markdown) -> Path | None:
    """Return the folder of the configuration file of the site; None without a host, as in plain Python-Markdown."""
    if context := _zensical(md):
        return Path(context.config["root_dir"])
    if (mkdocs := _mkdocs(md)) and mkdocs.config.config_file_path:
        return Path(mkdocs.config.config_file_path).parent
    return None


def site_folders(md: Markdown) -> SiteFolders | None:
    """Return the folders of the site if the host is Zensical, whose pages link files in the docs folder."""
    if context := _zensical(md):
        root, config = Path(context.config["root_dir"]), context.config
        is_clean = not {"--clean", "-c"}.isdisjoint(zensical_arguments())
        docs, site = root / config["docs_dir"], root / config["site_dir"]
        return SiteFolders(docs, site, root / ".cache", context.page.path, is_clean)
    return None


def zensical_arguments() -> list[str]:
    """Return the command line of Zensical, which extensions cannot ask; empty in another program."""
    program, *arguments = sys.argv or [""]
    return arguments if "zensical" in (Path(program).stem, Path(program).parent.name) else []


def has_autorefs(md: Markdown) -> bool:
    """Return whether `<autoref>` elements become links."""
    return "mkdocs-autorefs" in md.inlinePatterns


def zensical_autorefs(md: Markdown) -> Any:
    """Return the object that registers anchors in Zensical, or None."""
    module = sys.modules.get("zensical.extensions.autorefs")
    return module.get_autorefs_store() if module and _zensical(md) and has_autorefs(md) else None


def _zensical(md: Markdown) -> Any:
    return md.preprocessors["rendering_context"] if "rendering_context" in md.preprocessors else None  # noqa: SIM401  # a Registry has no get


def _mkdocs(md: Markdown) -> Any:
    """Return the processor of MkDocs and ProperDocs that has the page, for sites without the plugin."""
    return md.treeprocessors["relpath"] if "relpath" in md.treeprocessors else None  # noqa: SIM401
