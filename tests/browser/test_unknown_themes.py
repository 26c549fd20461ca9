"""Trees on pages of a theme that no list has: its rules are strong, and nothing names its dark scheme."""

from itertools import pairwise

import pytest
from contrast import faint
from trees import page

pytestmark = pytest.mark.browser

NONSENSE = """
* { letter-spacing: 2px; word-spacing: 5px; }
#content ul > li { margin: 24px; padding: 9px; line-height: 3; list-style: square; }
#content ul ul { padding-left: 40px; margin: 20px 0; }
#content p, #content span { line-height: 3; }
#content details { margin: 2em; padding: 1em; border: 3px solid; }
#content summary { padding: 10px; display: list-item; }
#content li > div { padding: 10px; }
section::before { content: ""; width: 20px; }
#content button, #content input { text-transform: uppercase; padding: 12px; }
"""
DARK = "body { background: #14161a; color: #ddd; }"
ROWS = """() => [...document.querySelectorAll("#lora .bmvis-tree b")].filter((one) => one.checkVisibility())
  .map((one) => Math.round(one.closest("summary, li > div").getBoundingClientRect().top))"""


def open_page(tab, style: str) -> None:
    tab.open_trees(f"<div id='content'>{page()}</div>")
    tab.page.evaluate(
        """(style) => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(style);
          document.adoptedStyleSheets = [sheet];
          document.body.className = "switched";
        }""",
        style,
    )


def distances(tab) -> list[int]:
    tops = tab.page.evaluate(ROWS)
    return [after - before for before, after in pairwise(tops)]


def test_theme_rules_do_not_move_rows(tab):
    open_page(tab, "")
    expected = distances(tab)
    open_page(tab, NONSENSE)
    assert distances(tab) == expected
    spacing = "getComputedStyle(document.querySelector('.bmvis-tree b')).letterSpacing"
    assert tab.page.evaluate(spacing) == "normal"
    assert tab.page.locator("#lora [type=search]").evaluate("(field) => field.offsetLeft") == 0


@pytest.mark.parametrize(
    ("style", "scheme"),
    [
        ("", "light"),
        (DARK, "dark"),
        (DARK.replace("#14161a", "oklch(0.145 0 0)"), "dark"),
        (DARK.replace("#14161a", "lab(5 0 0)"), "dark"),
        (DARK.replace("#14161a", "color(display-p3 0.08 0.08 0.1)"), "dark"),
        (DARK.replace("#14161a", "rgb(65, 69, 88)"), "dark"),
        ("body { background: oklch(0.97 0.01 106); }", "light"),
    ],
    ids=["light", "dark", "oklch-dark", "lab-dark", "p3-dark", "dim", "oklch-light"],
)
def test_colors_follow_the_background_that_the_page_has(style, scheme, tab):
    open_page(tab, style)
    for _ in range(60):  # the script waits for the end of a transition
        tab.page.wait_for_timeout(500)
        if tab.page.evaluate("getComputedStyle(document.querySelector('.bmvis')).colorScheme") == scheme:
            break
    assert tab.page.evaluate("getComputedStyle(document.querySelector('.bmvis')).colorScheme") == scheme
    assert faint(tab.page) == {}
    assert tab.errors == []
