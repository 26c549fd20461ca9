"""Galleries without a host: lines, patterns, order, names of pages, and thumbnails."""

import re
from xml.etree import ElementTree

import msgspec
import pytest
from markdown import markdown
from trees import bert, linear

from bmvis.errors import FactoryError, OptionError
from bmvis.model.tree import Model, Module, Problem
from bmvis.options.definitions import Options
from bmvis.overviews.cards import THUMBNAIL, arranged, figure_problems, make_card, ordered
from bmvis.overviews.entries import Entry, expand, read_entries
from bmvis.overviews.gallery_options import GalleryOptions, parse_gallery_options
from bmvis.overviews.pages import PlannedPage, markdown_escaped, model_pages, page_names
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


def test_lines_have_priority_over_patterns():
    lines = (Entry("zoo:*", tags=("text",)), Entry("zoo:bert", "BERT"))
    assert list(expand(lines, lambda _: ["zoo:bert", "zoo:gpt"])) == [
        Entry("zoo:gpt", tags=("text",)),
        Entry("zoo:bert", "BERT"),
    ]


def test_lines_can_name_a_model_several_times():
    lines = (Entry("zoo:bert", "BERT"), Entry("zoo:bert", "BERT, second weights"), Entry("zoo:bert", "BERT"))
    assert list(expand(lines, lambda _: [])) == list(lines[:2])
    [page] = model_pages("index", "zoo", lines, lambda _: []).pages
    assert page == PlannedPage("zoo/zoo.bert", lines[0])


SMALL = Model((Module("", 0, "Small"), linear("a", 1, 2, 2)))


def cards(**columns):
    """Return cards of models `a`, `b`, … with the values of each column, in the order of the models."""
    count = max(map(len, columns.values()))
    rows = [tuple((name, values[index]) for name, values in columns.items() if values[index]) for index in range(count)]
    return [make_card(Entry(f"zoo:{chr(97 + index)}", values=row), SMALL) for index, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [("parameters", "A small b"), ("parameters ascending", "small A b"), ("size", "A small b"), ("name", "A b small")],
)
def test_sizes_order_cards_and_failures_come_last(sort, expected):
    found = [
        make_card(Entry("zoo:b"), FactoryError("no")),
        make_card(Entry("zoo:small"), SMALL),
        make_card(Entry("zoo:A"), bert()),
    ]
    options = parse_gallery_options({"sort": sort})
    assert " ".join(card.entry.shown for card in ordered(found, options.sort)) == expected


@pytest.mark.parametrize(
    ("sort", "values", "expected"),
    [
        ("mAP", ["9.5", "", "53.1", "10"], "cdab"),
        ("mAP ascending", ["9.5", "", "53.1", "10"], "adcb"),
        ("latency", ["2.3 ms", "1,200 ms", "-1 ms"], "bac"),
        ("license", ["mit", "", "Apache", "2-clause"], "dcab"),
        ("Top 1 descending", ["a", "c", "b"], "bca"),
        ("given", ["2", "3", "1"], "abc"),
    ],
    ids=["numbers", "ascending", "units", "text", "spaces-in-the-name", "as-listed"],
)
def test_columns_of_their_own_order_cards(sort, values, expected):
    options = parse_gallery_options({"sort": sort})
    found = ordered(cards(**{options.sort.column or "mAP": values}), options.sort)
    assert "".join(card.entry.shown for card in found) == expected


def test_sort_by_a_column_that_no_model_has_is_an_error():
    with pytest.raises(OptionError, match=r"no model has the column 'maP' \(did you mean 'mAP'\?\)"):
        ordered(cards(mAP=["1", "2"]), parse_gallery_options({"sort": "maP"}).sort)


def test_columns_select_and_order_those_of_cards_also_if_another_sorts():
    found = cards(mAP=["1", "3", "2"], latency=["5 ms", "", ""], paper=["x", "y", ""])
    options = parse_gallery_options({"sort": "mAP", "columns": "paper,  latency"})
    assert [card.entry.columns for card in arranged(found, options)] == [
        (("paper", "y"),),
        (),
        (("paper", "x"), ("latency", "5 ms")),
    ]
    assert arranged([], options) == []


@pytest.mark.parametrize(
    ("columns", "hint"),
    [("maP", "did you mean 'mAP'?"), ("parameters", "known: mAP")],
)
def test_column_that_no_model_has_is_an_error(columns, hint):
    with pytest.raises(OptionError, match=re.escape(f"no model has the column {columns!r} ({hint})")):
        arranged(cards(mAP=["1"]), parse_gallery_options({"columns": columns}))


def test_value_that_is_a_link_is_one_on_cards():
    gallery = drawn(cards(paper=["[Ours](https://example.org/a)", "https://example.org/b", "<b>"]))
    cells = gallery.findall(".//dd")
    assert [(cell.findtext("a"), cell.find("a").get("href")) for cell in cells[:2]] == [
        ("Ours", "https://example.org/a"),
        ("example.org/b", "https://example.org/b"),
    ]
    assert cells[2].text == "<b>"


def drawn(found, **written):
    return ElementTree.fromstring(to_cards(found, "g", parse_gallery_options(written)))


def test_groups_have_headings_in_the_order_of_the_tags():
    lines = [("a", ("text", "large")), ("b", ()), ("c", ("image",)), ("d", ("text",))]
    found = [make_card(Entry(f"zoo:{name}", tags=tags), SMALL) for name, tags in lines]
    groups = {
        "".join(group.find("p").itertext()): ["".join(title.itertext()) for title in group.findall("ul/li/p[1]")]
        for group in drawn(found, group="").iter("div")
        if group.get("class") == "bmvis-group"
    }
    assert groups == {"text": ["a", "d"], "image": ["c"], "Other": ["b"]}
    assert not drawn(found).findall(".//*[@role='heading']")


def test_table_view_has_a_heading_and_a_value_for_each_column():
    root = drawn(cards(mAP=["1", "2"], speed=["", "2 ms"]), view="table")
    assert "bmvis-as-table" in root.get("class")
    heads = [head.text for head in root.findall(".//p[@class='bmvis-heads']/span")]
    assert heads == [None, "Model", "Type", "Parameters", "mAP", "speed", "Tags"]
    assert [[cell.text for cell in card.iter("dd")] for card in root.iter("li")] == [["1", "–"], ["2", "2 ms"]]
    assert "bmvis-as-table" not in drawn(cards(mAP=["1"])).get("class")


def stack(blocks, width):
    layers = [linear(f"layers.{index}", 2, width, width) for index in range(blocks)]
    return Model((Module("", 0, "Net"), linear("head", 1, width, 9), Module("layers", 1, "ModuleList"), *layers))


def test_thumbnails_of_one_family_differ_in_blocks_and_width():
    def outlines(*models):
        found = [make_card(Entry(f"zoo:{index}"), model) for index, model in enumerate(models)]
        return ["".join(path.get("d") for path in card.iter("path")) for card in drawn(found).iter("li")]

    small, deep, wide = outlines(stack(4, 20), stack(8, 20), stack(4, 40))
    assert [path.count("v24M") + path.endswith("v24") for path in (small, deep, wide)] == [3, 7, 3]
    ends = [max(float(x) for x in re.findall(r"M([\d.]+) ", path)) for path in (small, wide)]
    assert ends[0] < ends[1] < 1000
    assert outlines(stack(4, 20)) != [small]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("BertForMaskedLM", "Bert For Masked LM"),
        ("T5EncoderModel", "T5 Encoder Model"),
        ("torch.nn.Linear_8bit", "torch. nn. Linear_ 8bit"),
        ("resnet", "resnet"),
        ("VGG", "VGG"),
    ],
)
def test_type_names_break_between_their_words(name, parts):
    [kind] = drawn([make_card(Entry("zoo:a"), Model((Module("", 0, name), linear("a", 1, 2, 2))))]).iter("i")
    assert [word.text for word in kind] == parts.split()


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


@pytest.mark.parametrize(("option", "value"), [("sort", ""), ("view", "list"), ("thumbnail", "photo"), ("group", "x")])
def test_invalid_option_is_rejected(option, value):
    with pytest.raises(OptionError, match=f"for option '{option}'|option '{option}'"):
        parse_gallery_options({option: value})


@pytest.mark.parametrize("text", ["A & <b>", r"a\_b *c* `d`", "~x~ $y$ | [z](w) #1", "::: note"])
def test_escaped_titles_read_as_written(text):
    html = markdown(f"# {markdown_escaped(text)}")
    assert ElementTree.fromstring(html).text == text


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
