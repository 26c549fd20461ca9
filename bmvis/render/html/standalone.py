"""Write self-contained HTML files that show a tree or a table without a server, other files, or the network."""

from __future__ import annotations

from bmvis.overviews.table import Table
from bmvis.render.html import assets
from bmvis.render.html.markup import Markup, join, tag
from bmvis.render.html.table import to_html_table
from bmvis.render.html.tree import to_html
from bmvis.view.page import Page

_LOOK = """
html { color-scheme: light dark; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: light-dark(#fff, #16181d);
  font: 100%/1.5 system-ui, sans-serif; }
"""


def to_document(page: Page, title: str) -> str:
    """Return an HTML document with the tree, its stylesheet and its script. It follows the system's dark mode."""
    return _document(title, assets.inline(), to_html(page, "model"))


def table_document(table: Table) -> str:
    """Return an HTML document with a table, its stylesheet and its script. It follows the system's dark mode."""
    return _document(table.options.caption or "Models", assets.inline(assets.TABLE), to_html_table(table, "models"))


def _document(title: str, loaded: Markup, body: Markup) -> str:
    head = tag(
        "head",
        Markup('<meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>'),
        tag("title", title),
        tag("style", Markup(_LOOK)),
        loaded,
    )
    main = tag("body", tag("main", body), data_theme="auto")
    return f"<!DOCTYPE html>\n{join(tag('html', head, main, lang='en'))}\n"
