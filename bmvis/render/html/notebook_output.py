"""Write outputs of notebooks: a tree with the styles and the script that it needs.

Outputs are apart from each other: each is drawn, cleared, moved and saved alone, and shown by programs that run no
script. So each has all that it needs, in few bytes. Its rules apply to its own tree only, because other outputs of the
notebook can be of another release.
"""

from __future__ import annotations

import base64
import re
import zlib
from functools import cache
from typing import Any

from bmvis.lazy_regex import lazy_regex
from bmvis.render.html import assets
from bmvis.render.html.markup import Markup, join, tag
from bmvis.render.html.nested_rules import classes_in, nested_rules

_EVERY_TREE = r".bmvis:not(#\/):not(#\/)"
_TOOLS, _NARROW = ("tools",), ("errors",)
"""The parts of the stylesheet for what the script adds, and for narrow pages and print, which override it. An output
has them as far as its tree needs them without the script, and complete, but compressed, for the script to add."""
_SCHEMES = {"bmvis-on-dark", "bmvis-on-light"}
"""The classes that the script of another output gives to all trees of the page."""
_ASSETS = lazy_regex(r"<(style|script)[^>]*>/\* (?:bmvis \*/|The trees of bmvis).*?</\1>", re.DOTALL)
"""Also the whole stylesheet, which the Markdown extension writes into the output of a cell that calls it."""


def output(tree: Markup, anchor: str) -> Markup:
    """Return a tree with its styles and script.

    A tree of few rows has no script, because there is nothing to filter.

    Args:
        tree: the HTML of the tree.
        anchor: its id.
    """
    selector = f"#{anchor}#{anchor}"  # stronger than the rules of a theme with one id
    classes = classes_in(tree)
    if "bmvis-few" in classes:
        return join(_style(selector, classes | _SCHEMES, "bmvis-plain"), tree)
    return join(_style(selector, classes | _states()), tree, _script(anchor))


def without_assets(html: str) -> str:
    """Return HTML without the styles and scripts of outputs, for a page that has those of all its trees."""
    return _ASSETS.sub("", html)


def share_assets(outputs: list[dict[str, Any]]) -> None:
    """Move the styles and scripts of all outputs of a page to the first one that has any.

    Args:
        outputs: the data of each output by MIME type.
    """
    drawn = [data for data in outputs if _ASSETS.search(data.get("text/html", ""))]
    if not drawn:
        return
    has_script = any("<script>/* bmvis */" in data["text/html"] for data in drawn)
    for data in drawn:
        data["text/html"] = without_assets(data["text/html"])
    classes = classes_in("".join(data["text/html"] for data in drawn))
    shared = _style(_EVERY_TREE, classes | _script_classes() if has_script else classes)
    drawn[0]["text/html"] = shared + (_script("") if has_script else "") + drawn[0]["text/html"]


def _style(selector: str, classes: set[str], name: str | None = None) -> Markup:
    rules = nested_rules(_css(assets.STYLE_PARTS), classes)
    return tag("style", Markup(f"/* bmvis */{selector}{rules}"), class_=name)


def _script(anchor: str) -> Markup:
    return Markup(f'<script>/* bmvis */({assets.notebook_script()})("{anchor}","{_packed()}")</script>')


@cache
def _packed() -> str:
    """Return, compressed, the rules for what the script adds, and both scripts."""
    rules = nested_rules(_css(_TOOLS + _NARROW), _script_classes() | classes_in(_css(_TOOLS)))
    contents = "\0".join((rules, assets.text(assets.SCRIPT), assets.text(assets.ROWS_SCRIPT)))
    return base64.b64encode(zlib.compress(contents.encode(), 9)).decode()


@cache
def _script_classes() -> set[str]:
    return classes_in(assets.text(assets.SCRIPT) + assets.text(assets.ROWS_SCRIPT))


def _states() -> set[str]:
    """Return the classes that the scripts give to elements of a tree, without those of elements that they add."""
    return _script_classes() - classes_in(_css(_TOOLS))


@cache
def _css(names: tuple[str, ...]) -> str:
    return "".join((assets.STATIC / "style" / f"{name}.css").read_text(encoding="utf-8") for name in names)
