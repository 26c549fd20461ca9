"""Columns next to a tree: aligned on wide pages, below each row on narrow ones, exact after unfolding."""

import msgspec
import pytest
from networks import densenet
from tree_page import do
from trees import tensor

from bmvis.model.call import Call, Output
from bmvis.model.tree import Model, Module
from bmvis.options.definitions import Options
from bmvis.render.columns import column_texts
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

pytestmark = pytest.mark.browser

COLUMNS = ("input", "output", "macs", "bytes", "share")
EDGES = """(column) => [...document.querySelectorAll(".bmvis-" + column)].filter((cell) => cell.checkVisibility())
  .map((cell) => Math.round(cell.getBoundingClientRect().right))"""
TEXTS = """() => Object.fromEntries([...document.querySelectorAll(".bmvis-tree li[id]")].map((item) => [
  item.id.slice(2), [...item.querySelector(".bmvis-cells").children].map((cell) => cell.textContent)]))"""
HEAD = """() => getComputedStyle(document.querySelectorAll(".bmvis-macs")[1], "::before").display"""


def called(model: Model) -> Model:
    """Return the model as if each module had returned another shape."""
    modules = tuple(
        msgspec.structs.replace(module, call=Call(1, n, (Output("", (1, n)),), 100 * n, 1, (), (Output("", (2, n)),)))
        for n, module in enumerate(model.modules)
    )
    return msgspec.structs.replace(model, modules=modules, inputs="float32[1]")


DENSE = called(densenet((2, 3)))


def open_model(tab, width: int = 1280) -> None:
    tab.page.set_viewport_size({"width": width, "height": 900})
    tab.open_trees(to_html(layout(DENSE, Options(fold="similar", open=9, columns=COLUMNS)), "m"))


def test_columns_are_aligned_on_a_wide_page(tab):
    open_model(tab)
    for column in COLUMNS:
        assert len(set(tab.page.evaluate(EDGES, column))) == 1, column
    assert tab.page.evaluate(HEAD) == "none"
    assert tab.errors == []


@pytest.mark.parametrize("width", [380, 700])
def test_narrow_page_has_the_cells_with_their_heads_and_does_not_scroll(width, tab):
    open_model(tab, width=width)
    assert tab.page.evaluate(HEAD) == "inline"
    assert tab.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert max(edge for column in COLUMNS for edge in tab.page.evaluate(EDGES, column)) <= width


def test_unfolded_rows_have_their_own_cells(tab):
    open_model(tab)
    do(tab, "m.features.denseblock1", "unfold")
    do(tab, "m.features.denseblock1.denselayer1", "unfold")
    page = layout(DENSE, Options(fold="equal", columns=COLUMNS))
    exact = dict(zip([row.path for row in page.rows], column_texts(page).lines, strict=True))
    found = tab.page.evaluate(TEXTS)
    for path in ("features.denseblock1.denselayer1", "features.denseblock1.denselayer2.conv1"):
        assert found[path] == exact[path]


SEPARATED = """() => [...document.querySelectorAll(".bmvis-tree .bmvis-tie")].map((mark) => {
  const lines = [...mark.previousElementSibling.getClientRects()];
  return mark.getBoundingClientRect().top > lines.at(-1).bottom;
})"""


def test_mark_of_a_tie_is_on_the_line_of_its_parameter(tab):
    embed = Module("embed", 1, "Embedding", parameters=(tensor("weight", 1000, 64),))
    head = Module("head", 1, "Linear", parameters=(tensor("weight", 1000, 64, tied_to="embed.weight"),))
    tab.open_trees(to_html(layout(Model((Module("", 0, "Net"), embed, head)), Options()), "m"))
    found = set()
    for width in range(200, 420, 5):
        tab.page.set_viewport_size({"width": width, "height": 900})
        found.update(tab.page.evaluate(SEPARATED))
    assert found == {False}
