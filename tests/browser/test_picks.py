"""Rows that a reader picks, and the expressions that match exactly their modules."""

import re

import pytest
from tree_page import BLOCKS, LAYER, QUERY, bert_html, copied, do
from trees import bert

from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_script_errors")]


def test_picked_rows_stay_unfolded_after_filter(lora):
    for number in ("3", "8"):
        lora.page.locator("#m [type=search]").fill(f"layer.{number}.output")
        do(lora, f"{BLOCKS}.{number}.output", "pick")
    lora.page.locator("#m [type=search]").fill("")
    lora.page.locator(".bmvis-picks [data-do=target_modules]").click()
    assert sorted(re.findall(r"\d\.output", copied(lora))) == ["3.output", "8.output"]


@pytest.mark.parametrize(
    ("rows", "what", "text"),
    [
        ([QUERY], "target_modules", 'target_modules=["query", "value"]'),
        ([QUERY], "modified_modules", 'modified_modules=["query", "value"]'),
        (
            [f"{LAYER}.output"],
            "target_modules",
            r'target_modules=r"bert\.encoder\.layer\.\d+\.output"',
        ),
        (
            ["m.bert.embeddings", QUERY],
            "regex",
            r"bert\.(?:embeddings|encoder\.layer\.\d+\.attention\.self\.(?:query|value))",
        ),
        ([f"{LAYER}.output", LAYER], "regex", r"bert\.encoder\.layer\.\d+(?:\.output)?"),
    ],
    ids=["the-shortest-ends", "for-opendelta", "not-attention.output", "two-rows-share-a-prefix", "one-in-another"],
)
def test_picked_rows_match_exactly_their_modules(rows, what, text, lora):
    for identifier in rows:
        do(lora, identifier, "pick")
        lora.page.keyboard.press("Escape")
    lora.page.locator(f".bmvis-picks [data-do={what}]").click()
    assert copied(lora) == text


def test_picks_without_unique_suffix_become_an_expression(tab):
    tab.show_trees(bert_html(lora=False))
    tab.page.evaluate("document.querySelector('[id=\"m.cls.predictions.transform\"]').id = 'm.x.bert'")
    do(tab, "m.bert", "pick")
    tab.page.locator(".bmvis-picks [data-do=target_modules]").click()
    assert copied(tab) == 'target_modules=r"bert"'


def test_pick_mode_gives_every_module_a_checkbox(lora):
    assert not lora.page.get_by_role("checkbox").count()
    do(lora, f"{LAYER}.output.dense", "pick")
    boxes = lora.page.get_by_role("checkbox")
    assert boxes.count() == 32
    assert lora.page.get_by_role("checkbox", checked=True).count() == 1
    assert boxes.first.bounding_box()["height"] >= 24
    lora.page.get_by_role("checkbox", name="Pick intermediate").check()
    tray = lora.page.locator(".bmvis-picks")
    assert "Modules picked: 24" in tray.inner_text()
    assert min(button.bounding_box()["height"] for button in tray.get_by_role("button").all()) >= 24
    lora.page.get_by_role("checkbox", name="Pick intermediate").uncheck()
    assert "Modules picked: 12" in tray.inner_text()
    tray.get_by_role("button", name="Clear").click()
    assert not lora.page.get_by_role("checkbox").count()
    assert not lora.page.locator(".bmvis-picked").count()


@pytest.mark.parametrize(
    ("pick", "taken", "expected"),
    [
        (f"{BLOCKS}.0", [], r"bert\.encoder\.layer\.\d+"),
        (f"{BLOCKS}.3", [3], r"bert\.encoder\.layer\.3"),
        (f"{BLOCKS}.0", [3], r"bert\.encoder\.layer\.(?:0|1|2|4|5|6|7|8|9|10|11)"),
    ],
    ids=["all", "one", "all-but-one"],
)
def test_expression_matches_only_the_picked_modules(pick, taken, expected, tab):
    fragment = f"#{BLOCKS}.{taken[0]}" if taken else ""
    tab.open_trees(to_html(layout(bert(lora=True), Options()), "m"), fragment)
    do(tab, pick, "pick")
    tab.page.locator(".bmvis-picks [data-do=regex]").click()
    assert copied(tab) == expected
