"""The stylesheet and the script that trees are drawn with: `bmvis/static/`, as files or inline."""

from __future__ import annotations

from functools import cache
from importlib.resources import files as package_files
from pathlib import Path

from bmvis.render.html.markup import Markup, join

GALLERY_STYLE, GALLERY_SCRIPT = GALLERY = "bmvis/static/bmvis-gallery.css", "bmvis/static/bmvis-gallery.js"
"""What a page with a gallery takes beside the rest."""
PACKAGE = Path(str(package_files("bmvis")))


def files() -> list[str]:
    """Return every file to ship, relative to the folder that holds the `bmvis` package, with `/`."""
    return sorted(file.relative_to(PACKAGE.parent).as_posix() for file in (PACKAGE / "static").glob("**/*.*"))


def stylesheets() -> list[str]:
    """Return the files that a page with trees links as stylesheets."""
    return [file for file in files() if file.endswith(".css") and file not in GALLERY]


def scripts() -> list[str]:
    """Return the files that a page with trees loads as scripts."""
    return [file for file in files() if file.endswith(".js") and file not in GALLERY]


@cache
def inline() -> Markup:
    """Return all of it as HTML, for a page that must stand alone."""
    return join(inline_stylesheets(), *(Markup(f"\n<script>{_text(file)}</script>") for file in scripts()))


@cache
def inline_gallery() -> Markup:
    """Return what a gallery takes beside the rest, for a page that must stand alone."""
    return Markup(f"<style>{_text(GALLERY_STYLE)}</style>\n<script>{_text(GALLERY_SCRIPT)}</script>")


@cache
def inline_stylesheets() -> Markup:
    """Return the stylesheets as HTML, for what may run no script."""
    return Markup("\n".join(f"<style>{_text(file)}</style>" for file in stylesheets()))


def _text(file: str) -> str:
    return (PACKAGE.parent / file).read_text(encoding="utf-8")
