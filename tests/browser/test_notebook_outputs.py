"""Outputs of notebooks look and work like trees of a page that has the whole stylesheet and the scripts."""

import pytest
import trees
from contrast import faint

from bmvis.notebook import captured
from bmvis.options.definitions import Options
from bmvis.render.html import assets
from bmvis.render.html.notebook_output import output, share_assets
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

pytestmark = pytest.mark.browser

TREES = {
    "plain": (trees.bert, Options()),
    "adapters": (trees.bert, Options(map=True, highlight=("query",), caption="A caption", open=9)),
    "training": (trees.trained, Options(optimizer=True)),
    "few rows": (trees.hostile, Options()),
    "many rows": (lambda: trees.large(90), Options()),
}
DARK = '<!doctype html><body data-jp-theme-light="{}" style="background: {}">{}</body>'
STYLES = """([names, elements]) => [...document.querySelectorAll(elements)].filter((one) => one.checkVisibility())
  .flatMap((element) => [null, "::before", "::after"].map((part) => {
    const style = getComputedStyle(element, part);
    if (part && /^(none|normal)$/.test(style.content)) return "no box";
    return [element.localName, element.className, part, ...names.map((name) => style[name])].join(" ");
  }))"""
PROPERTIES = [
    *("display", "position", "inset", "margin", "padding", "width", "height", "border", "color", "background", "font"),
    *("outline", "opacity", "boxShadow", "content", "visibility", "textAlign"),
]
"""Computed styles are compared, because pictures of input fields differ by chance."""
LOADED = "() => window.bmvis?.rows && document.querySelector('.bmvis-tools') !== null"


def in_builds(name: str):
    return pytest.param(name, marks=pytest.mark.builds)


def drawn(name: str, anchor: str = "tree"):
    make, options = TREES[name]
    model = make(lora=True) if name == "adapters" else make()
    return to_html(layout(model, options), anchor)


def show(tab, html: str, *, is_dark: bool = False, is_loaded: bool = True):
    tab.open_document(DARK.format(str(not is_dark).lower(), "#111" if is_dark else "#fff", html))
    if is_loaded:
        tab.page.wait_for_function(LOADED)


def look(tab, elements: str = ".bmvis, .bmvis *") -> list[str]:
    return tab.page.evaluate(STYLES, [PROPERTIES, elements])


@pytest.mark.parametrize("tab", [{"java_script_enabled": False}], indirect=True, ids=["no scripts"])
@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["adapters", *map(in_builds, ("training", "plain", "few rows", "many rows"))])
def test_output_without_scripts_looks_like_a_tree_of_a_page(tab, name, is_dark):
    """The colors do not depend on the width: dark ones are compared at one width."""
    html = drawn(name)
    for width in (1280,) if is_dark else (1280, 380):
        tab.page.set_viewport_size({"width": width, "height": 900})
        show(tab, f"{assets.inline_stylesheets()}{html}", is_dark=is_dark, is_loaded=False)
        expected = look(tab)
        show(tab, output(html, "tree"), is_dark=is_dark, is_loaded=False)
        assert [pair for pair in zip(look(tab), expected, strict=True) if pair[0] != pair[1]] == [], width


@pytest.mark.parametrize("name", [in_builds("plain"), "adapters", in_builds("training")])
def test_output_with_scripts_looks_and_works_like_a_tree_of_a_page(tab, name):
    html = drawn(name)
    found = []
    for content in (f"{assets.inline()}{html}", output(html, "tree")):
        show(tab, content)
        styles = []
        for width in (1280, 380):
            tab.page.set_viewport_size({"width": width, "height": 900})
            styles += look(tab)
        tab.page.fill("input[type=search]", "bias")
        tab.page.hover(".bmvis-hit >> nth=0")
        tab.page.click(".bmvis-opener")
        styles += look(tab)
        tab.page.click("[data-do=pick]")
        # The closed menu lay on another row, which gets the opener if the browser notices the pointer on it in time.
        tab.page.hover(".bmvis-hit >> nth=0")
        found.append(styles + look(tab))
    assert [pair for pair in zip(*found, strict=True) if pair[0] != pair[1]] == []
    assert tab.errors == []


def test_outputs_of_one_notebook_do_not_depend_on_each_other(tab):
    first, last = (output(drawn(name, anchor), anchor) for name, anchor in (("training", "first"), ("plain", "last")))
    show(tab, first)
    alone = look(tab, "#first, #first *")
    show(tab, f"{first}<hr>{last}")
    tab.page.wait_for_function("() => document.querySelectorAll('.bmvis-tools').length === 2")
    assert look(tab, "#first, #first *") == alone
    tab.page.fill("#last input[type=search]", "query")
    assert [tab.page.locator(f"#{anchor} .bmvis-hit").count() for anchor in ("first", "last")] == [0, 1]
    assert look(tab, "#first, #first *") == alone


def test_output_that_is_added_to_a_page_gets_its_tools(tab):
    """As in a notebook whose cells are run one after the other, and one of them twice."""
    show(tab, captured(trees.bert())._repr_html_())
    add = """html => {
      const cell = document.createElement("div");
      cell.append(document.createRange().createContextualFragment(html));
      document.body.append(cell);
    }"""
    for _ in range(2):
        tab.page.evaluate(add, captured(trees.trained())._repr_html_())
    tab.page.wait_for_function("() => document.querySelectorAll('.bmvis-tools').length === 3")
    assert tab.errors == []


def test_script_of_an_output_adds_nothing_to_a_small_tree(tab):
    show(tab, captured(trees.hostile())._repr_html_() + captured(trees.bert())._repr_html_())
    small, large = tab.page.locator(".bmvis").all()
    assert [tree.locator(".bmvis-tools").count() for tree in (small, large)] == [0, 1]
    for tree, openers in ((small, 0), (large, 1)):
        tree.locator(".bmvis-tree li > div >> nth=0").hover()
        assert tree.locator(".bmvis-opener").count() == openers


def test_keys_of_a_tree_are_no_commands_of_jupyterlab(tab):
    """JupyterLab ignores keys in elements with an attribute, which it looks for in a listener on the document."""
    show(tab, captured(trees.bert())._repr_html_() + "<p tabindex=0 data-lm-suppress-shortcuts>A widget</p>")
    tab.page.evaluate("""() => document.addEventListener("keydown", ({ target, key }) => {
      if (!target.hasAttribute("data-lm-suppress-shortcuts")) (window.commands ??= []).push(key);
    }, true)""")
    tab.page.locator("summary >> nth=2").focus()
    for key in ("ArrowDown", "d", "m", "Escape", "Shift+Enter"):
        tab.page.keyboard.press(key)
    tab.page.locator("p[tabindex]").focus()
    tab.page.keyboard.press("x")
    assert tab.page.evaluate("window.commands") == ["d", "Shift", "Enter"]


def test_shared_assets_look_like_those_of_each_output(tab):
    anchors = {"plain": "first", "training": "second"}
    outputs = [{"text/html": str(output(drawn(name, anchor), anchor))} for name, anchor in anchors.items()]
    found = []
    for share in (list, share_assets):
        share(outputs)
        show(tab, "<hr>".join(data["text/html"] for data in outputs))
        tab.page.wait_for_function("() => document.querySelectorAll('.bmvis-tools').length === 2")
        found.append(look(tab))
    assert found[0] == found[1]
    assert [[data["text/html"].count(f"<{name}") for data in outputs] for name in ("style", "script")] == [[1, 0]] * 2


# The links that JupyterLab assigns an address to. Links of SVG have none that can be assigned.
JUPYTERLAB_LINKS = "() => [...document.getElementsByTagName('a')].filter((link) => link.getAttribute('href'))"
MAP_LINK = ".bmvis svg a:has-text('word_embeddings') >> nth=0"


def test_links_of_pictures_work_and_are_no_links_to_jupyterlab(tab):
    show(tab, output(drawn("adapters"), "tree"))
    assert set(tab.page.evaluate(f"({JUPYTERLAB_LINKS})().map((link) => typeof link.href)")) == {"string"}
    tab.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = false)")
    tab.page.click(MAP_LINK)
    tab.page.wait_for_selector(".bmvis-linked")
    assert "word_embeddings" in tab.page.inner_text(".bmvis-linked")


HOSTS = {
    "VS Code": "<body class='vscode-{0}' data-vscode-theme-kind='vscode-{0}' style='{1}'>{2}</body>",
    "Colab": "<html theme='{0}'><body style='{1}'><div id='output-body'>{2}</div></body></html>",
}
"""How programs that cannot run here show an output: in a page of its own, with a mark of the theme."""
PAINTED = {"light": "background: #fff; color: #333", "dark": "background: #1e1e1e; color: #ccc"}


@pytest.mark.parametrize("name", ["plain", in_builds("few rows")])
@pytest.mark.parametrize("theme", PAINTED)
@pytest.mark.parametrize("host", HOSTS)
def test_output_follows_the_theme_of_other_hosts(tab, host, theme, name):
    content = HOSTS[host].format(theme, PAINTED[theme], output(drawn(name), "tree"))
    tab.open_document(f"<!doctype html>{content}")
    if name == "plain":
        tab.page.wait_for_function(LOADED)
    assert tab.page.evaluate("getComputedStyle(document.querySelector('.bmvis')).colorScheme") == theme
    assert faint(tab.page) == {}
