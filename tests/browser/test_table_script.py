"""Tables of models: their lines in each theme, and sorting by a heading, also by keyboard, within groups."""

import pytest
from sites import LOOKS, MKDOCS, ZENSICAL, turn_dark
from trees import linear

from bmvis.errors import FactoryError
from bmvis.model.tree import Model, Module
from bmvis.overviews.entries import Entry
from bmvis.overviews.table import RowResult, make_table
from bmvis.overviews.table_options import parse_table_options
from bmvis.render.html import assets
from bmvis.render.html.table import to_html_table

pytestmark = pytest.mark.browser

FIRST = "rows => rows.map((row) => row.cells[0].textContent)"


def net(size: int) -> Model:
    return Model((Module("", 0, "Net"), linear("a", 1, size, size)))


RESULTS = [
    RowResult(Entry("zoo:b10", "net 10", ("x",), values=(("score", "9"),)), net(10)),
    RowResult(Entry("zoo:broken", "broken", ("y",)), FactoryError("no weights")),
    RowResult(Entry("zoo:b9", "net 9", ("y",), values=(("score", "70.5"),)), net(2000)),
    RowResult(Entry("zoo:c", "Other", ("y",)), net(100)),
]


@pytest.fixture
def page(tab):
    tab.page.set_viewport_size({"width": 360, "height": 600})
    tab.open_html("<!doctype html>")
    return tab.page


def show(page, **options: str) -> None:
    options = {"columns": "name,parameters,size,macs,score,type", "inputs": "float32[1]"} | options
    table = to_html_table(make_table(RESULTS, parse_table_options(options)), "t")
    page.set_content(f"<!doctype html><body>{assets.inline(assets.TABLE)}{table}</body>")


def names(page) -> list[str]:
    return page.eval_on_selector_all("tbody tr", FIRST)


def test_a_heading_sorts_descending_ascending_and_as_listed(page):
    show(page)
    heading = page.get_by_role("button", name="Parameters")
    orders = []
    for _ in range(3):
        heading.click()
        orders.append((page.get_attribute("th:nth-child(2)", "aria-sort"), names(page)))
    assert orders == [
        ("descending", ["net 9", "Other", "net 10", "broken"]),
        ("ascending", ["net 10", "Other", "net 9", "broken"]),
        (None, ["net 10", "broken", "net 9", "Other"]),
    ]


def test_text_is_sorted_with_its_numbers_and_rows_without_a_value_are_last(page):
    show(page)
    page.get_by_role("button", name="Model").press("Enter")
    assert names(page) == ["broken", "net 9", "net 10", "Other"]
    page.get_by_role("button", name="score").press("Space")
    assert names(page) == ["net 9", "net 10", "broken", "Other"]
    assert page.get_attribute("th:nth-child(1)", "aria-sort") is None


def test_groups_stay_in_their_place(page):
    show(page, group="")
    page.get_by_role("button", name="Parameters").click()
    assert names(page) == ["x", "net 10", "y", "net 9", "Other", "broken"]


def test_a_wide_table_scrolls_in_itself_and_not_the_page(page):
    show(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.eval_on_selector(".bmvis-table", "box => box.scrollWidth > box.clientWidth")
    right = page.eval_on_selector("td.bmvis-number", "cell => getComputedStyle(cell).textAlign")
    assert right == "end"


@pytest.mark.parametrize("columns", ["name,parameters", "name,parameters,size,macs,score,type"], ids=["narrow", "wide"])
def test_the_whole_error_of_a_model_is_visible_on_a_narrow_screen(columns, page):
    failed = RowResult(Entry("zoo:broken"), FactoryError("no file /data/checkpoints/of/models/vit-00001-of-00002.pt"))
    table = make_table([*RESULTS, failed], parse_table_options({"columns": columns, "inputs": "float32[1]"}))
    page.set_content(f"<!doctype html><body>{assets.inline(assets.TABLE)}{to_html_table(table, 't')}</body>")
    right = page.evaluate("""() => {
      const range = document.createRange();
      range.selectNodeContents([...document.querySelectorAll(".bmvis-failed")].at(-1));
      return Math.max(...[...range.getClientRects()].map((line) => line.right));
    }""")
    assert right <= 360


def test_short_text_has_no_line_break_in_a_wide_table(page):
    entry = Entry("zoo:c", "Other", values=(("License", "Apache-2.0"),))
    options = parse_table_options({"columns": "name,License,parameters,size,trainable,dtype"})
    table = to_html_table(make_table([RowResult(entry, net(100))], options), "t")
    page.set_content(f"<!doctype html><body>{assets.inline(assets.TABLE)}{table}</body>")
    assert (
        page.evaluate("""() => {
      const range = document.createRange();
      range.selectNodeContents([...document.querySelectorAll("td")].find((cell) => cell.textContent === "Apache-2.0"));
      return new Set([...range.getClientRects()].map((line) => line.top)).size;
    }""")
        == 1
    )


def test_exact_numbers_have_names_for_screen_readers(page):
    show(page)
    assert page.get_by_role("img", name="4,002,000").count() == 1
    assert page.get_by_role("region", name="Table of 4 models").count() == 1


LINES_OF_ROWS = """(rows) => rows.map((row) => [...new Set([...row.cells].map((cell) => {
  const style = getComputedStyle(cell), {top, bottom} = cell.getBoundingClientRect();
  const lines = ["Top", "Bottom"].map((side) => style[`border${side}Width`] + style[`border${side}Color`]);
  return [top, bottom, ...lines].join(" ");
}))].length)"""


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(look, marks=() if str(look) == "material-dark" else pytest.mark.builds)
        for look in LOOKS
        if look.theme in MKDOCS + ZENSICAL
    ],
    ids=str,
)
def test_the_lines_between_rows_are_straight_in_each_theme(look, site, tab):
    tab.open_site(site(look.theme))
    if look.scheme == "dark":
        turn_dark(tab.page, look.theme)
    table = to_html_table(
        make_table(RESULTS, parse_table_options({"columns": "name,parameters,type", "caption": "c"})), "t"
    )
    tab.page.evaluate("(html) => document.querySelector('.bmvis').insertAdjacentHTML('beforebegin', html)", str(table))
    tab.page.add_style_tag(content=assets.text("bmvis/static/bmvis-table.css"))
    assert tab.page.eval_on_selector_all(".bmvis-table tr", LINES_OF_ROWS) == [1] * (1 + len(RESULTS))
    colors = "(caption) => [caption, caption.parentElement.parentElement].map((one) => getComputedStyle(one).color)"
    assert len({*tab.page.eval_on_selector(".bmvis-table caption", colors)}) == 1
