"""What a reader sees in each theme and scheme."""

import pytest
from sites import LOOKS, turn_dark

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
pytestmark = pytest.mark.browser


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_theme_shows_trees_that_anybody_can_read(look, site, tab):
    tab.open_site(site(look.theme))
    if look.scheme == "dark":
        turn_dark(tab.page, look.theme)

    report = axe.Axe().run(tab.page, context=".bmvis").response

    found = [(v["id"], node["target"], node.get("failureSummary")) for v in report["violations"] for node in v["nodes"]]
    assert found == []
    assert tab.page.evaluate("getComputedStyle(document.querySelector('.bmvis')).colorScheme") == look.scheme
    assert tab.page.evaluate("window.hacked") is None
    assert tab.errors == []
