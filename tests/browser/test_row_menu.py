"""The menu of a row, by pointer, keyboard and touch."""

import pytest
from tree_page import LAYER, QUERY, copied, do, focused, row
from trees import HOSTILE, hostile, large

from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_script_errors")]


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("path", "bert.encoder.layer[0].attention.self.query"),
        ("key", "bert.encoder.layer.0.attention.self.query"),
        ("link", f"http://localhost/#{QUERY}"),
    ],
)
def test_row_menu_copies_text(action, text, lora):
    do(lora, QUERY, action)
    assert copied(lora) == text


def test_keyboard_reaches_all_tools(lora):
    press = lora.page.keyboard.press
    row(lora, QUERY).focus()
    for key, text in [
        ("ArrowDown", "base_layer (Linear) weight:[768, 768] bias:[768]"),
        ("ArrowLeft", "query,value (Linear)"),
        ("ArrowLeft", "query,value (Linear)"),
        ("ArrowDown", "key (Linear) weight:[768, 768] bias:[768]"),
        ("ArrowUp", "query,value (Linear)"),
        ("m", "Copy Python path"),
        ("ArrowDown", "Copy state-dict key"),
        ("End", "Unfold into 2 rows"),
        ("ArrowDown", "Copy Python path"),
        ("ArrowUp", "Unfold into 2 rows"),
        ("Home", "Copy Python path"),
    ]:
        press(key)
        assert focused(lora) == text
    press("Enter")
    assert copied(lora) == "bert.encoder.layer[0].attention.self.query"
    press("Escape")
    assert focused(lora) == "query,value (Linear)"


def test_keys_that_a_tree_uses_are_not_keys_of_the_theme(lora):
    lora.page.evaluate("window.heard = []; document.addEventListener('keydown', ({ key }) => heard.push(key))")
    row(lora, QUERY).focus()
    for key in ("ArrowRight", "ArrowLeft", "m", "ArrowDown", "j"):
        lora.page.keyboard.press(key)
    assert lora.page.evaluate("heard") == ["j"]


def test_menu_is_next_to_its_row_and_big_enough_to_touch(lora):
    for width, identifier in ((1280, QUERY), (380, QUERY), (1280, "m.cls.predictions.decoder")):
        lora.page.set_viewport_size({"width": width, "height": 500})
        row(lora, identifier).scroll_into_view_if_needed()
        lora.page.wait_for_timeout(200)  # a scroll closes the menu, and its event is late
        lora.page.mouse.move(0, 0)
        row(lora, identifier).hover()
        lora.page.locator(".bmvis-opener").click()
        line, menu = (place.bounding_box() for place in (row(lora, identifier), lora.page.locator(".bmvis-menu")))
        assert menu["y"] >= line["y"] + line["height"] - 1 or menu["y"] + menu["height"] <= line["y"] + 1
        assert menu["x"] >= 0
        assert menu["x"] + menu["width"] <= width
        assert menu["y"] + menu["height"] <= 500
        sizes = [entry.bounding_box() for entry in lora.page.locator(".bmvis-opener, .bmvis-menu button").all()]
        assert min(min(size["width"], size["height"]) for size in sizes) >= 24
        lora.page.keyboard.press("Escape")


@pytest.mark.parametrize("way", ["Escape", "Tab", "outside", "scroll", "copied"])
def test_menu_closes(way, lora):
    row(lora, QUERY).focus()
    lora.page.keyboard.press("m")
    menu = lora.page.locator(".bmvis-menu")
    assert menu.is_visible()
    if way in ("Escape", "Tab"):
        lora.page.keyboard.press(way)
    elif way == "outside":
        lora.page.mouse.click(5, 5)
    elif way == "scroll":
        lora.page.set_viewport_size({"width": 1280, "height": 300})
        lora.page.mouse.wheel(0, 200)
    else:
        lora.page.keyboard.press("Enter")
        menu.get_by_text("Copied").wait_for()
    menu.wait_for(state="hidden")
    if way == "Escape":
        assert focused(lora) == "query,value (Linear)"


SCROLL_OTHER_PART = """() => {
  const part = document.createElement("div");
  part.style.cssText = "position: fixed; bottom: 0; width: 20px; height: 20px; overflow: auto";
  part.append(document.createElement("div"));
  part.firstChild.style.height = "200px";
  document.querySelector("main").append(part);
  return new Promise((done) => {
    part.onscroll = () => setTimeout(done);
    part.scrollTop = 50;
  });
}"""


SCROLL_THEN_OPEN_MENU = """(id) => {
  const row = document.getElementById(id).querySelector(":scope > div, :scope > details > summary");
  scrollTo(0, 50);
  row.focus({ preventScroll: true });
  row.dispatchEvent(new KeyboardEvent("keydown", { key: "m", bubbles: true }));
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


def test_menu_stays_open_at_the_late_event_of_an_earlier_scroll(lora):
    lora.page.set_viewport_size({"width": 1280, "height": 300})
    lora.page.evaluate(SCROLL_THEN_OPEN_MENU, QUERY)
    assert lora.page.evaluate("scrollY") == 50
    assert lora.page.locator(".bmvis-menu").is_visible()


def test_menu_stays_open_at_the_scroll_of_another_part_of_the_page(lora):
    row(lora, QUERY).focus()
    lora.page.keyboard.press("m")
    lora.page.evaluate(SCROLL_OTHER_PART)
    assert lora.page.locator(".bmvis-menu").is_visible()


KEEP_TIMERS = """() => {
  const kept = [], real = { setTimeout, clearTimeout };
  window.setTimeout = (callback) => kept.push(callback);
  window.clearTimeout = (id) => delete kept[id - 1];
  window.runTimers = () => {
    Object.assign(window, real);
    kept.forEach((callback) => callback());
  };
}"""


def test_copying_does_not_close_the_next_menu(lora):
    lora.page.evaluate(KEEP_TIMERS)
    menu = lora.page.locator(".bmvis-menu")
    row(lora, QUERY).focus()
    for key in ("m", "Enter"):
        lora.page.keyboard.press(key)
    menu.get_by_text("Copied").wait_for()
    for key in ("Escape", "m"):
        lora.page.keyboard.press(key)
    lora.page.evaluate("runTimers()")
    assert menu.is_visible()


def test_pointer_takes_the_button_to_other_rows_after_escape(lora):
    row(lora, QUERY).hover()
    lora.page.locator(".bmvis-opener").click()
    lora.page.keyboard.press("Escape")
    lora.page.locator(".bmvis-tree summary:focus, .bmvis-tree li > div:focus").wait_for()
    assert focused(lora) == "query,value (Linear)"
    do(lora, f"{LAYER}.output.dense", "key")
    assert copied(lora) == "bert.encoder.layer.0.output.dense"


@pytest.mark.parametrize("tab", [{"has_touch": True, "is_mobile": True}], indirect=True, ids=["touch"])
def test_touch_copies_a_path(lora):
    row(lora, f"{LAYER}.output.dense").tap()
    lora.page.locator(".bmvis-opener").tap()
    lora.page.get_by_role("menuitem", name="Copy state-dict key").tap()
    assert copied(lora) == "bert.encoder.layer.0.output.dense"


ROWS = """() => [...document.querySelectorAll(".bmvis-tree summary")].filter((row) => row.offsetParent).map((row) => {
  const [name, count] = ["b", "data"].map((part) => row.querySelector(part).getBoundingClientRect());
  return [row.getBoundingClientRect().height >= 24, Math.abs(name.top + name.bottom - count.top - count.bottom) < 6];
})"""


@pytest.mark.parametrize("tab", [{"has_touch": True, "is_mobile": True}], indirect=True, ids=["touch"])
def test_rows_are_large_enough_to_touch(lora):
    found = lora.page.evaluate(ROWS)
    assert len(found) > 10
    assert all(is_large and is_aligned for is_large, is_aligned in found)


def test_buttons_have_accessible_names(lora):
    row(lora, QUERY).focus()
    lora.page.keyboard.press("m")
    names = [entry.inner_text() for entry in lora.page.get_by_role("menuitem").all()]
    assert names == [
        "Copy Python path", "Copy state-dict key", "Copy link", "Pick for target_modules", "Unfold into 2 rows",
    ]  # fmt: skip
    assert lora.page.get_by_role("menu", name="Row actions").count() == 1
    lora.page.keyboard.press("Escape")
    # The browser closes the menu without the script.
    lora.page.get_by_role("button", name="Row actions", expanded=False).wait_for()


def test_script_keeps_hostile_names_as_text(tab):
    model = Model((*hostile().modules, *large(10).modules[1:]))
    tab.show_trees(to_html(layout(model, Options()), "m"))
    tab.page.locator("input").fill("onerror")
    do(tab, tab.page.locator(".bmvis-tree li li").first.get_attribute("id"), "key")
    assert copied(tab) == HOSTILE
    assert tab.page.evaluate("window.hacked") is None
