"""A table of models as text, Markdown, reStructuredText, CSV and HTML, and its rendered HTML."""

import csv
from xml.etree import ElementTree

import pytest
from docutils.core import publish_doctree
from markdown_it import MarkdownIt
from trees import linear

from bmvis.errors import FactoryError
from bmvis.model.tree import Model, Module
from bmvis.overviews.entries import Entry
from bmvis.overviews.table import RowResult, make_table
from bmvis.overviews.table_options import parse_table_options
from bmvis.render.html.table import to_html_table
from bmvis.render.table_text import to_csv, to_markdown, to_rst, to_text

HOSTILE = "<img src=x> | a_b *c* `d` $e$ :smile: \\| [f](http://g) &amp; _h_"


def net(size: int) -> Model:
    return Model((Module("", 0, "Net"), linear("0", 1, size, size)))


def made(*results: RowResult, columns: str = "name,parameters,accuracy", **options: str):
    return make_table(results, parse_table_options({"columns": columns, **options}))


SMALL = RowResult(Entry("zoo:small", "Small", ("text",), values=(("accuracy", "7.5"),)), net(100))
LARGE = RowResult(Entry("zoo:large", "Large", values=(("accuracy", "[70](https://example.org/a|b)"),)), net(2000))
FAILED = RowResult(Entry("zoo:broken"), FactoryError("it raised: no\nweights", hint="see below", detail="a traceback"))


def accuracies(*values: str):
    return made(
        *(RowResult(Entry(f"zoo:{number}", values=(("accuracy", text),)), net(4)) for number, text in enumerate(values))
    )


@pytest.mark.parametrize(
    ("values", "column"),
    [
        (("76.1", "8.75", "90", ""), ["   76.1 ", "    8.75", "   90   ", "       –"]),
        (("76", "8"), ["      76", "       8"]),
        (("76.1 %", "8 %"), ["  76.1 %", "     8 %"]),
        (("1e-3", "0.25"), ["    1e-3", "    0.25"]),
    ],
    ids=["decimals", "integers", "signs", "exponents"],
)
def test_points_of_own_numbers_are_aligned(values, column):
    table = accuracies(*values)
    heads, _, *rows = to_text(table).splitlines()
    start = len(heads) - len("accuracy")
    assert [row[start:].rstrip() for row in rows] == [cell.rstrip() for cell in column]
    html = str(to_html_table(table, "t"))
    expected = ["\u2007", None, "\u2008\u2007\u2007", None] if values[0] == "76.1" else [None] * len(values)
    assert [f'data-gap="{gap}"' in html for gap in expected if gap] == [True] * len([gap for gap in expected if gap])
    assert ("data-gap" in html) is any(expected)


def test_text_is_aligned_and_grouped():
    assert to_text(made(SMALL, LARGE, FAILED, group="")).splitlines() == [
        "Model   Parameters (K)  accuracy",
        "──────  ──────────────  ────────",
        "",
        "text",
        "Small             10.1  7.5",
        "",
        "Other",
        "Large          4,002.0  70",
        "broken  error: it raised: no weights",
    ]


def test_csv_has_exact_numbers_and_the_errors():
    rows = list(csv.DictReader(to_csv(made(SMALL, LARGE, FAILED)).splitlines()))
    assert [row["parameters"] for row in rows] == ["10100", "4002000", ""]
    assert [row["accuracy"] for row in rows] == ["7.5", "https://example.org/a|b", ""]
    assert [row["error"] for row in rows] == ["", "", "it raised: no weights"]


def test_markdown_is_a_table_in_which_nothing_is_markup():
    hostile = RowResult(Entry("zoo:x", HOSTILE), net(100))
    html = MarkdownIt("gfm-like", {"linkify": False}).render(to_markdown(made(hostile, LARGE, FAILED)))
    root = ElementTree.fromstring(html)
    cells = [["".join(cell.itertext()) for cell in row.findall("td")] for row in root.iter("tr")]
    assert cells[1:] == [
        [HOSTILE, "10.1", "–"],
        ["Large", "4,002.0", "70"],
        ["broken", "error: it raised: no weights", ""],
    ]
    assert [link.get("href") for link in root.iter("a")] == ["https://example.org/a%7Cb"]
    assert root.find(".//th[2]").get("style") == "text-align:right"


def test_markdown_columns_are_padded_by_their_width_in_a_terminal():
    """As Prettier pads them: https://prettier.io/docs/rationale/#markdown."""
    wide = RowResult(Entry("zoo:x", "模型 é"), net(100))
    assert to_markdown(made(wide, LARGE, FAILED, columns="name, parameters")).splitlines() == [
        "| Model  | Parameters (K) |",
        "| ------ | -------------: |",
        "| 模型 é |           10.1 |",
        "| Large  |        4,002.0 |",
        "| broken | error: it raised: no weights |",
    ]


def test_rst_is_a_list_table_in_which_nothing_is_markup():
    hostile = RowResult(Entry("zoo:x", "a_ *c* `d` |e| <f> :g:`h`"), net(100))
    tree = publish_doctree(to_rst(made(hostile, SMALL, FAILED, group="")))
    cells = [[entry.astext() for entry in row.findall(_is("entry"))] for row in tree.findall(_is("row"))]
    assert cells[0] == ["Model", "Parameters (K)", "accuracy"]
    assert ["a_ *c* `d` |e| <f> :g:`h`", "10.1", "–"] in cells
    assert not list(tree.findall(_is("problematic")))


def _is(name: str):
    return lambda node: node.tagname == name


def test_html_has_exact_numbers_for_tooltips_and_readers_and_errors_in_their_rows():
    table = made(SMALL, LARGE, FAILED, caption="Ours & theirs", group="")
    root = ElementTree.fromstring(to_html_table(table, "t", "page.md:3"))
    assert root.find(".//caption").text == "Ours & theirs"
    assert root.get("aria-labelledby") == root.find(".//caption").get("id")
    assert [row.find("th").text for row in root.iter("tr")] == ["Model", "text", "Small", "Other", "Large", "broken"]
    exact = root.find(".//tbody[2]/tr[2]/td/span")
    assert exact.attrib == {"role": "img", "title": "4,002,000", "data-number": "4002000"}
    [failed] = root.findall(".//td[@class='bmvis-failed']")
    assert "".join(failed.itertext()) == "Not built: it raised: no weights page.md:3"
    assert failed.get("colspan") == "2"


@pytest.mark.parametrize("columns", ["name", "parameters"])
def test_one_column_has_room_for_the_error(columns):
    table = made(SMALL, FAILED, columns=columns)
    assert "no weights" in to_html_table(table, "t")
    assert "broken: error" in to_markdown(table).splitlines()[-1]


def test_html_escapes_all_text():
    hostile = RowResult(Entry("zoo:x", HOSTILE, (HOSTILE,), values=((HOSTILE.replace(",", ""), HOSTILE),)), net(1))
    html = to_html_table(made(hostile, columns=f"name,{HOSTILE}", caption=HOSTILE, group=""), "t")
    assert not list(ElementTree.fromstring(html).iter("img"))
