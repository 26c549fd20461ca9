"""The stylesheets and the scripts that trees are drawn with: `bmvis/static/`, as files or inline.

The script and the stylesheet of trees are written in parts, in `bmvis/static/script/` and `style/`, and joined when
they are loaded.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path

from bmvis.render.html.markup import Markup, join

SCRIPT = "bmvis/static/bmvis.js"
"""The script of trees, joined from its parts."""
STYLE = "bmvis/static/bmvis.css"
"""The stylesheet of trees, joined from its parts."""
STYLE_PARTS = ("theme", "tree", "row", "tools", "errors")
"""Their order: later rules win over earlier ones of the same weight."""
GALLERY_STYLE, GALLERY_SCRIPT = GALLERY = "bmvis/static/bmvis-gallery.css", "bmvis/static/bmvis-gallery.js"
"""What a page with a gallery takes beside the rest."""
PACKAGE = Path(str(package_files("bmvis")))
STATIC = PACKAGE / "static"
_UNUSED = re.compile(r"^[ \t]*(?://.*\n|\n)?", re.MULTILINE)
"""What a script is loaded without: indentation, empty lines, and lines that are a comment."""


def files() -> list[str]:
    """Return every file to ship, relative to the folder that holds the `bmvis` package, with `/`."""
    return sorted([SCRIPT, STYLE, *(f"bmvis/static/{file.name}" for file in STATIC.glob("*.*"))])


def text(file: str) -> str:
    """Return what is in one of the `files`."""
    if file == SCRIPT:
        return _script()
    if file == STYLE:
        return "".join((STATIC / "style" / f"{part}.css").read_text(encoding="utf-8") for part in STYLE_PARTS)
    return (PACKAGE.parent / file).read_text(encoding="utf-8")


def folder() -> Path:
    """Return a folder that holds the `files`, for hosts that copy them from a disk; it is removed when Python ends."""
    written = _folder()
    for file in files():
        target = written / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text(file).encode())
    return written


@cache
def _folder() -> Path:
    created = Path(tempfile.mkdtemp(prefix="bmvis-"))
    atexit.register(shutil.rmtree, created, ignore_errors=True)
    return created


def _script() -> str:
    """Return the script's parts as one, `main.js` last, without comments and indentation.

    A page may load the script twice, such as inline with each of its trees: it runs once.
    """
    parts = sorted((STATIC / "script").glob("*.js"), key=lambda part: (part.stem == "main", part.name))
    code = "".join(part.read_text(encoding="utf-8") for part in parts)
    return f"(() => {{\nif (window.bmvis) return;\nwindow.bmvis = true;\n{_UNUSED.sub('', code)}}})();\n"


def stylesheets() -> list[str]:
    """Return the files that a page with trees links as stylesheets."""
    return [file for file in files() if file.endswith(".css") and file not in GALLERY]


def scripts() -> list[str]:
    """Return the files that a page with trees loads as scripts."""
    return [file for file in files() if file.endswith(".js") and file not in GALLERY]


@cache
def inline() -> Markup:
    """Return all of it as HTML, for a page that must stand alone."""
    return join(inline_stylesheets(), *(Markup(f"\n<script>{text(file)}</script>") for file in scripts()))


@cache
def inline_gallery() -> Markup:
    """Return what a gallery takes beside the rest, for a page that must stand alone."""
    return Markup(f"<style>{text(GALLERY_STYLE)}</style>\n<script>{text(GALLERY_SCRIPT)}</script>")


@cache
def inline_stylesheets() -> Markup:
    """Return the stylesheets as HTML, for what may run no script."""
    return Markup("\n".join(f"<style>{text(file)}</style>" for file in stylesheets()))
