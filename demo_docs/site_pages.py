"""What both sites are made from: the folder of pages, their order, and the addresses that pages had before."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from pathlib import Path

import yaml

DEMO = Path(__file__).parent
PAGES = DEMO / "pages"
PICTURES = DEMO / "pictures"
REDIRECTS = {
    "addressing": "highlight-modules",
    "any-model": "supported-models",
    "build-without-torch": "build-without-pytorch",
    "check-in-ci": "check-models-in-ci",
    "colours": "colors-and-accessibility",  # codespell:ignore colours
    "common": "common-module-names",
    "compare": "compare-models",
    "files": "checkpoints-and-configs",
    "flow": "tensor-shapes-and-macs",
    "gallery": "model-gallery",
    "many-models": "model-gallery",
    "map-your-names": "map-module-names",
    "markdown-hosts": "mkdocs",
    "measured": "benchmarks",
    "mend-a-warning": "troubleshooting",
    "models": "examples",
    "models-that-stay-true": "caching-and-snapshots",
    "optimizer": "optimizer-parameter-groups",
    "pages-of-strangers": "security",
    "python": "python-api",
    "show-lora": "lora-and-peft",
    "sphinx-host": "sphinx",
    "strict-csp": "content-security-policy",
    "teach-a-library": "register-adapter-detector",
    "terminal": "terminal-and-notebook",
}
"""The former name of a page, and its name now. To rename a page, add a line."""
_REDIRECT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>This page has moved</title>
<link rel="canonical" href="{target}">
<meta http-equiv="refresh" content="0; url={target}">
<script>location.replace("{target}" + location.hash)</script>
<p>This page has moved to <a href="{target}">{target}</a>.</p>
</html>
"""


def navigation() -> dict[str, list[tuple[str, str]]]:
    """Return the sections of the sites, as mkdocs.yml lists them: titles with names of pages."""
    written = yaml.safe_load((DEMO / "mkdocs" / "mkdocs.yml").read_text())["nav"]
    return {
        section: [(title, file.removesuffix(".md")) for entry in entries for title, file in entry.items()]
        for part in written
        for section, entries in part.items()
    }


def toctrees() -> str:
    """Return the navigation as Sphinx's first page takes it."""
    return "\n\n".join(
        f"```{{toctree}}\n:hidden:\n:caption: {name}\n\n{_entries(of)}\n```" for name, of in navigation().items()
    )


def _entries(entries: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"{title} <{'self' if page == 'index' else page}>" for title, page in entries)


def write_redirects(site: Path, file_of: Callable[[str], str]) -> None:
    """Write a page at each former address that leads to the new one.

    Args:
        site: the folder of the built site.
        file_of: returns the file of a page in that folder, such as `python-api/index.html`.
    """
    for old, new in REDIRECTS.items():
        file = site / file_of(old)
        file.parent.mkdir(parents=True, exist_ok=True)
        target = posixpath.relpath(file_of(new), posixpath.dirname(file_of(old)))
        file.write_text(_REDIRECT.format(target=target))
