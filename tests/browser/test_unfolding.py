"""Repeats that a reader unfolds: the rows of their members, with their own marks and shares."""

import re

import pytest
from tree_page import BLOCKS, LAYER, QUERY, do, focused, row
from trees import bert, linear, tensor

from bmvis.model.tree import Model, Module
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_script_errors")]


def test_repeat_unfolds_and_folds_again(lora):
    before = lora.page.locator(".bmvis-tree li").count()
    do(lora, LAYER, "unfold")
    ids = lora.page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(set(ids)) == len(ids)
    assert row(lora, "m.bert.encoder.layer.11").inner_text().split("\n") == ["11 (BertLayer)", "7.1M"]
    do(lora, "m.bert.encoder.layer.5", "fold")
    assert lora.page.locator(".bmvis-tree li").count() == before
    assert focused(lora) == "0-11 (BertLayer)"


def test_unfolded_repeat_shows_its_matches(tab):
    tab.open_trees(to_html(layout(bert(), Options(highlight=("query",))), "m"), "")
    count = "(mark) => getComputedStyle(mark, '::after').content"
    [folded] = [mark.evaluate(count) for mark in tab.page.locator(".bmvis-tree mark").all()]
    assert folded != "none"
    do(tab, LAYER, "unfold")
    assert {mark.evaluate(count) for mark in tab.page.locator(".bmvis-tree mark").all()} == {"none"}


@pytest.mark.parametrize(
    ("unfolded", "identifier", "title", "bar", "times"),
    [
        ([], LAYER, "7,112,448 parameters each, 12 times, together 77.7 %; 28.4 MB", "16", "12"),
        ([LAYER], f"{BLOCKS}.11", "7,112,448 parameters: 6.5 %; 28.4 MB", "1", None),
        (
            [LAYER],
            f"{BLOCKS}.3.attention.self.query",
            "602,880 parameters each, 2 times, together 1.1 %; 2.4 MB",
            "1",
            "2",
        ),
        ([QUERY], QUERY, "602,880 parameters each, 12 times, together 6.6 %; 2.4 MB", "1", None),
        ([LAYER, QUERY], QUERY.replace("query", "value"), "602,880 parameters: 0.5 %; 2.4 MB", "1", None),
    ],
    ids=["folded", "a-member", "a-repeat-in-a-member", "a-member-of-a-repeat-in-a-repeat", "a-member-of-a-member"],
)
def test_unfolded_row_has_its_share_and_bytes(unfolded, identifier, title, bar, times, lora):
    for folded in unfolded:
        do(lora, folded, "unfold")
    amount = row(lora, identifier).locator("data")
    assert [amount.get_attribute(name) for name in ("title", "data-s")] == [title, bar]
    assert re.findall(r"(\d+) ×", amount.inner_text()) == ([times] if times else [])
    assert not lora.page.locator("data[data-n]").count()


def sharing_blocks() -> list[Module]:
    """Return four blocks of two modules, which share the weight of the module `first`."""
    key, places = "first.weight", tuple(f"blocks.{block}.{name}.weight" for block in range(4) for name in "xz")
    modules = [Module("first", 1, "Linear", parameters=(tensor("weight", 10, 10, tied_by=places),))]
    modules.append(Module("blocks", 1, "ModuleList"))
    for block in range(4):
        modules.append(Module(str(block), 2, "Block"))
        for name in ("x", "z"):
            modules.append(Module(name, 3, "Linear", parameters=(tensor("weight", 10, 10, tied_to=key),)))
        modules.append(linear("y", 3, 4, 4))
    return modules


def test_unfolded_rows_do_not_divide_shared_tensors(tab):
    """Each of four blocks that share a weight has all of it; the share of its modules is unknown."""
    model = Model((Module("", 0, "M"), *sharing_blocks()))
    tab.show_trees(to_html(layout(model, Options()), "m"))
    titles = {name: row(tab, f"m.blocks.0{name}").locator("data").get_attribute("title") for name in ("", ".x")}
    assert titles == {
        "": "120 parameters each, 4 times, together 100 %; 480 bytes",
        ".x": "100 parameters each, 8 times, together 55.6 %; 400 bytes",
    }
    do(tab, "m.blocks.0", "unfold")
    titles = {name: row(tab, f"m.blocks.3{name}").locator("data").get_attribute("title") for name in ("", ".x")}
    assert titles == {"": "120 parameters: 66.7 %; 480 bytes", ".x": "100 parameters each, 2 times; 400 bytes"}


def test_marks_of_unfolded_row_have_its_own_path(tab):
    first = linear("first", 3, 2, 2)
    pairs = [
        module
        for block in range(3)
        for module in (
            Module(str(block), 2, "Block"),
            first,
            Module("second", 3, "Linear", parameters=(tensor("weight", 2, 2, tied_to=f"blocks.{block}.first.weight"),)),
        )
    ]
    tab.show_trees(to_html(layout(Model((Module("", 0, "M"), Module("blocks", 1, "L"), *pairs)), Options()), "m"))
    do(tab, "m.blocks.0", "unfold")
    tie = row(tab, "m.blocks.2.second").locator(".bmvis-tie")
    assert tie.get_attribute("href") == "#m.blocks.2.first"
    assert tie.get_attribute("title") == tie.get_attribute("aria-label") == "tied to blocks.2.first.weight"
