"""Load the stylesheets and scripts for trees from `bmvis/static/`, as files or inline.

The script and the stylesheet of trees consist of parts, in `bmvis/static/script/` and `bmvis/static/style/`, which are
joined when they are loaded.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path

from bmvis.render.html.markup import Markup, join

SCRIPT = "bmvis/static/bmvis.js"
"""The script of trees, joined from its parts."""
STYLE = "bmvis/static/bmvis.css"
"""The stylesheet of trees, joined from its parts."""
STYLE_PARTS = ("theme", "tree", "row", "columns", "tools", "figure", "errors")
"""Parts of the stylesheet in order: a later rule overrides an earlier one of the same specificity."""
GALLERY_STYLE, GALLERY_SCRIPT = GALLERY = "bmvis/static/bmvis-gallery.css", "bmvis/static/bmvis-gallery.js"
"""The files that a page with a gallery needs in addition."""
TABLE_STYLE, TABLE_SCRIPT = TABLE = "bmvis/static/bmvis-table.css", "bmvis/static/bmvis-table.js"
"""The files that a page with a table of models needs in addition."""
PACKAGE = Path(str(package_files("bmvis")))
STATIC = PACKAGE / "static"
_ROOT = ".bmvis.bmvis.bmvis", r".bmvis:not(#\/):not(#\/)"
"""The root of a tree in the stylesheets, and a selector of the same elements that is stronger than a theme's rules with
an id. No element has the id `/`."""
_UNUSED = re.compile(r"^[ \t]*(?://.*\n|\n)?", re.MULTILINE)
"""Parts of a script that are removed: indentation, empty lines, and lines that are a comment."""


def files() -> list[str]:
    """Return the paths of all files to ship, relative to the parent folder of the `bmvis` package, with `/`."""
    return sorted([SCRIPT, STYLE, *(f"bmvis/static/{file.name}" for file in STATIC.glob("*.*"))])


def text(file: str) -> str:
    """Return the content of one of the `files`."""
    if file == SCRIPT:
        return _script()
    if file == STYLE:
        parts = [(STATIC / "style" / f"{part}.css").read_text(encoding="utf-8") for part in STYLE_PARTS]
        return "".join(parts).replace(*_ROOT)
    content = (PACKAGE.parent / file).read_text(encoding="utf-8")
    return _UNUSED.sub("", content) if file.endswith(".js") else content.replace(*_ROOT)


def folder(kept: Path | None = None) -> Path:
    """Return a folder with the `files`, for hosts that copy from one.

    Args:
        kept: a folder for this purpose only, which stays for later builds: nothing removes a temporary folder if a
            signal ends the build. None is a temporary folder, which is removed when Python exits.
    """
    if kept is not None:
        with suppress(OSError):  # the folder is read-only
            return _written(kept)
    return _written(_temporary())


def _written(place: Path) -> Path:
    """Write the files that differ, as another build can copy them at the same time."""
    for file in files():
        target, content = place / file, text(file).encode()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return place


@cache
def _temporary() -> Path:
    created = Path(tempfile.mkdtemp(prefix="bmvis-"))
    atexit.register(shutil.rmtree, created, ignore_errors=True)
    return created


def _script() -> str:
    """Return the joined parts of the script, `main.js` last, without comments and indentation.

    If a page loads the script several times, for example inline with each tree, it runs only once.
    """
    parts = sorted((STATIC / "script").glob("*.js"), key=lambda part: (part.stem == "main", part.name))
    code = "".join(part.read_text(encoding="utf-8") for part in parts)
    return f"(() => {{\nif (window.bmvis) return;\nwindow.bmvis = true;\n{_UNUSED.sub('', code)}}})();\n"


def stylesheets() -> list[str]:
    """Return the stylesheets that a page with trees links."""
    return [file for file in files() if file.endswith(".css") and file not in (*GALLERY, *TABLE)]


def scripts() -> list[str]:
    """Return the scripts that a page with trees loads."""
    return [file for file in files() if file.endswith(".js") and file not in (*GALLERY, *TABLE)]


def needed(html: str) -> list[str]:
    """Return the files that a page with this content needs: none without an element of bmvis.

    Examples:
        >>> needed('<div class="bmvis bmvis-error">')
        ['bmvis/static/bmvis.css']
    """
    if "bmvis" not in html:
        return []
    return [file for file, marks in _MARKS.items() if any(mark in html for mark in marks)]


_MARKS = {
    STYLE: ('class="bmvis"', 'class="bmvis '),
    GALLERY_STYLE: ("bmvis-gallery",),
    TABLE_STYLE: ('class="bmvis-table',),
    SCRIPT: ('class="bmvis-tree',),
    GALLERY_SCRIPT: ("bmvis-gallery",),
    TABLE_SCRIPT: ('class="bmvis-table',),
}
"""For each file, texts of which a page has one if it needs the file."""


@cache
def inline() -> Markup:
    """Return stylesheets and scripts as HTML, for a self-contained page."""
    return join(inline_stylesheets(), *(Markup(f"\n<script>{text(file)}</script>") for file in scripts()))


@cache
def inline_gallery() -> Markup:
    """Return the stylesheet and script of galleries as HTML, for a self-contained page."""
    return Markup(f"<style>{text(GALLERY_STYLE)}</style>\n<script>{text(GALLERY_SCRIPT)}</script>")


@cache
def inline_table() -> Markup:
    """Return the stylesheet and script of tables as HTML, for a self-contained page."""
    return Markup(f"<style>{text(TABLE_STYLE)}</style>\n<script>{text(TABLE_SCRIPT)}</script>")


@cache
def inline_stylesheets() -> Markup:
    """Return only the stylesheets as HTML, for pages that cannot run scripts."""
    return Markup("\n".join(f"<style>{text(file)}</style>" for file in stylesheets()))
