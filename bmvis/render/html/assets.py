"""Load the stylesheets and scripts for trees from `bmvis/static/`, as files or inline.

The two scripts of trees and their stylesheet consist of parts, which are joined when they are read: `on_load/` is
`bmvis.js`, `on_first_use/` is `bmvis-rows.js`, and `style/` is `bmvis.css`. `notebook/` starts them in an output of a
notebook.
"""

from __future__ import annotations

import atexit
import hashlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from html import escape
from importlib.resources import files as package_files
from pathlib import Path

from bmvis.file_state import files_below, state_of
from bmvis.generated_files import write_if_changed
from bmvis.lazy_regex import lazy_regex
from bmvis.render.html.markup import Markup, join, tag

SCRIPT = "bmvis/static/bmvis.js"
"""The script of trees, joined from its parts."""
ROWS_SCRIPT = "bmvis/static/bmvis-rows.js"
"""The script that filters, picks, unfolds and copies rows. `SCRIPT` loads it from its own folder on first use."""
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
_STATE = "state"
"""The file with the state of the parts, in a folder that stays."""
_ROOT = ".bmvis.bmvis.bmvis", r".bmvis:not(#\/):not(#\/)"
"""The root of a tree in the stylesheets, and a selector of the same elements that is stronger than a theme's rules with
an id. No element has the id `/`."""
_UNUSED = lazy_regex(r"^[ \t]*(?://.*\n|\n)?", re.MULTILINE)
"""Parts of a script that are removed: indentation, empty lines, and lines that are a comment."""


def files() -> list[str]:
    """Return the paths of all files to ship, relative to the parent folder of the `bmvis` package, with `/`."""
    return sorted([SCRIPT, ROWS_SCRIPT, STYLE, *(f"bmvis/static/{file.name}" for file in STATIC.glob("*.*"))])


def text(file: str) -> str:
    """Return the content of one of the `files`."""
    if file == SCRIPT:
        return _script().replace("bmvis-rows.js", f"bmvis-rows.js?v={_digest(_rows_script())}")
    if file == ROWS_SCRIPT:
        return _rows_script()
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


def _written(folder: Path) -> Path:
    """Write the files that differ, as another build can copy them at the same time.

    They are not even compared if their parts, and this module, have not changed since they were written.
    """
    now = time.time_ns()
    state, written = state_of([__file__, *files_below(str(STATIC), (".js", ".css"))]), folder / _STATE
    shipped = files()
    if _content(written) == state.digest and all((folder / file).is_file() for file in shipped):
        return folder
    for file in shipped:
        write_if_changed(folder / file, text(file).encode())
    if state.is_certain(now):
        write_if_changed(written, state.digest.encode())
    return folder


def _content(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, ValueError):
        return ""


@cache
def _temporary() -> Path:
    created = Path(tempfile.mkdtemp(prefix="bmvis-"))
    atexit.register(shutil.rmtree, created, ignore_errors=True)
    return created


def notebook_script() -> str:
    """Return the function that starts the scripts in an output of a notebook."""
    return _joined("notebook").rstrip()


def _script() -> str:
    """Return the script that pages with trees load. If a page loads it several times, it runs only once."""
    return f"(() => {{\nif (window.bmvis) return;\n{_joined('on_load')}}})();\n"


@cache
def _rows_script() -> str:
    return f"(() => {{\nif (!window.bmvis || window.bmvis.rows) return;\n{_joined('on_first_use')}}})();\n"


def _joined(folder: str) -> str:
    """Return the parts of a script, `imports.js` first and `main.js` last, without comments and indentation."""
    order = {"imports": 0, "main": 2}
    parts = sorted((STATIC / folder).glob("*.js"), key=lambda part: (order.get(part.stem, 1), part.name))
    return _UNUSED.sub("", "".join(part.read_text(encoding="utf-8") for part in parts))


def _digest(content: str) -> str:
    """Return a version for a URL, so that browsers never combine scripts of two releases."""
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def linked() -> list[str]:
    """Return the files that pages link: all but the script that another one loads."""
    return [file for file in files() if file != ROWS_SCRIPT]


def inline(linked: Iterable[str] = (STYLE, SCRIPT)) -> Markup:
    """Return stylesheets and scripts as HTML, for a self-contained page.

    Args:
        linked: the files that a page would link, by default those of trees.
    """
    return join(*map(_inline, linked))


@cache
def _inline(file: str) -> Markup:
    if file.endswith(".css"):
        return Markup(f"<style>{text(file)}</style>")
    loaded = [file, ROWS_SCRIPT] if file == SCRIPT else [file]
    return Markup("".join(f"\n<script>{text(name)}</script>" for name in loaded))


def link(url: str) -> Markup:
    """Return the element that links a stylesheet or a script."""
    if url.endswith(".css"):
        return Markup(f'<link rel="stylesheet" href="{escape(url)}"/>')
    return tag("script", src=url, defer=True)


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


def inline_stylesheets() -> Markup:
    """Return only the stylesheet of trees as HTML, for pages that cannot run scripts."""
    return inline([STYLE])
