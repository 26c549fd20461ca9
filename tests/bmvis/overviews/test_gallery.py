"""Galleries without a host: lines, patterns, order, names of pages, and thumbnails."""

from xml.etree import ElementTree

import msgspec
import pytest
from trees import bert, linear

from bmvis.errors import FactoryError
from bmvis.model.tree import Model, Module, Problem
from bmvis.options.definitions import Options
from bmvis.overviews.gallery import (
    THUMBNAIL,
    Entry,
    GalleryOptions,
    expand,
    figure_problems,
    make_card,
    ordered,
    page_names,
    parse_gallery_options,
    read_entries,
)
from bmvis.render.html.cards import to_cards
from bmvis.render.html.map import to_thumbnail
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("zoo:bert", Entry("zoo:bert")),
        ("zoo:bert | BERT | text, encoder", Entry("zoo:bert", "BERT", ("text", "encoder"))),
        ("zoo:bert | | text", Entry("zoo:bert", "", ("text",))),
        ("zoo:bert(kind='a|b') | A or B |", Entry("zoo:bert(kind='a|b')", "A or B")),
    ],
    ids=["reference", "whole", "no-title", "bar-in-a-literal"],
)
def test_gallery_line_has_reference_title_and_tags(line, entry):
    assert read_entries([(line, ""), ("", ""), ("  # later", "")]) == (entry,)


def test_gallery_without_lines_has_all_names():
    assert read_entries([], "index.rst:3") == (Entry("*", location="index.rst:3"),)


def test_pattern_expands_once_and_keeps_its_tags():
    lines = (Entry("zoo:bert", "BERT"), Entry("zoo:*", tags=("text",)))
    assert list(expand(lines, lambda _: ["zoo:bert", "zoo:gpt"])) == [
        Entry("zoo:bert", "BERT"),
        Entry("zoo:gpt", tags=("text",)),
    ]


def test_sizes_order_cards_and_failures_come_last():
    small = Model((Module("", 0, "Small"), linear("a", 1, 2, 2)))
    cards = [
        make_card(Entry("zoo:b"), FactoryError("no")),
        make_card(Entry("zoo:small"), small),
        make_card(Entry("zoo:A"), bert()),
    ]
    assert [card.entry.shown for card in ordered(cards, "parameters")] == ["A", "small", "b"]
    assert [card.entry.shown for card in ordered(cards, "name")] == ["A", "b", "small"]


def test_page_names_are_unique():
    references = ["zoo:bert", "zoo:Bert", "zoo:bert(2)", "zoo:bert[2]", "name", "zoo:b(p='../../x')"]
    names = page_names(map(Entry, references))
    assert list(names) == references
    assert list(names.values())[:2] == ["zoo.bert", "zoo.Bert-2"]
    assert len({name.casefold() for name in names.values()}) == len(references)
    assert not any("/" in name for name in names.values())


def test_page_name_of_a_reference_with_arguments_is_made_from_the_title():
    entries = [
        Entry("zoo:a(x=1)", "BERT, with LoRA (r=8)"),
        Entry("zoo:b(1)", "Index"),
        Entry("zoo:c()", "?"),
        Entry("zoo:d(2)"),
        Entry("zoo:e", "Title"),
    ]
    assert list(page_names(entries).values()) == ["bert-with-lora-r-8", "index-2", "model", "zoo.d-2", "zoo.e"]


@pytest.mark.parametrize(
    ("pattern", "reference", "title"),
    [
        ("zoo:*", "zoo:bert", ""),
        ("bert-*", "bert-base", ""),
        ("zoo:*(weights=None)", "zoo:bert(weights=None)", "bert"),
        ("zoo:MODELS[*]", "zoo:MODELS['small net']", "small net"),
        ("zoo:NETS[*](2)", "zoo:NETS[0](2)", "0"),
        ("zoo:build(*names(), weights=None)", "zoo:build('resnet18', weights=None)", "resnet18"),
    ],
)
def test_model_of_a_pattern_has_a_title_without_what_all_have(pattern, reference, title):
    [found] = expand([Entry(pattern, "ignored")], lambda _: [reference])
    assert found == Entry(reference, title)


def test_card_is_escaped_and_well_formed():
    hostile = Entry("zoo:x", '<img src=x onerror="alert(1)">', ("<b>",))
    html = to_cards([make_card(hostile, bert()), make_card(hostile, FactoryError("<i>"))], "g", GalleryOptions())
    root = ElementTree.fromstring(html)
    assert len(root.findall(".//li[@class='bmvis-card']")) == 1
    assert not root.findall(".//img")


def test_thumbnail_starts_at_the_first_branch():
    wrapped = Model(
        (
            Module("", 0, "Wrapper"),
            Module("model", 1, "Model"),
            linear("big", 2, 100, 100),
            linear("small", 2, 10, 100),
        )
    )
    drawn = ElementTree.fromstring(to_thumbnail(layout(wrapped, THUMBNAIL)))
    assert drawn.get("aria-label") == "Where the parameters are: model.big 90.2 %, model.small 9.8 %"
    assert drawn[0].get("d").count("M") == 2
    assert "M0 0h" in drawn[0].get("d")


def test_unknown_sort_is_rejected():
    with pytest.raises(Exception, match="expected given, name or parameters"):
        parse_gallery_options({"sort": "size"})


@pytest.mark.parametrize("options", [Options(), Options(caption="A caption")], ids=["plain", "captioned"])
def test_alt_is_the_accessible_name(options):
    options = Options(caption=options.caption, alt="BERT, an encoder")
    root = ElementTree.fromstring(to_html(layout(bert(), options), "m"))
    assert root.get("aria-label") == "BERT, an encoder"
    assert root.get("aria-labelledby") is None


def test_card_shows_the_figure():
    options = parse_gallery_options({"thumbnail": "flow"})
    entry = Entry("zoo:unet", values=(("inputs", "float32[1, 3, 64, 64]"),))
    request = options.request(entry)
    assert (request.figure, request.inputs) == (True, "float32[1, 3, 64, 64]")
    networks = pytest.importorskip("drawn_networks", reason="torch is not installed")
    traced = networks.figures(networks.UNet(), networks.image()).model
    card = make_card(entry, traced, thumbnail=options.thumbnail)
    assert figure_problems(card) == ()
    drawn = ElementTree.fromstring(to_cards([card], "g", options))
    (svg,) = drawn.iter("svg")
    assert svg.get("aria-label", "").startswith("Architecture: inc, down1, down2")
    assert [text.text for text in svg.iter("text")].count("up4") == 1
    assert not [one for one in svg.iter() if one.get("id") or one.get("href")]


def test_card_without_a_figure_shows_the_map_and_a_warning():
    model = msgspec.structs.replace(bert(), undrawn=Problem("it needs inputs"))
    card = make_card(Entry("zoo:bert"), model, thumbnail="flow")
    assert [problem.message for problem in figure_problems(card)] == ["it needs inputs"]
    assert 'class="bmvis-thumbnail"' in to_cards([card], "g", GalleryOptions(thumbnail="flow"))


def test_cards_with_maps_need_no_call():
    request = GalleryOptions().request(Entry("zoo:bert", values=(("inputs", "float32[1]"),)))
    assert (request.figure, request.inputs) == (False, "")
