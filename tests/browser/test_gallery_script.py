"""The script of galleries: filter, tags and order, by pointer and keyboard."""

import pytest
from trees import bert, linear

from bmvis.errors import FactoryError
from bmvis.model.tree import Model, Module
from bmvis.overviews.cards import make_card
from bmvis.overviews.entries import Entry
from bmvis.overviews.gallery_options import GalleryOptions, parse_gallery_options
from bmvis.render.html import assets
from bmvis.render.html.cards import to_cards

pytestmark = pytest.mark.browser

SMALL = Model((Module("", 0, "Small"), linear("a", 1, 2, 2)))
CARDS = [
    make_card(Entry("zoo:small", "Small", ("image",)), SMALL, "small.html"),
    make_card(Entry("zoo:bert", "BERT", ("text", "encoder")), bert(), "bert.html"),
    make_card(Entry("zoo:broken", "Broken", ("text",)), FactoryError("no weights")),
]
SHOWN = "cards => cards.map((card) => card.querySelector('.bmvis-card-title').textContent)"


def open_cards(tab, cards: str):
    scripts = assets.inline(assets.GALLERY)
    tab.open_html(f"<!doctype html><body>{assets.inline_stylesheets()}{scripts}{cards}</body>")
    return tab.page


@pytest.fixture
def page(tab):
    cards = to_cards(CARDS, "gallery", GalleryOptions())
    return open_cards(tab, cards)


def shown(page) -> list[str]:
    return page.eval_on_selector_all(".bmvis-card:not([hidden])", SHOWN)


def test_filter_of_cards_reports_the_count(page):
    page.get_by_label("Filter models").fill("bertfor masked")
    assert shown(page) == ["BERT"]
    assert page.inner_text("output") == "1 of 3"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("bert*masked", ["BERT"]),
        ('"zoo:bert",', ["BERT"]),
        ("zoo:", ["Small", "BERT", "Broken"]),
        ("encoder", ["BERT"]),
        ("no weights", ["Broken"]),
    ],
)
def test_filter_matches_texts_tags_and_references(page, typed, expected):
    page.get_by_label("Filter models").fill(typed)
    assert shown(page) == expected
    assert page.locator(".bmvis-hit").count() == len(expected)


def test_enter_steps_through_the_matching_cards_and_escape_clears(page):
    field = page.get_by_label("Filter models")
    field.fill("e")
    current = page.locator(".bmvis-current .bmvis-card-title")
    for key, title, count in [
        ("Enter", "Small", "1 of 3"),
        ("Enter", "BERT", "2 of 3"),
        ("Shift+Enter", "Small", "1 of 3"),
        ("Shift+Enter", "Broken", "3 of 3"),
    ]:
        field.press(key)
        assert (current.inner_text(), page.inner_text("output")) == (title, count)
    field.press("Escape")
    assert not page.locator(".bmvis-current, .bmvis-hit").count()
    assert page.inner_text("output") == ""


def test_filter_without_match_keeps_height_and_offers_to_clear(page):
    height = "document.querySelector('.bmvis-gallery').offsetHeight"
    before = page.evaluate(height)
    page.get_by_label("Filter models").fill("<b>nothing</b>")
    page.get_by_role("button", name="text").click()
    assert page.evaluate(height) == pytest.approx(before, abs=2)
    assert "No model matches “<b>nothing</b>, text”." in page.locator(".bmvis-nothing").inner_text()
    page.get_by_role("button", name="Clear the filter").click()
    assert len(shown(page)) == 3
    assert not page.locator(".bmvis-nothing").is_visible()
    assert page.evaluate("document.activeElement.type") == "search"


def test_tags_are_picked_by_keyboard(page):
    page.get_by_role("button", name="text").focus()
    page.keyboard.press("Enter")
    assert shown(page) == ["BERT", "Broken"]
    assert page.get_by_role("button", name="text", pressed=True).count() == 1
    page.keyboard.press("Space")
    assert len(shown(page)) == 3


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("by name", ["BERT", "Broken", "Small"]),
        ("largest first", ["BERT", "Small", "Broken"]),
        ("smallest first", ["Small", "BERT", "Broken"]),
    ],
)
def test_order_button_sorts_and_restores(page, order, expected):
    page.get_by_label("Order of the models").select_option(order)
    assert shown(page) == expected
    page.get_by_label("Order of the models").select_option("as listed")
    assert shown(page) == ["Small", "BERT", "Broken"]


def test_gallery_added_later_gets_its_tools(page):
    page.evaluate("document.body.append(document.querySelector('.bmvis-gallery').cloneNode(true))")
    page.evaluate("document.body.lastChild.querySelector('.bmvis-shelf').remove()")
    page.wait_for_function("document.querySelectorAll('.bmvis-shelf').length === 2")


@pytest.fixture
def grouped(tab):
    entries = [Entry("zoo:a", "A", ("text",)), Entry("zoo:b", "B", ("image",)), Entry("zoo:c", "C", ("text",))]
    found = [make_card(entry, bert() if entry.title == "C" else SMALL) for entry in entries]
    cards = to_cards(found, "gallery", parse_gallery_options({"group": ""}))
    return open_cards(tab, cards)


def test_groups_are_sorted_and_filtered_each(grouped):
    assert shown(grouped) == ["A", "C", "B"]
    grouped.get_by_label("Order of the models").select_option("largest first")
    assert shown(grouped) == ["C", "A", "B"]
    grouped.get_by_label("Filter models").fill("zoo:b")
    headings = grouped.get_by_role("heading")
    assert headings.all_inner_texts() == ["image"]
    grouped.get_by_label("Filter models").press("Escape")
    assert headings.all_inner_texts() == ["text", "image"]


def test_table_view_has_a_line_for_each_model_and_is_left_again(page):
    view = page.get_by_role("button", name="Table")
    assert not page.get_by_text("Parameters", exact=True).is_visible()
    view.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("Parameters", exact=True).is_visible()
    lefts = "titles => titles.map((title) => Math.round(title.getBoundingClientRect().x))"
    assert len(set(page.eval_on_selector_all(".bmvis-card-title", lefts))) == 1
    assert len(shown(page)) == 3
    page.keyboard.press("Space")
    assert not page.get_by_text("Parameters", exact=True).is_visible()
    assert page.get_by_role("button", name="Table", pressed=False).count() == 1


def test_cards_are_sorted_by_columns_of_their_own(tab):
    entries = [
        Entry("zoo:a", "A", values=(("mAP", "9.5"), ("license", "MIT"))),
        Entry("zoo:b", "B"),
        Entry("zoo:c", "C", values=(("mAP", "53.1"), ("latency", "1,200 ms"))),
        Entry("zoo:d", "D", values=(("mAP", "10"),)),
    ]
    cards = to_cards([make_card(entry, SMALL) for entry in entries], "gallery", GalleryOptions())
    page = open_cards(tab, cards)
    order = page.get_by_label("Order of the models")
    assert [text for text in order.locator("option").all_inner_texts() if ", " in text] == [
        "mAP, highest first",
        "mAP, lowest first",
        "latency, highest first",
        "latency, lowest first",
    ]
    order.select_option("mAP, highest first")
    assert shown(page) == ["C", "D", "A", "B"]
    order.select_option("mAP, lowest first")
    assert shown(page) == ["A", "D", "C", "B"]
    page.get_by_label("Filter models").fill("MIT")
    assert shown(page) == ["A"]
