"""The toolbar of a tree: its levels, and when a tree gets one."""

import pytest
from tree_page import QUERY, row, visible
from trees import bert, large

from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_script_errors")]


def test_level_button_opens_the_tree_to_that_level(lora, subtests):
    for level, count in {0: 1, 1: 3, 2: 6, 999: 33}.items():
        with subtests.test(level):
            lora.page.locator(f"#m [data-level='{level}']").click()
            assert len(visible(lora)) == count


def test_level_buttons_have_names_and_a_pressed_state(lora):
    levels = lora.page.get_by_role("group", name="Levels")
    names = ["Collapse all", "Open to level 1", "Open to level 2", "Open to level 3", "Open to level 4", "Expand all"]
    assert [button.get_attribute("aria-label") for button in levels.get_by_role("button").all()] == names
    assert levels.get_by_role("button", pressed=True).all_inner_texts() == ["+"], "the page opens all"
    levels.get_by_role("button", name="Open to level 2").click()
    assert levels.get_by_role("button", pressed=True).all_inner_texts() == ["2"]
    row(lora, "m.bert").click()
    assert levels.get_by_role("button", pressed=True).count() == 0


@pytest.mark.parametrize("model", [bert(), large(80)], ids=["legend-below", "legend-above"])
def test_toolbar_causes_no_layout_shift(model, tab):
    tab.show_trees(to_html(layout(model, Options()), "m"))
    place = "document.querySelector('.bmvis-tree').getBoundingClientRect().top"
    with_tools = tab.page.evaluate(place)
    tab.page.evaluate("document.querySelector('.bmvis-tools').remove()")
    assert abs(tab.page.evaluate(place) - with_tools) < 1


def test_tree_added_later_gets_its_tools(new_tab):
    """Material and Zensical replace the content of the document and emit on `document$`."""
    new_tab.page.add_init_script("window.document$ = { subscribe(act) { this.act = act; } }")
    new_tab.open_trees("<p>Another page.</p>")
    new_tab.page.evaluate(
        "(html) => { document.querySelector('main').innerHTML = html; document$.act(); document$.act(); }",
        to_html(layout(bert(), Options()), "m"),
    )
    assert new_tab.page.locator(".bmvis-tools").count() == 1
    assert new_tab.errors == []


def test_first_page_has_its_toolbar_if_the_theme_never_notifies_of_it(new_tab):
    """Material does not with `navigation.instant` and a page from disk."""
    new_tab.page.add_init_script("window.document$ = { subscribe() {} }")
    new_tab.open_trees(to_html(layout(bert(), Options()), "m"), f"#{QUERY}")
    assert new_tab.page.locator(".bmvis-tools").count() == 1
    assert "bmvis-linked" in row(new_tab, QUERY).get_attribute("class")
    assert new_tab.errors == []
