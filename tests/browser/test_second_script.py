"""The second script of trees, which a page loads when a reader first needs it."""

import pytest
from trees import bert

from bmvis.options.definitions import Options
from bmvis.render.html import assets
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

pytestmark = pytest.mark.browser

TREE = to_html(layout(bert(lora=True), Options()), "m")
ORIGIN = "http://localhost"
FOLDED = "m.bert.encoder.layer.7.attention.self.value"


@pytest.fixture
def loaded(tab) -> list[str]:
    """Record the scripts that a page asks for."""
    found: list[str] = []
    tab.listen("request", lambda request: found.append(request.url.removeprefix(f"{ORIGIN}/")))
    return found


def second(loaded: list[str]) -> list[str]:
    return [url for url in loaded if url.startswith("bmvis-rows.js?v=")]


def row(tab, path: str):
    return tab.page.locator(f'[id="m.{path}"] > details > summary, [id="m.{path}"] > div')


def type_in_filter(tab) -> None:
    tab.page.locator("[type=search]").fill("layer.5")
    tab.page.locator("output", has_text="1 of 33 rows").wait_for()


def press_legend(tab) -> None:
    tab.page.locator(".bmvis-legend button", has_text="delta").click()
    tab.page.locator("output", has_text="rows").wait_for()


def open_menu(tab) -> None:
    row(tab, "bert").hover()
    tab.page.locator(".bmvis-opener").click()
    tab.page.locator(".bmvis-menu [data-do=pick]").click()
    tab.page.locator(".bmvis-picks", has_text="Modules picked: 1").wait_for()


def press_m(tab) -> None:
    row(tab, "bert").focus()
    tab.page.keyboard.press("m")
    tab.page.locator(".bmvis-menu [data-do=key]").wait_for()


def follow_link(tab) -> None:
    tab.page.evaluate("(id) => { location.hash = id; }", FOLDED)
    tab.page.locator(f'[id="{FOLDED}"] .bmvis-linked').wait_for()


@pytest.mark.parametrize("act", [type_in_filter, press_legend, open_menu, press_m, follow_link])
def test_first_use_loads_the_second_script_once(act, tab, loaded):
    tab.open_trees(TREE, load=False)
    assert second(loaded) == []
    act(tab)
    tab.page.locator("[type=search]").fill("nothing.like.it")
    tab.page.locator("output", has_text="0 of ").wait_for()
    assert len(second(loaded)) == 1
    assert tab.errors == []


def test_reading_loads_no_second_script(tab, loaded):
    tab.open_trees(TREE, "#m.bert.encoder", load=False)
    tab.page.locator("[data-level='0']").click()
    tab.page.locator("[data-level='2']").click()
    row(tab, "bert").click()
    tab.page.keyboard.press("ArrowDown")
    row(tab, "cls").hover()
    assert "bmvis.js" in loaded
    assert second(loaded) == []


def test_second_script_is_loaded_after_instant_navigation(tab, loaded):
    tab.open_trees(TREE, load=False)
    tab.page.evaluate("history.pushState(null, '', '/another/folder/page.html')")
    type_in_filter(tab)
    assert len(second(loaded)) == 1


def test_second_script_that_is_missing_is_named_and_loaded_later(tab, loaded):
    tab.open_trees(TREE, load=False)
    tab.page.route("**/bmvis-rows.js?*", lambda route: route.fulfill(status=404))
    tab.page.locator("[type=search]").fill("layer")
    tab.page.locator("output", has_text="bmvis-rows.js was not loaded").wait_for()
    tab.page.unroute("**/bmvis-rows.js?*")
    type_in_filter(tab)


def test_second_script_has_the_nonce_of_the_first(tab):
    policy = {"Content-Security-Policy": "script-src 'nonce-once'"}
    html = f'<!doctype html><body>{TREE}<script nonce="once" src="/static/bmvis.js"></script></body>'

    def answer(route) -> None:
        name = route.request.url.partition("?")[0].rpartition("/")[2]
        if name.endswith(".js"):
            route.fulfill(body=assets.text(f"bmvis/static/{name}"), content_type="text/javascript")
        else:
            route.fulfill(body=html, content_type="text/html", headers=policy)

    tab.page.route("**/*", answer)
    tab.page.goto(f"{ORIGIN}/page.html")
    type_in_filter(tab)
    assert tab.errors == []


def test_page_with_everything_inline_loads_nothing(tab, loaded, tmp_path):
    (tmp_path / "page.html").write_text(f"<!doctype html><body>{assets.inline()}{TREE}</body>")
    tab.page.goto((tmp_path / "page.html").as_uri())
    type_in_filter(tab)
    assert [url for url in loaded if ".js" in url] == []


@pytest.mark.parametrize("theme", ["furo", pytest.param("material", marks=pytest.mark.builds)])
def test_filter_works_on_a_page_from_disk(theme, site, tab):
    tab.page.goto((site(theme) / "index.html").as_uri())
    tab.page.locator("#lora [type=search]").fill("layer.5")
    tab.page.locator("#lora output", has_text="1 of").wait_for()
