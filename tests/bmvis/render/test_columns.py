"""The option `columns`: cells of each row, aligned in text, terminals, HTML and LaTeX."""

import io

import msgspec
import pytest
from bs4 import BeautifulSoup
from formats import CALL, layer, net
from rich.cells import cell_len
from rich.console import Console
from trees import tensor

from bmvis.errors import OptionError
from bmvis.model.call import Call, Output
from bmvis.model.call_summary import ALL_OPERATIONS
from bmvis.model.tree import Model, Problem
from bmvis.options.parsing import parse_options
from bmvis.render.columns import MAX_CELL, NONE, column_texts
from bmvis.render.html.tree import to_html
from bmvis.render.latex import to_latex
from bmvis.render.terminal import print_page
from bmvis.render.text import to_text
from bmvis.view.layout import layout
from bmvis.view.page import Page

ALL = "input output macs bytes share"


def shapes(*sizes: tuple[int, ...], name: str = "") -> tuple[Output, ...]:
    return tuple(Output(name, size) for size in sizes)


def call(**facts: object) -> Call:
    return msgspec.structs.replace(CALL, inputs=shapes((1, 8)), **facts)


def model(*calls: Call | None, root: Call | None = None, **facts: object) -> Model:
    names = "abcdefg"
    layers = (layer(names[n], tensor("weight", 4, 4 + n), call=one) for n, one in enumerate(calls))
    return net(*layers, call=root or call(), inputs="float32[1, 8]", **facts)


def drawn(found: Model, columns: str = ALL, **options: str) -> Page:
    return layout(found, parse_options({"columns": columns, **options}))


def test_text_has_aligned_columns_below_their_heads() -> None:
    page = drawn(model(call(), call(macs=2000, outputs=shapes((1, 4), (1, 16)))))
    lines = to_text(page).splitlines()[:4]
    assert [line.split("  ")[-1].strip() for line in lines] == ["share", "100 %", "44.4 %", "55.6 %"]
    assert len({len(line) for line in lines}) == 1
    assert "  [1, 8]  [1, 4] [1, 16]  2,000   80 bytes  55.6 %" in lines[3]
    assert "→" not in "".join(lines)


@pytest.mark.parametrize(
    ("found", "column", "text"),
    [
        (call(uncounted=("mylib::mm",)), "macs", "≥16"),
        (call(uncounted=(ALL_OPERATIONS,)), "macs", "?"),
        (Call(), "macs", NONE),
        (Call(), "input", NONE),
        (None, "output", NONE),
        (call(outputs=shapes((1, 4), name="logits")), "output", "[1, 4]"),
        (call(outputs=shapes(*[(1, 128, 768)] * 4)), "output", "[1, 128, 768] … 3 more"),
        (call(outputs=(Output("", (1, 4), (1, 9)),)), "output", "[1, 4-9]"),
        (call(outputs=()), "output", NONE),
        (call(), "share", "100 %"),
        (call(), "bytes", "64 bytes"),
    ],
    ids=[
        "minimum", "unknown", "not called", "no input", "no record", "one named", "many", "range", "no tensor",
        "share", "bytes",
    ],
)  # fmt: skip
def test_text_of_a_cell(found: Call | None, column: str, text: str) -> None:
    assert column_texts(drawn(model(found), column)).lines[1] == [text]


def test_several_shapes_are_cut_at_the_width_of_a_cell() -> None:
    page = drawn(model(call(outputs=shapes(*[(1, 10, 10)] * 3))), "output")
    assert len(column_texts(page).lines[1][0]) <= MAX_CELL
    title = BeautifulSoup(to_html(page, "m"), "html.parser").select(".bmvis-output")[1]["title"]
    assert title == "[1, 10, 10] [1, 10, 10] [1, 10, 10]"


def test_html_has_a_cell_for_each_column_and_classes_for_their_widths() -> None:
    soup = BeautifulSoup(to_html(drawn(model(call(), call())), "m"), "html.parser")
    rows = soup.select(".bmvis-cells")
    assert [[cell["data-h"] for cell in row.select(".bmvis-cell")] for row in rows] == [
        ["input", "output", "MACs", "size", "share"]
    ] * 3
    assert rows[1].get_text().split("  ")[0].strip() == "[1, 8] [1, 4] 16 64 bytes 44.4 %"
    classes = soup.select_one(".bmvis-tree")["class"]
    assert {"bmvis-columns", "bmvis-input-7", "bmvis-output-7", "bmvis-numbers-3", "bmvis-from-60"} <= set(classes)
    assert "bmvis-cell" not in to_html(layout(model(call()), parse_options({})), "m")


def test_latex_has_boxes_of_equal_widths() -> None:
    lines = to_latex(drawn(model(call()), "macs bytes")).splitlines()
    assert lines[1] == r"\bmvisrow{}{\bmviscolumns{\bmvisboxed{6}{MACs}\bmvisboxed{10}{size}}}\bmviskeep"
    assert lines[3].endswith(r"\bmviscolumns{\bmvisboxed{6}{16}\bmvisboxed{10}{64 bytes}}}")


def printed(page: Page, width: int, *, columns: bool = True) -> list[str]:
    out = io.StringIO()
    print_page(page, Console(file=out, width=width, legacy_windows=False), columns=columns)
    return out.getvalue().splitlines()


def similar() -> Model:
    layers = [layer(str(n), tensor("weight", 4, 4)) for n in range(12)]
    return net(*layers, layer("head", tensor("weight", 1000, 4)))


@pytest.mark.parametrize(("width", "are_shown"), [(100, True), (30, False)], ids=["wide", "narrow"])
def test_terminal_has_repeats_and_counts_if_they_fit(width: int, are_shown: bool) -> None:
    lines = printed(layout(similar(), parse_options({})), width)
    repeated = next(line for line in lines if "0-11" in line)
    assert ("parameters" in lines[0]) == ("12 × 16" in repeated) == are_shown
    assert all(cell_len(line) <= width for line in lines)


@pytest.mark.parametrize("width", [60, 90, 200])
def test_terminal_always_has_selected_columns(width: int) -> None:
    lines = printed(drawn(model(call(), call()), "output macs"), width)
    assert [head for head in lines[0].split() if head in ("output", "MACs")] == ["output", "MACs"]
    ends = {cell_len(line) for line in lines[:4]}
    assert len(ends) == 1
    assert max(ends) <= width


@pytest.mark.parametrize("width", [20, 40])
def test_cells_follow_each_row_in_a_narrow_terminal(width: int) -> None:
    lines = printed(drawn(model(call(), call())), width)
    assert all(cell_len(line) <= width for line in lines)
    text = " ".join(line.lstrip("│├└─ ") for line in lines)
    assert "input: [1, 8] output: [1, 4] MACs: 16 size: 64 bytes share: 44.4 %" in text


def test_output_without_a_terminal_has_no_counts() -> None:
    assert "12 × 16" not in "".join(printed(layout(similar(), parse_options({})), 200, columns=False))


def test_columns_of_a_forward_pass_require_inputs() -> None:
    page = drawn(net(layer("a")), "output share")
    assert page.columns == ("share",)
    assert [warning.message for warning in page.warnings] == ["the columns output require 'inputs'"]
    assert "output shapes and MACs unknown" in to_text(page)


def test_columns_of_a_failed_call_are_left_out_with_one_warning() -> None:
    page = drawn(net(layer("a"), inputs="float32[1]", untraced=Problem("it failed")), "output share")
    assert page.columns == ("share",)
    assert [warning.message for warning in page.warnings] == ["it failed"]


@pytest.mark.parametrize("text", ["", "flops", "macs flops"])
def test_unknown_columns_are_an_error(text: str) -> None:
    with pytest.raises(OptionError, match="one or more of input, output, macs, bytes, share"):
        parse_options({"columns": text})


def test_columns_can_be_separated_by_commas() -> None:
    assert parse_options({"columns": "macs, share macs"}).columns == ("macs", "share")
