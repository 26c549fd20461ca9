"""Links to rows, which open what is closed, folded or filtered."""

import pytest
from tree_page import BLOCKS, QUERY, bert_html, copied, do, row, visible
from trees import bert, linear

from bmvis.model.tree import Model, Module
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_script_errors")]


def test_repeated_link_opens_its_row_each_time(tab):
    target = f"{BLOCKS}.7.output.dense"
    link = f'<p><a href="#{target}">the output</a></p>'
    tab.show_trees(link + to_html(layout(bert(), Options()), "m"))
    for _ in range(2):
        tab.page.locator("#m [data-level='0']").click()
        tab.page.get_by_role("link", name="the output").click()
        row(tab, target).wait_for()
        assert tab.page.locator(".bmvis-linked").count() == 1
        assert "bmvis-linked" in row(tab, target).get_attribute("class")


def test_link_to_a_filtered_row_clears_the_filter(tab):
    tab.show_trees(bert_html(lora=False))
    tab.page.locator("#m [type=search]").fill("word_embeddings")
    tab.page.evaluate("location.hash = 'm.cls.predictions'")
    row(tab, "m.cls.predictions").wait_for()
    assert tab.page.locator("#m [type=search]").input_value() == ""


def test_link_unfolds_only_its_row_of_a_repeat(tab):
    """Add three rows to a fold of 10,000 members, not 30,000."""
    experts = [m for number in range(10_000) for m in (Module(str(number), 2, "Expert"), linear("up", 3, 2, 2))]
    model = Model((Module("", 0, "M"), Module("experts", 1, "ModuleList"), *experts))
    tab.open_trees(to_html(layout(model, Options()), "m"), "#m.experts.9000.up")
    assert visible(tab) == ["root", "experts", "0-8999,9001-9999", "up", "9000", "up"]
    assert (
        row(tab, "m.experts.0").locator("data").get_attribute("title")
        == "6 parameters each, 9999 times, together >99.9 %; 24 bytes"
    )
    tab.page.evaluate("location.hash = 'm.experts.5.up'")
    row(tab, "m.experts.5").wait_for()
    assert visible(tab) == ["root", "experts", "0-4,6-8999,9001-9999", "up", "5", "up", "9000", "up"]
    do(tab, "m.experts.9000", "fold")
    assert visible(tab) == ["root", "experts", "0-9999", "up"]


BLOCK = [linear(str(number), 2, 2, 2) for number in range(2000)]
LINK = """async (id) => {
  const began = performance.now();
  location.hash = id;
  while (!document.querySelector(".bmvis-linked")) await new Promise((done) => setTimeout(done));
  document.body.offsetHeight;
  return performance.now() - began;
}"""
"""Milliseconds until a row is linked, layout of the page included."""


@pytest.mark.builds
def test_link_into_a_repeat_of_ten_thousand_takes_less_than_300_ms(tab):
    """Read the names of no other repeats: there are 40 of 2,000 members."""
    others = [[Module(f"block{number}", 1, f"Block{number}"), *BLOCK] for number in range(40)]
    experts = [m for number in range(10_000) for m in (Module(str(number), 2, "Expert"), linear("up", 3, 2, 2))]
    modules = (m for block in others for m in block)
    html = to_html(
        layout(Model((Module("", 0, "M"), *modules, Module("experts", 1, "ModuleList"), *experts)), Options()), "m"
    )
    times = []
    while not times or (min(times) >= 300 and len(times) < 20):
        tab.open_trees(html)
        tab.page.locator("#m [type=search]").wait_for()
        times.append(tab.page.evaluate(LINK, "m.experts.9000.up"))
    assert min(times) < 300


@pytest.mark.parametrize("fragment", ["#100%", "#m.%ff", "#%", "#nothing", "#m.bert.encoder.layer.99"])
def test_invalid_fragment_causes_no_error(fragment, tab):
    tab.open_trees(to_html(layout(bert(), Options()), "m"), fragment)
    tab.page.locator("#m [type=search]").fill("30522")
    assert tab.page.locator("#m output").inner_text() == "3 of 27 rows"


@pytest.mark.parametrize("identifier", [f"{QUERY}.lora_A", "m.bert.encoder.layer.7.attention.self.value"])
def test_link_opens_ancestors_and_unfolds_repeats(identifier, tab):
    tab.open_trees(to_html(layout(bert(lora=True), Options(open=0)), "m"), f"#{identifier}")
    assert row(tab, identifier).is_visible()


def test_tree_without_its_first_row_is_linked_filtered_and_picked(tab):
    layers = [[Module(str(number), 1, "Block"), linear("fc", 2, 4, 4)] for number in range(4)]
    heads = [linear(f"head{number}", 1, 4, 2 + number) for number in range(9)]
    model = Model((Module("", 0, "Net"), *(module for layer in layers for module in layer), *heads))
    tab.open_trees(to_html(layout(model, Options(no_root=True)), "m"), "#m.2.fc")
    tab.page.locator(".bmvis-linked").wait_for()
    assert visible(tab)[:5] == ["0-1,3", "fc", "2", "fc", "head0"]
    tab.page.locator("#m [type=search]").fill("3.fc")
    assert visible(tab) == ["3", "fc"]
    do(tab, "m.3.fc", "key")
    assert copied(tab) == "3.fc"
    tab.page.locator("#m [type=search]").fill("")
    do(tab, "m.head0", "pick")
    tab.page.locator(".bmvis-picks [data-do=target_modules]").click()
    assert copied(tab) == 'target_modules=["head0"]'
