"""What the script adds to a tree: by pointer, by keyboard, under a strict content security policy."""

import pytest
from trees import HOSTILE, bert, hostile, large, linear, tensor

from bmvis.model.tree import Model, Module
from bmvis.options import Options
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

pytestmark = pytest.mark.browser

LAYER = "m.bert.encoder.layer.0"
BLOCKS = "m.bert.encoder.layer"
QUERY = f"{LAYER}.attention.self.query"
MEASURE = """() => {
  const root = document.querySelector(".bmvis"), field = root.querySelector("input");
  const list = document.createElement("div");
  list.innerHTML = [...root.querySelectorAll("li b")].map((b) => `<div>${b.textContent}</div>`).join("");
  root.after(list);
  const plain = [...list.children], texts = plain.map((one) => one.textContent);
  const time = (act) => {
    const began = performance.now();
    act();
    document.body.offsetHeight;
    return performance.now() - began;
  };
  const type = (text) => { field.value = text; field.dispatchEvent(new Event("input", { bubbles: true })); };
  const find = (text) => plain.forEach((one, at) => { one.hidden = !texts[at].includes(text); });
  document.body.offsetHeight;
  type("x"), type(""), document.body.offsetHeight;
  return [time(() => type("part_77_")), time(() => find("part_77_"))];
}"""


@pytest.fixture
def lora(tab):
    tab.open_trees(to_html(layout(bert(lora=True), Options()), "m"))
    return tab


def row(tab, identifier: str):
    return tab.page.locator(f'[id="{identifier}"] > details > summary, [id="{identifier}"] > div')


def do(tab, identifier: str, action: str) -> None:
    row(tab, identifier).hover()
    tab.page.locator(".bmvis-actions summary").click()
    tab.page.locator(f".bmvis-actions [data-do={action}]").click()


def copied(tab) -> str:
    tab.page.locator("output", has_text="copied ").wait_for()
    return tab.page.evaluate("navigator.clipboard.readText()")


def visible(tab) -> list[str]:
    shown = (
        "[...document.querySelectorAll('.bmvis-tree b')].filter((b) => b.checkVisibility()).map((b) => b.textContent)"
    )
    return tab.page.evaluate(shown)


def focused(tab) -> str:
    return tab.page.evaluate("document.activeElement.textContent")


def test_a_filter_keeps_what_is_above_a_match_and_counts(lora):
    lora.page.locator("#m input").fill("embed 30522")
    assert visible(lora) == ["root", "bert", "embeddings", "word_embeddings"]
    assert lora.page.locator("#m output").inner_text() == "1 of 33 rows"


def test_a_filter_opens_what_was_closed_and_closes_it_again(lora):
    lora.page.locator("#m [data-level='0']").click()
    lora.page.locator("#m input").fill("lora_a")
    assert visible(lora)[-1] == "lora_A"
    lora.page.locator("#m input").fill("")
    assert visible(lora) == ["root"]


@pytest.mark.parametrize(
    ("state", "count"), [("bmvis-frozen", "15"), ("bmvis-delta", "2"), ("bmvis-x", "2"), ("bmvis-tie", "2")]
)
def test_an_entry_of_the_legend_shows_the_rows_of_its_state(state, count, lora):
    entry = lora.page.locator(f".bmvis-legend .{state}")
    entry.click()
    assert lora.page.locator("#m output").inner_text() == f"{count} of 33 rows"
    assert entry.get_attribute("aria-pressed") == "true"
    entry.click()
    assert lora.page.locator("#m output").inner_text() == ""


@pytest.mark.parametrize(("level", "count"), [("0", 1), ("1", 3), ("2", 6), ("999", 33)])
def test_a_tree_opens_to_a_level(level, count, lora):
    lora.page.locator(f"#m [data-level='{level}']").click()
    assert len(visible(lora)) == count


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("path", "bert.encoder.layer[0].attention.self.query"),
        ("key", "bert.encoder.layer.0.attention.self.query"),
        ("link", f"http://localhost/#{QUERY}"),
    ],
)
def test_a_row_copies_where_it_is(action, text, lora):
    do(lora, QUERY, action)
    assert copied(lora) == text


@pytest.mark.parametrize(
    ("rows", "what", "text"),
    [
        ([QUERY], "target_modules", 'target_modules=["query", "value"]'),
        ([QUERY], "modified_modules", 'modified_modules=["query", "value"]'),
        (
            [f"{LAYER}.output"],
            "target_modules",
            "target_modules=[" + ", ".join(f'"{n}.output"' for n in range(12)) + "]",
        ),
        (
            ["m.bert.embeddings", QUERY],
            "regex",
            r"(?:bert\.embeddings|bert\.encoder\.layer\.(?:0|1|2|3|4|5|6|7|8|9|10|11)"
            r"\.attention\.self\.(?:query|value))",
        ),
    ],
    ids=["the-shortest-ends", "for-opendelta", "not-attention.output", "two-rows-as-one-expression"],
)
def test_picked_rows_name_exactly_their_modules(rows, what, text, lora):
    for identifier in rows:
        do(lora, identifier, "pick")
        lora.page.keyboard.press("Escape")
    lora.page.locator(f".bmvis-picks [data-do={what}]").click()
    assert copied(lora) == text


def test_modules_that_no_list_can_name_alone_become_an_expression(tab):
    tab.open_trees(to_html(layout(bert(), Options()), "m"))
    tab.page.evaluate("document.querySelector('[id=\"m.cls.predictions.transform\"]').id = 'm.x.bert'")
    do(tab, "m.bert", "pick")
    tab.page.locator(".bmvis-picks [data-do=target_modules]").click()
    assert copied(tab) == 'target_modules=r"bert"'


def test_a_repeat_unfolds_into_rows_of_their_own_and_folds_again(lora):
    before = lora.page.locator(".bmvis-tree li").count()
    do(lora, LAYER, "unfold")
    ids = lora.page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(set(ids)) == len(ids)
    assert row(lora, "m.bert.encoder.layer.11").inner_text() == "11 (BertLayer)"
    do(lora, "m.bert.encoder.layer.5", "unfold")
    assert lora.page.locator(".bmvis-tree li").count() == before
    assert focused(lora) == "0-11 (BertLayer)"


def test_an_unfolded_repeat_has_its_share_of_the_matches(tab):
    tab.open_trees(to_html(layout(bert(), Options(highlight=("query",))), "m"), "")
    count = "(mark) => getComputedStyle(mark, '::after').content"
    [folded] = [mark.evaluate(count) for mark in tab.page.locator(".bmvis-tree mark").all()]
    assert folded != "none"
    do(tab, LAYER, "unfold")
    assert {mark.evaluate(count) for mark in tab.page.locator(".bmvis-tree mark").all()} == {"none"}


@pytest.mark.parametrize(
    ("unfolded", "identifier", "title", "bar"),
    [
        ([], LAYER, "7,112,448 parameters each, 12 times: 77.7 %; 28.4 MB", "16"),
        ([LAYER], f"{BLOCKS}.11", "7,112,448 parameters: 6.5 %; 28.4 MB", "1"),
        ([LAYER], f"{BLOCKS}.3.attention.self.query", "602,880 parameters each, 2 times: 1.1 %; 2.4 MB", "1"),
        ([QUERY], QUERY, "602,880 parameters each, 12 times: 6.6 %; 2.4 MB", "1"),
        ([LAYER, QUERY], QUERY.replace("query", "value"), "602,880 parameters: 0.5 %; 2.4 MB", "1"),
    ],
    ids=["folded", "a-member", "a-repeat-in-a-member", "a-member-of-a-repeat-in-a-repeat", "a-member-of-a-member"],
)
def test_an_unfolded_row_has_its_own_share_and_keeps_its_bytes(unfolded, identifier, title, bar, lora):
    for folded in unfolded:
        do(lora, folded, "unfold")
    amount = row(lora, identifier).locator("data")
    assert (amount.get_attribute("title"), amount.get_attribute("data-s")) == (title, bar)
    assert not lora.page.locator("data[data-n]").count()


def sharing_blocks() -> list[Module]:
    """Return four blocks, each with two modules whose weight is that of the module `first`."""
    key, places = "first.weight", tuple(f"blocks.{block}.{name}.weight" for block in range(4) for name in "xz")
    modules = [Module("first", 1, "Linear", parameters=(tensor("weight", 10, 10, tied_by=places),))]
    modules.append(Module("blocks", 1, "ModuleList"))
    for block in range(4):
        modules.append(Module(str(block), 2, "Block"))
        for name in ("x", "z"):
            modules.append(Module(name, 3, "Linear", parameters=(tensor("weight", 10, 10, tied_to=key),)))
        modules.append(linear("y", 3, 4, 4))
    return modules


def test_what_members_share_with_each_other_is_not_divided(tab):
    """Of four blocks that share one weight each has all of it; how much two pairs in a block have, nobody can know."""
    model = Model((Module("", 0, "M"), *sharing_blocks()))
    tab.open_trees(to_html(layout(model, Options()), "m"))
    titles = {name: row(tab, f"m.blocks.0{name}").locator("data").get_attribute("title") for name in ("", ".x")}
    assert titles == {
        "": "120 parameters each, 4 times: 100 %; 480 bytes",
        ".x": "100 parameters each, 8 times: 55.6 %; 400 bytes",
    }
    do(tab, "m.blocks.0", "unfold")
    titles = {name: row(tab, f"m.blocks.3{name}").locator("data").get_attribute("title") for name in ("", ".x")}
    assert titles == {"": "120 parameters: 66.7 %; 480 bytes", ".x": "100 parameters each, 2 times; 400 bytes"}


def test_marks_of_an_unfolded_row_name_its_own_place(tab):
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
    tab.open_trees(to_html(layout(Model((Module("", 0, "M"), Module("blocks", 1, "L"), *pairs)), Options()), "m"))
    do(tab, "m.blocks.0", "unfold")
    tie = row(tab, "m.blocks.2.second").locator(".bmvis-tie")
    assert tie.get_attribute("href") == "#m.blocks.2.first"
    assert tie.get_attribute("title") == tie.get_attribute("aria-label") == "tied to blocks.2.first.weight"


@pytest.mark.parametrize("fragment", ["#100%", "#m.%ff", "#%", "#nothing", "#m.bert.encoder.layer.99"])
def test_an_address_that_names_no_row_does_no_harm(fragment, tab):
    tab.open_trees(to_html(layout(bert(), Options()), "m"), fragment)
    tab.page.locator("#m input").fill("30522")
    assert tab.page.locator("#m output").inner_text() == "3 of 27 rows"


@pytest.mark.parametrize("identifier", [f"{QUERY}.lora_A", "m.bert.encoder.layer.7.attention.self.value"])
def test_a_link_opens_what_is_above_its_row_and_unfolds_what_hides_it(identifier, tab):
    tab.open_trees(to_html(layout(bert(lora=True), Options(open=0)), "m"), f"#{identifier}")
    assert row(tab, identifier).is_visible()


def test_the_keyboard_does_it_all(lora):
    press = lora.page.keyboard.press
    row(lora, QUERY).focus()
    for key, text in [
        ("ArrowDown", "base_layer (Linear) weight:[768, 768] bias:[768]"),
        ("ArrowLeft", "query,value (Linear)"),
        ("ArrowLeft", "query,value (Linear)"),
        ("ArrowDown", "key (Linear) weight:[768, 768] bias:[768]"),
        ("ArrowUp", "query,value (Linear)"),
        ("m", "⋯"),
    ]:
        press(key)
        assert focused(lora) == text
    press("Enter")
    press("Tab")
    press("Enter")
    assert copied(lora) == "bert.encoder.layer[0].attention.self.query"
    press("Escape")
    assert focused(lora) == "query,value (Linear)"


def test_hostile_names_stay_text(tab):
    model = Model((*hostile().modules, *large(10).modules[1:]))
    tab.open_trees(to_html(layout(model, Options()), "m"))
    tab.page.locator("input").fill("onerror")
    do(tab, tab.page.locator(".bmvis-tree li li").first.get_attribute("id"), "key")
    assert copied(tab) == HOSTILE
    assert tab.page.evaluate("window.hacked") is None


def test_nothing_moves_when_the_tools_come(tab):
    tab.open_trees(to_html(layout(bert(), Options()), "m"))
    place = "document.querySelector('.bmvis-tree').getBoundingClientRect().top"
    with_tools = tab.page.evaluate(place)
    tab.page.evaluate("document.querySelector('.bmvis-tools').remove()")
    assert abs(tab.page.evaluate(place) - with_tools) < 1


def test_a_tree_that_arrives_later_gets_its_tools(tab):
    """Material and Zensical put the next page's content into the same document and tell `document$`."""
    tab.page.add_init_script("window.document$ = { subscribe(act) { this.act = act; } }")
    tab.open_trees("<p>Another page.</p>")
    tab.page.evaluate(
        "(html) => { document.querySelector('main').innerHTML = html; document$.act(); document$.act(); }",
        to_html(layout(bert(), Options()), "m"),
    )
    assert tab.page.locator(".bmvis-tools").count() == 1


def test_a_filter_of_ten_thousand_rows_is_as_quick_as_one_of_a_plain_list(tab):
    tab.open_trees(to_html(layout(large(10_000), Options(open=9)), "m"))
    ours, plain = tab.page.evaluate(MEASURE)
    assert ours < 4 * plain + 16, f"{ours:.0f} ms, a plain list {plain:.0f} ms"


@pytest.fixture(autouse=True)
def nothing_breaks_the_content_security_policy(tab):
    yield
    assert tab.errors == []
