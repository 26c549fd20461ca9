"""Accessibility of trees: browser and system settings, zoom, direction of text, and print."""

import shutil
import subprocess

import pytest
from contrast import faint
from trees import bert, page, tensor

from bmvis.model.tree import Model, Module
from bmvis.options.definitions import Options
from bmvis.render.html.tree import row_id, to_html
from bmvis.view.layout import layout

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("tab", [{"java_script_enabled": False}], indirect=True, ids=["no-scripts"])
def test_tree_without_scripts_folds_by_pointer_and_keyboard(tab):
    tab.open_trees(page())
    leaf = tab.page.locator('[id="lora.bert.encoder.layer.0.output.dense"] > div')
    encoder = tab.page.locator('[id="lora.bert.encoder"] > details > summary')
    assert leaf.inner_text().split("\n") == ["dense (Linear) weight:[768, 3072] bias:[768]", "2.4M"]
    encoder.click()
    assert not leaf.is_visible()
    encoder.press("Enter")
    assert leaf.is_visible()
    assert not tab.page.locator(".bmvis :is(input, button)").count()
    totals, tree = (tab.page.locator(f"#lora > {part}").bounding_box() for part in (".bmvis-totals", ".bmvis-tree"))
    assert tree["y"] - totals["y"] - totals["height"] < 12  # no space is reserved for a toolbar


NAMES = """\
- figure "Structure of BertForMaskedLM":
  - searchbox "Filter rows"
  - group "Levels":
    - button "Collapse all": −
    - button "Open to level 1"
    - button "Expand all" [pressed]: +
  - group "Legend":
    - text: name (type)
    - button "frozen"
    - button "delta"
    - button "repeated"
    - button "tied"
"""


def test_screen_readers_get_each_name_once(tab):
    tab.show_trees(to_html(layout(bert(lora=True), Options()), "m"))
    playwright = pytest.importorskip("playwright.sync_api")
    playwright.expect(tab.page.locator("#m")).to_match_aria_snapshot(NAMES)
    heard = tab.page.locator("#m").aria_snapshot()
    assert "text: 0-11 , 12 times (BertLayer)" in heard
    assert "word_embeddings (Embedding) weight:[30522, 768] (frozen)" in heard
    assert 'link "tied to cls.predictions.decoder.weight"' in heard
    assert "default (Linear) delta weight:[8, 768]" in heard
    assert "delta delta" not in heard


def test_toolbar_fits_a_phone_with_the_count(tab):
    tab.page.set_viewport_size({"width": 380, "height": 700})
    tab.show_trees(to_html(layout(bert(lora=True), Options()), "m"))
    tab.page.locator("#m [type=search]").fill("dense")
    field, count, levels = (
        tab.page.locator(f"#m .bmvis-tools > {part}").bounding_box() for part in ("input", "output", "span")
    )
    assert field["width"] > 70
    assert count["width"] > 70
    assert levels["x"] + levels["width"] <= 372


def test_custom_properties_of_a_site_set_the_colors(tab):
    tab.open_trees(page())
    color = "getComputedStyle(document.querySelector('#bert .bmvis-tree i')).color"
    before = tab.page.evaluate(color)
    tab.page.evaluate("document.documentElement.style.setProperty('--bmvis-type', 'rgb(1, 2, 3)')")
    assert before != tab.page.evaluate(color) == "rgb(1, 2, 3)"


@pytest.mark.parametrize("system", [pytest.param("light", marks=pytest.mark.builds), "dark"])
def test_forced_colors_keep_every_mark_visible(system, tab):
    """The system replaces colors, backgrounds and shadows, so marks use system colors and borders."""
    tab.page.emulate_media(forced_colors="active", color_scheme=system)
    tab.open_trees(page())
    row = tab.page.locator('[id="bert.bert.encoder"] > details > summary')
    row.hover()
    tab.page.locator(".bmvis-opener").click()
    tab.page.locator(".bmvis-menu [data-do=pick]").click()
    tab.page.locator("#bert [type=search]").fill("encoder")

    style = "([selector, pseudo, property]) => getComputedStyle(document.querySelector(selector), pseudo)[property]"
    looks = {
        what: tab.page.evaluate(style, question)
        for what, question in {
            "bar": ["#bert data", "::after", "backgroundImage"],
            "badge": [".bmvis-x", "::after", "outlineStyle"],
            "hit": [".bmvis-hit b", None, "backgroundColor"],
            "page": ["body", None, "backgroundColor"],
            "picked": [".bmvis-picked", None, "outlineStyle"],
        }.items()
    }
    assert "gradient" in looks["bar"]
    assert looks["badge"] == looks["picked"] == "solid"
    assert looks["hit"] != looks["page"]
    tab.page.evaluate("document.documentElement.style.backgroundColor = 'Canvas'")
    assert faint(tab.page) == {}


def test_print_shows_folded_rows_dark_on_light_without_toolbar(tab):
    tab.open_trees(page())
    tab.page.evaluate("document.body.dataset.theme = 'dark'")
    tab.page.locator("#lora [data-level='0']").click()
    folded = tab.page.locator('[id="lora.bert.encoder.layer.0.output.dense"] > div')
    assert not folded.is_visible()
    tab.page.emulate_media(media="print")
    assert folded.is_visible()
    assert tab.page.locator(".bmvis-tools").count()
    assert (
        tab.page.locator(
            ".bmvis :is(.bmvis-tools, .bmvis-picks, .bmvis-opener, .bmvis-menu, .bmvis-check) >> visible=true"
        ).count()
        == 0
    )
    tab.page.evaluate("document.documentElement.style.backgroundColor = '#fff'")
    assert faint(tab.page) == {}


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="Poppler is not installed: .ci/checkers")
def test_no_printed_page_ends_with_a_heading_of_a_tree(tab, tmp_path):
    tab.open_trees(f"<div></div><h2>The encoder</h2>{to_html(layout(bert(), Options()), 'm')}")
    for height in range(790, 900, 12):
        tab.page.evaluate("height => document.querySelector('main > div').style.height = `${height}px`", height)
        tab.page.pdf(path=tmp_path / "page.pdf", format="A4")
        text = subprocess.run(["pdftotext", tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True)
        first, second = text.stdout.split("\f")[:2]
        assert ("The encoder" in first) == ("share" in first) == ("embeddings" in first), height
        assert "encoder" in second


def test_right_to_left_page_keeps_rows_left_to_right(tab):
    tab.open_trees(to_html(layout(bert(), Options(caption="מבנה המודל")), "m"))
    tab.page.evaluate("document.documentElement.dir = 'rtl'")
    lefts = """(selectors) => {
      const row = document.querySelector('[id="m.bert.embeddings.LayerNorm"] > div');
      const letters = [...row.querySelectorAll("b, i, .bmvis-p")].flatMap((word) => {
        const range = document.createRange(), text = word.firstChild;
        return [...text.data].map((_, at) => {
          range.setStart(text, at);
          range.setEnd(text, at + 1);
          return range.getBoundingClientRect().left;
        });
      });
      return [...letters, row.querySelector("data").getBoundingClientRect().left];
    }"""
    found = tab.page.evaluate(lefts)
    assert found == sorted(found)
    assert tab.page.evaluate("getComputedStyle(document.querySelector('.bmvis-caption')).direction") == "rtl"


@pytest.mark.parametrize("name", ["\u202ereversed", "שלום", "\u2067a"], ids=["override", "Hebrew", "isolate"])
def test_right_to_left_name_does_not_reorder_its_row(name, tab):
    module = Module(name, 1, name, parameters=(tensor("weight", 3, trainable=False), tensor("bias", 3)))
    tab.show_trees(to_html(layout(Model((Module("", 0, "M"), module)), Options()), "m"))
    parts = tab.page.locator(f'[id="{row_id("m", name)}"] > div').locator("b, i, .bmvis-p")
    left = [parts.nth(place).bounding_box()["x"] for place in range(parts.count())]
    assert len(left) == 4
    assert left == sorted(left)


@pytest.mark.parametrize("zoom", [2, 4])
def test_zoomed_page_scrolls_in_one_direction_only(zoom, tab):
    """Apply WCAG's reflow criterion: a window of 1280 pixels at 400 % is 320 wide."""
    tab.page.set_viewport_size({"width": 1280 // zoom, "height": 900 // zoom})
    tab.open_trees(page())
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cut = """() => [...document.querySelectorAll(".bmvis-tree, .bmvis-legend, .bmvis-totals, .bmvis-tools")]
      .filter((part) => part.scrollWidth > part.clientWidth + 1)
      .map((part) => part.parentElement.id + part.className)"""
    assert tab.page.evaluate(cut) == []


@pytest.mark.parametrize("width", [180, 240, 310, 420, 560])
def test_tree_in_a_card_of_a_wide_page_shows_each_count(width, tab):
    """Cards and sidebars are narrow on wide pages too."""
    layer = Module("fc", 3, "Linear", parameters=(tensor("weight", 512, 2048),))
    blocks = [one for name in "01" for one in (Module(name, 2, "Block"), layer)]
    model = Model((Module("", 0, "Net"), Module("blocks", 1, "ModuleList"), *blocks))
    tab.show_trees(to_html(layout(model, Options()), "m"))
    tab.page.evaluate("(width) => { document.querySelector('.bmvis').style.width = `${width}px` }", width)
    counts = """() => [...document.querySelectorAll(".bmvis-tree data")].map((count) => {
      const [inner, outer] = [count, count.closest(".bmvis-tree")].map((part) => part.getBoundingClientRect());
      return [count.innerText, inner.left >= outer.left && inner.right <= outer.right];
    })"""
    found = tab.page.evaluate(counts)
    assert len(found) == 4
    assert [text for text, is_whole in found if not is_whole] == []
    covered = """() => [...document.querySelectorAll(".bmvis-tree data > span")].flatMap((count) => {
      const box = count.getBoundingClientRect();
      const words = [...count.closest("summary, div").querySelectorAll("b, i, .bmvis-p")];
      return words.filter((word) => [...word.getClientRects()].some((line) => line.right > box.left
        && line.left < box.right && line.bottom > box.top + 4 && line.top < box.bottom - 4));
    }).map((word) => word.textContent)"""
    assert tab.page.evaluate(covered) == []


def test_rows_of_bert_fit_the_column_of_themes(tab):
    """Use the narrowest column: 688 pixels in Material, Zensical and the book theme."""
    tab.page.set_viewport_size({"width": 704, "height": 900})
    tab.show_trees(to_html(layout(bert(), Options()), "m"))
    assert tab.page.evaluate("document.querySelector('.bmvis').clientWidth") == 688
    tall = """() => [...document.querySelectorAll(".bmvis-tree li > div, .bmvis-tree li > details > summary")]
      .filter((row) => row.clientHeight > 30).map((row) => row.textContent)"""
    assert tab.page.evaluate(tall) == []


def test_map_labels_fit_their_cells_at_any_width(tab):
    tab.show_trees(to_html(layout(bert(), Options(map=True)), "m"))
    outside = """() => [...document.querySelectorAll(".bmvis-map g")].flatMap((cell) => {
      const text = cell.querySelector("text"), box = text?.getBoundingClientRect();
      if (!box?.width) return [];
      return [[text.textContent, box.right <= cell.querySelector("rect").getBoundingClientRect().right]];
    })"""
    shown = {}
    for width in (320, 360, 700, 1280):
        tab.page.set_viewport_size({"width": width, "height": 900})
        found = tab.page.evaluate(outside)
        assert [name for name, fits in found if not fits] == []
        shown[width] = [name for name, _ in found]
    assert {"root", "bert", "encoder"} <= set(shown[360])
    assert len(shown[320]) < len(shown[1280])


@pytest.mark.parametrize(("wish", "seconds"), [("no-preference", "0.12s"), ("reduce", "0s")])
def test_reduced_motion_disables_animation(wish, seconds, tab):
    tab.page.emulate_media(reduced_motion=wish)
    tab.open_trees(page())
    moves = "getComputedStyle(document.querySelector('.bmvis summary'), '::before').transitionDuration"
    assert tab.page.evaluate(moves) == seconds


def test_short_tree_has_no_toolbar(tab):
    tab.show_trees(to_html(layout(bert(), Options(depth=1)), "few") + to_html(layout(bert(), Options()), "many"))
    assert not tab.page.locator("#few :is(input, [data-do=level]) >> visible=true").count()
    assert tab.page.locator("#many :is(input, [data-do=level]) >> visible=true").count()
    gap = """() => document.querySelector("#few .bmvis-tree").getBoundingClientRect().top
      - document.querySelector("#few .bmvis-totals").getBoundingClientRect().bottom"""
    assert tab.page.evaluate(gap) < 12
    tab.page.locator('[id="few.bert"] > div').hover()
    tab.page.locator(".bmvis-opener").click()
    tab.page.locator(".bmvis-menu [data-do=path]").click()
    tab.page.locator("#few output", has_text="copied bert").wait_for()
    assert tab.page.evaluate("navigator.clipboard.readText()") == "bert"
