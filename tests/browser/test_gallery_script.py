"""The script of galleries: filter, tags and order, by pointer and keyboard."""

import pytest
from trees import bert, linear

from bmvis.errors import FactoryError
from bmvis.gallery import Entry, GalleryOptions, make_card
from bmvis.model.tree import Model, Module
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


@pytest.fixture
def page(browser):
    tab = browser.new_page()
    cards = to_cards(CARDS, "gallery", GalleryOptions())
    tab.set_content(f"<!doctype html><body>{assets.inline_stylesheets()}{assets.inline_gallery()}{cards}</body>")
    yield tab
    tab.close()


def shown(page) -> list[str]:
    return page.eval_on_selector_all(".bmvis-card:not([hidden])", SHOWN)


def test_filter_of_cards_reports_the_count(page):
    page.get_by_label("Filter models").fill("bertfor masked")
    assert shown(page) == ["BERT"]
    assert page.inner_text("output") == "1 of 3"


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
