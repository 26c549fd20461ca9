"""The markup of trees passes the HTML checkers."""

from pathlib import Path

from figures import EDGE_LISTS, figure_html, framed
from nu import check, needs_nu, of_bmvis
from trees import page

from bmvis.errors import BmvisError
from bmvis.render.html.error_box import error_box

PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Trees</title></head><body>{}</body></html>'
HEADING = "<h1>Trees</h1>"


def write(html: str, folder: Path) -> Path:
    file = folder / "page.html"
    file.write_text(PAGE.format(html))
    return file


@needs_nu
def test_trees_and_error_boxes_are_valid_html(tmp_path):
    box = error_box(BmvisError("No such model.", hint="Name one."), "index.md:3")
    assert check(write(HEADING + page() + box, tmp_path)) == []


@needs_nu
def test_figures_are_valid_html(tmp_path):
    figures = "".join(figure_html(framed(edges, repeats=12), f"m{n}") for n, edges in enumerate(EDGE_LISTS.values()))
    assert figures.count("<svg") == len(EDGE_LISTS)
    assert check(write(HEADING + figures, tmp_path)) == []


@needs_nu
def test_html_checker_finds_an_error(tmp_path):
    """Report an error inside an element of bmvis, but not the same error of the theme."""
    twice = '<p id="{0}"></p><p id="{0}"></p>'
    tree = f'<div class="bmvis"><div>\n</div>{twice.format("ours")}</div>'
    found = check(write(HEADING + twice.format("before") + tree + twice.format("after"), tmp_path))
    assert {message.text for message in found} >= {f"Duplicate ID “{name}”." for name in ("before", "ours", "after")}
    assert "Duplicate ID “ours”." in {message.text for message in of_bmvis(found)}
    assert not any("before" in message.text or "after" in message.text for message in of_bmvis(found))
