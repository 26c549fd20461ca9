"""Add the model pages of a gallery to the nav of `mkdocs.yml`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from mkdocs_bmvis.model_pages import ModelPage


def placed(nav: list[Any], uri: str, pages: Iterable[ModelPage]) -> list[Any]:
    """Return a nav with the model pages below the page of their gallery, which becomes a section if necessary."""
    found: list[Any] = []
    below = [{page.title: page.uri} for page in pages]
    for item in nav:
        title, target = next(iter(item.items())) if isinstance(item, Mapping) and len(item) == 1 else (None, item)
        if isinstance(target, list) and uri in (*target[:1], *_targets(target[:1])):
            found.append({title: [*target, *(page for page in below if page not in target)]})
        elif isinstance(target, list):
            found.append({title: placed(target, uri, pages)})
        elif target == uri:
            found.append({title or _section(uri): [uri, *below]})
        else:
            found.append(item)
    return found


def _targets(items: list[Any]) -> list[Any]:
    return [target for item in items if isinstance(item, Mapping) for target in item.values()]


def _section(uri: str) -> str:
    stem = posixpath.basename(uri).removesuffix(".md")
    name = posixpath.basename(posixpath.dirname(uri)) if stem in ("index", "README") else stem
    return (name or "Models").replace("-", " ").replace("_", " ").capitalize()
