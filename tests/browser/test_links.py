"""Links to rows, on the pages of each theme: the row is in view, marked, and no header covers it."""

import pytest
from sites import THEMES

pytestmark = pytest.mark.browser

TARGET = "lora.bert.encoder.layer.7.attention.self.value"
"""A row that is in a repeat of a repeat."""
USUAL = ("furo", "material")
"""The themes of `make test`: without a header over the page, and with one."""
IS_CLEAR = """(id) => {
  const item = document.getElementById(id);
  const row = item?.querySelector(":scope > details > summary, :scope > div");
  if (!row?.checkVisibility()) return "hidden";
  const name = row.querySelector("b").getBoundingClientRect();
  const top = document.elementFromPoint(name.left + 2, name.top + name.height / 2);
  return row.contains(top) ? row.classList.contains("bmvis-linked") : top?.outerHTML.slice(0, 200) ?? "out of view";
}"""


def lands_on(tab, identifier: str):
    """Return whether a row is in view after the page stops scrolling, or the element that covers it."""
    places = [None]
    for _ in range(20):
        tab.page.wait_for_timeout(250)
        places.append(tab.page.evaluate("scrollY"))
        if len(places) > 3 and places[-1] == places[-2] == places[-3]:
            break
    return tab.page.evaluate(IS_CLEAR, identifier)


@pytest.mark.parametrize(
    ("opened", "followed"),
    [(1300, 380), pytest.param(380, 1300, marks=pytest.mark.builds)],
    ids=["wide, then narrow", "narrow, then wide"],
)
@pytest.mark.parametrize(
    "theme", [theme if theme in USUAL else pytest.param(theme, marks=pytest.mark.builds) for theme in THEMES]
)
def test_link_scrolls_to_its_row_below_the_header(theme, opened, followed, site, tab):
    """The widths are those of the page when a link opens it, and when a reader follows a link on it."""
    tab.page.set_viewport_size({"width": opened, "height": 700})
    tab.open_site(site(theme), f"index.html#{TARGET}")
    assert lands_on(tab, TARGET) is True

    tab.page.set_viewport_size({"width": followed, "height": 700})
    other = TARGET.replace("value", "key").replace(".7.", ".2.")
    tab.page.evaluate("scrollTo(0, 0)")
    tab.page.evaluate("(id) => { location.hash = id; }", other)
    assert lands_on(tab, other) is True
    assert tab.errors == []


@pytest.mark.parametrize("theme", [pytest.param("furo", marks=pytest.mark.builds), "material"])
def test_link_opens_its_row_on_a_page_from_disk(theme, site, tab):
    tab.page.goto(f"{(site(theme) / 'index.html').as_uri()}#{TARGET}")
    assert lands_on(tab, TARGET) is True
