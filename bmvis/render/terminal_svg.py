"""Draw a tree as an SVG image, in the colors of a terminal."""

from __future__ import annotations

import io
import re
from typing import Literal

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from bmvis.render.columns import column_texts
from bmvis.render.html.markup import tag
from bmvis.render.terminal import lines_below, print_page, widest_row
from bmvis.render.text import printable
from bmvis.view.page import Page

Scheme = Literal["auto", "light", "dark"]


def to_svg(page: Page, title: str, scheme: Scheme = "auto") -> str:
    """Return the tree as an SVG image, as wide as its longest row.

    Args:
        page: the tree.
        title: the title of the image.
        scheme: for which mode its colors are; `auto` adapts to the one of the reader's system.
    """
    width = widest_row(page) + (len(column_texts(page).aligned[0]) + 2 if page.columns else 0)
    console = Console(
        record=True,
        width=max(width, *(line.cell_len for line in lines_below(page))) + 1,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    print_page(page, console)
    named = tag("title", printable(title)).replace("{", "{{").replace("}", "}}")
    svg = console.export_svg(theme=_ON_WHITE, code_format=_SVG.replace("TITLE", named), unique_id="bmvis")
    if scheme == "light":
        return svg
    style = r"(\.bmvis-r\d+) \{ fill: #24292f([^}]*) \}"
    return re.sub(style, r"\1 { fill: #e6e6e6\2 }" if scheme == "dark" else r"\g<0>" + _ON_BLACK, svg)


_ON_WHITE = TerminalTheme((255, 255, 255), (36, 41, 47), [(0, 0, 0)] * 8)
_ON_BLACK = r" @media (prefers-color-scheme: dark) { \1 { fill: #e6e6e6\2 } }"
_SVG = """<svg viewBox="0 0 {terminal_width} {terminal_height}" role="img" xmlns="http://www.w3.org/2000/svg">
TITLE
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>{lines}</defs>
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</svg>
"""
