"""The markup of trees passes the HTML checkers."""

from collections.abc import Mapping

import pytest
from figures import EDGE_LISTS, figure_html, framed
from nu import Message, check, needs_nu, of_bmvis
from trees import page

from bmvis.errors import BmvisError
from bmvis.render.html.error_box import error_box

PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Trees</title></head><body>{}</body></html>'
TWICE = '<p id="{0}"></p><p id="{0}"></p>'


def trees() -> str:
    return page() + error_box(BmvisError("No such model.", hint="Name one."), "index.md:3")


def drawn_figures() -> str:
    return "".join(figure_html(framed(edges, repeats=12), f"m{n}") for n, edges in enumerate(EDGE_LISTS.values()))


def same_ids() -> str:
    """Return an error inside an element of bmvis, and the same error of the theme before and after it."""
    tree = f'<div class="bmvis"><div>\n</div>{TWICE.format("ours")}</div>'
    return TWICE.format("before") + tree + TWICE.format("after")


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Mapping[str, list[Message]]:
    """Check all pages in one process, because Java takes longer to start than to check a page."""
    folder = tmp_path_factory.mktemp("pages")
    pages = [trees, drawn_figures, same_ids]
    for made in pages:
        (folder / f"{made.__name__}.html").write_text(PAGE.format(f"<h1>Trees</h1>{made()}"))
    messages = check(folder)
    return {made.__name__: [one for one in messages if one.file.stem == made.__name__] for made in pages}


@needs_nu
def test_trees_and_error_boxes_are_valid_html(found):
    assert found["trees"] == []


@needs_nu
def test_figures_are_valid_html(found):
    assert drawn_figures().count("<svg") == len(EDGE_LISTS)
    assert found["drawn_figures"] == []


@needs_nu
def test_html_checker_finds_an_error(found):
    """Report an error inside an element of bmvis, but not the same error of the theme."""
    texts = {message.text for message in found["same_ids"]}
    assert texts >= {f"Duplicate ID “{name}”." for name in ("before", "ours", "after")}
    ours = of_bmvis(found["same_ids"])
    assert "Duplicate ID “ours”." in {message.text for message in ours}
    assert not any("before" in message.text or "after" in message.text for message in ours)
