"""The look of trees in each theme and color scheme."""

import re

import pytest
from contrast import faint
from sites import LOOKS, THEMES, turn_dark
from trees import bert, page

from bmvis.notebook import captured

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("element", "attribute", "light", "dark"),
    [
        ("body", "data-jp-theme-light", "true", "false"),
        ("body", "data-vscode-theme-kind", "vscode-light", "vscode-dark"),
        ("body", "data-vscode-theme-kind", "vscode-high-contrast-light", "vscode-high-contrast"),
        ("documentElement", "theme", "light", "dark"),
    ],
    ids=["JupyterLab", "VS Code", "VS Code, high contrast", "Colab"],
)
def test_notebook_output_follows_dark_mode_of_its_host(element, attribute, light, dark, tab):
    tab.open_document(str(captured(bert())._repr_html_()))
    for value, scheme in ((light, "light"), (dark, "dark")):
        tab.page.evaluate(f"document.{element}.setAttribute('{attribute}', '{value}')")
        assert tab.page.evaluate("getComputedStyle(document.querySelector('.bmvis')).colorScheme") == scheme
        ink = tab.page.evaluate("getComputedStyle(document.querySelector('.bmvis b')).color")
        assert (sum(map(int, re.findall(r"\d+", ink))) > 3 * 128) == (scheme == "dark")


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_colors_of_trees_have_enough_contrast_in_each_theme(look, site, tab):
    tab.open_site(site(look.theme))
    if look.scheme == "dark":
        turn_dark(tab.page, look.theme)

    report = axe.Axe().run(tab.page, context=".bmvis").response

    found = [(v["id"], node["target"], node.get("failureSummary")) for v in report["violations"] for node in v["nodes"]]
    assert found == []
    assert faint(tab.page) == {}
    assert tab.page.evaluate("getComputedStyle(document.querySelector('.bmvis')).colorScheme") == look.scheme
    assert tab.page.evaluate("window.hacked") is None
    assert tab.errors == []


LOOKS_OF = """(elements) => elements.map((element) => [undefined, "::before", "::after", "::marker"].map((pseudo) => {
  const style = getComputedStyle(element, pseudo), size = parseFloat(style.fontSize);
  const facts = PROPERTIES.map((name) => style[name].replace(/-?[\\d.]+px/g, (length) => SCALED
    ? (Math.round(2 * parseFloat(length) / size) / 2).toString() : length));
  return [element.localName + (element.className.baseVal ?? element.className), pseudo, ...facts].join(" ");
}))"""
LAYOUT = (
    "display listStyleType borderTopWidth borderRightWidth borderLeftWidth boxShadow backgroundImage content float"
    " position textTransform textDecorationLine fontStyle textIndent whiteSpace wordBreak letterSpacing"
    " marginTop marginLeft paddingLeft paddingTop cursor"
)
TREE = "#bert.bmvis *:not(svg *, [data-head])"  # the names in a map and the place of a heading depend on the width
PAGE = (
    "color backgroundColor fontSize fontFamily fontWeight display listStyleType borderTopWidth boxShadow margin"
    " paddingLeft textDecorationLine cursor"
)


def looks(tab, elements: str, properties: str, scaled: bool) -> list:
    """Return how elements are drawn, lengths in their letters' sizes where `scaled`."""
    asked = LOOKS_OF.replace("PROPERTIES", str(properties.split())).replace("SCALED", str(scaled).lower())
    return tab.page.evaluate(f"({asked})([...document.querySelectorAll({elements!r})])")


@pytest.mark.parametrize("theme", THEMES)
def test_styles_of_theme_and_tree_do_not_affect_each_other(theme, site, tab):
    tab.open_trees(page())
    bare = looks(tab, TREE, LAYOUT, scaled=True)
    tab.open_site(site(theme))
    tab.page.wait_for_timeout(300)
    found = looks(tab, TREE, LAYOUT, scaled=True)
    pairs = [pair for one in zip(found, bare, strict=True) for pair in zip(*one, strict=True)]
    # Words next to marks depend on the width of the page.
    changed = [pair for pair in pairs if len(set(pair)) > 1 and "\N{NO-BREAK SPACE}" not in "".join(pair)]
    assert changed[:3] == []

    outside = "body *:not(.bmvis, .bmvis *, script, style)"
    before = looks(tab, outside, PAGE, scaled=False)
    off = "[...document.styleSheets].filter((sheet) => /bmvis/.test(sheet.href)).map((sheet) => sheet.disabled = true)"
    assert tab.page.evaluate(off)
    assert looks(tab, outside, PAGE, scaled=False) == before
