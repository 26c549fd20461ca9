"""Open rows, marks and names in the HTML of a tree."""

import pytest
from bs4 import BeautifulSoup, Tag
from formats import LAZY, layer, net, terminal
from trees import tensor

from bmvis.model.tree import Change, Model, Module, Parameter
from bmvis.options.definitions import Options
from bmvis.render.html.map import to_map
from bmvis.render.html.tree import FEW_ROWS, LONG_TREE, SHORT_TREE, to_html
from bmvis.view.layout import layout


def drawn(model: Model, **options) -> Tag:
    found = BeautifulSoup(to_html(layout(model, Options(**options)), "m"), "html.parser").select_one("#m")
    assert found is not None
    return found


def nested(rows: int) -> Model:
    """Return a model whose tree has that many rows, four levels of them at the end."""
    wide = (layer(f"n{number}_x", tensor("weight", number + 1)) for number in range(rows - 4))
    deep = (Module("a", 1, "A"), Module("b", 2, "B"), Module("c", 3, "C", parameters=(tensor("w", 2),)))
    return net(*wide, *deep)


def opened(tree: Tag) -> list[str]:
    rows = [details.find_parent("li") for details in tree.select("details[open]")]
    return [str(row["id"]) for row in rows if row]


@pytest.mark.parametrize(
    ("model", "options", "expected"),
    [
        (nested(SHORT_TREE), {}, ["m.", "m.a", "m.a.b"]),
        (nested(SHORT_TREE + 1), {}, ["m.", "m.a"]),
        (nested(SHORT_TREE + 1), {"highlight": ("a.b.c",)}, ["m.", "m.a", "m.a.b"]),
        (nested(9), {"open": 0}, []),
        (nested(9), {"open": 0, "highlight": ("a.b",)}, ["m.", "m.a"]),
        (nested(9), {"open": 2}, ["m.", "m.a"]),
    ],
    ids=["short", "long", "way to a match", "closed", "closed but for the way to a match", "levels"],
)
def test_rows_are_open_up_to_the_level_and_around_matches(model, options, expected):
    assert opened(drawn(model, **options)) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (FEW_ROWS, ["bmvis-tree", "bmvis-few"]),
        (FEW_ROWS + 1, ["bmvis-tree"]),
        (LONG_TREE, ["bmvis-tree"]),
        (LONG_TREE + 1, ["bmvis-tree", "bmvis-long"]),
    ],
)
def test_tree_has_the_class_of_its_length(rows, expected):
    tree = drawn(nested(rows)).select_one(".bmvis-tree")
    assert tree is not None
    assert tree["class"] == expected
    assert len(tree.select("li")) == rows


@pytest.mark.parametrize(
    ("facts", "has_id"),
    [
        ({}, True),
        ({"change": Change("removed")}, False),
        ({"change": Change("added")}, True),
        ({"common": "virtual"}, False),
    ],
    ids=["plain", "removed", "added", "virtual"],
)
def test_only_modules_of_the_model_have_an_id(facts, has_id):
    assert bool(drawn(net(layer(**facts))).select('[id="m.fc"]')) == has_id


@pytest.mark.parametrize(
    ("options", "label", "labelledby"),
    [
        ({}, "Structure of Net", None),
        ({"caption": "C"}, None, "m-caption"),
        ({"alt": "A"}, "A", None),
        ({"alt": "A", "caption": "C"}, "A", None),
    ],
)
def test_accessible_name_is_the_option_alt_or_the_caption(options, label, labelledby):
    tree = drawn(net(layer()), **options)
    assert (tree.get("aria-label"), tree.get("aria-labelledby")) == (label, labelledby)
    caption = tree.select_one(".bmvis-caption")
    assert (caption["id"] if caption else None) == ("m-caption" if "caption" in options else None)


def test_marks_have_words_for_wide_pages():
    blocks = [layer("layer1", tensor("w", 9)), layer("layer2", tensor("w", 9, trainable=False))]
    tied = layer("head", tensor("w", 9, tied_to="layer1.w", trainable=False))
    page = drawn(net(*blocks, tied))
    assert [(mark["class"][-1], mark["data-w"]) for mark in page.select(".bmvis-tree [data-w]")] == [
        ("bmvis-frozen", "frozen"),
        ("bmvis-differs", "differs from layer1, where it is trainable"),
        ("bmvis-frozen", "frozen"),
        ("bmvis-tie", "tied"),
        ("bmvis-differs", "differs from layer1, where it is trainable"),
    ]
    assert "bmvis-mixed" in page.select_one(".bmvis-tree")["class"]
    assert "bmvis-mixed" not in drawn(net(blocks[0])).select_one(".bmvis-tree")["class"]


def layer_of(kind: str, size: int) -> Module:
    return Module(kind.lower(), 3, kind, parameters=(tensor("w", size),))


@pytest.mark.parametrize(("name", "word"), [("blocks", "as blocks.0, wider"), ("b" * 60, "differs")])
def test_short_note_is_shown_in_the_row(name, word):
    blocks = [m for n in (1, 2) for m in (Module(str(n - 1), 2, "Block"), *(layer_of(kind, n) for kind in "ABC"))]
    mark = drawn(net(Module(name, 1, "ModuleList"), *blocks)).select_one(".bmvis-tree .bmvis-differs")
    assert mark["data-w"] == word


LONG_TYPE = "GraphModule.__new__.<locals>." + "GraphModuleImpl" * 3


def test_long_type_is_shortened_with_the_whole_in_the_tooltip():
    model = net(Module("a", 1, LONG_TYPE, parameters=(tensor("w", 1),)))
    [kind] = drawn(model).select("li li i")
    assert (kind.get_text(), kind["title"]) == (f"({LONG_TYPE[:32]}…{LONG_TYPE[-15:]})", LONG_TYPE)
    assert LONG_TYPE not in terminal(layout(model, Options()))
    [whole] = drawn(model, whole_names=True).select("li li i")
    assert (whole.get_text(), whole.get("title")) == (f"({LONG_TYPE})", None)


def test_names_that_share_an_entry_can_break_after_commas():
    [shown] = drawn(net(Module("a", 1, "Layer", parameters=(tensor("x,y1", 2, 3),)))).select("li li .bmvis-p")
    assert shown.get_text() == "x,y1:[2, 3]"
    assert shown.decode_contents() == "x,<wbr/>y1:[2, 3]"


def test_smallest_share_has_a_bar():
    shares = [
        count["data-s"] for count in drawn(net(layer("a", tensor("w", 999)), layer("b", tensor("w")))).select("data")
    ]
    assert shares == ["20", "20", "1"]


def test_column_of_counts_has_a_heading_the_total_and_multiples():
    tree = drawn(net(*(layer(str(number), tensor("w", 12_000)) for number in range(3))))
    assert tree.select_one(".bmvis-tree")["data-head"] == "parameters"
    assert tree.select_one("li").get_text().startswith("root (Net)")
    texts = [" ".join(row.get_text().split()) for row in tree.select("summary, li > div")]
    assert texts == ["root (Net) 36K", "0-2 (Linear) w:[12000] 3 × 12K"]
    assert "data-head" not in drawn(net()).select_one(".bmvis-tree").attrs


def test_match_in_a_repeated_block_counts_all_its_modules():
    inner = Module("fc", 2, "Linear", parameters=(tensor("weight", 4, 4),))
    blocks = [m for n in range(3) for m in (Module(str(n), 1, "Block"), inner)]
    marks = drawn(net(*blocks), highlight=("fc",)).select("mark")
    assert [mark.get("data-n") for mark in marks] == ["3"]
    assert [mark.get("data-n") for mark in drawn(net(layer()), highlight=("fc",)).select("mark")] == [None]


@pytest.mark.parametrize(
    ("changed", "plain", "times"), [(1, 0, 1), (2, 0, 1), (2, 1, 2)], ids=["one of one", "all alike", "two of three"]
)
def test_change_of_all_parameters_is_written_once(changed, plain, times):
    change = Change("changed", ("trainable → frozen",))
    parameters = [tensor(f"w{number}", 2, change=change) for number in range(changed)]
    parameters += [tensor(f"v{number}", 2) for number in range(plain)]
    marks = drawn(net(layer("a", *parameters))).select("small.bmvis-changed")
    assert [mark.get_text() for mark in marks] == ["trainable → frozen"] * times


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        (("enc.0", "enc.1"), None),
        (("enc.first", "enc.second"), "enc.first enc.second"),
        (("enc.a b", "enc.second"), None),
    ],
    ids=["same names", "renamed", "a path with a space"],
)
def test_paths_of_a_renamed_repeat_are_there_to_copy(origins, expected):
    model = net(*(layer(str(number), origin=origin) for number, origin in enumerate(origins)))
    name = drawn(model).select_one("b.bmvis-x")
    assert name is not None
    assert name.get("data-p") == expected


@pytest.mark.parametrize(("elements", "is_drawn"), [(2, True), (1, False)])
def test_map_has_no_cell_that_is_too_narrow_to_see(elements, is_drawn):
    model = net(layer("big", tensor("w", 1000 - elements)), layer("small", tensor("w", elements)))
    assert ("small: " in str(to_map(layout(model, Options())))) == is_drawn


def test_note_that_lazy_parameters_are_not_counted_is_text():
    facts = drawn(net(layer("a", tensor("v", 2), LAZY))).select(".bmvis-totals > span")
    assert [(fact.get_text(), fact.get("title")) for fact in facts[2:3]] == [("1 uninitialized, not counted", None)]


def test_row_lists_the_modules_that_the_depth_limit_hides():
    block = (
        Module("self attn", 3, "Attention"),
        layer_at(4, "q", tensor("weight", 2, trainable=False)),
        layer_at(4, "k-v", tensor("weight", 2, trainable=False)),
        layer_at(3, "up", tensor("weight", 2, delta=True), tensor("bias", 2)),
    )
    blocks = [module for name in "012" for module in (Module(name, 2, "Block"), *block)]
    tree = drawn(Model((Module("", 0, "M"), Module("blocks", 1, "ModuleList"), *blocks)), depth=1)
    assert [str(mark["data-below"]).splitlines() for mark in tree.select("small[data-below]")] == [
        [
            "1 0-2 Block",
            "2 self~20~attn Attention",
            "3 q,k~2d~v Linear .weight frozen",
            "2 up Linear .weight .bias trainable delta",
        ]
    ]
    assert not drawn(Model((Module("", 0, "M"), *blocks[:1])), depth=3).select("[data-below]")


def layer_at(depth: int, name: str, *tensors: Parameter) -> Module:
    return Module(name, depth, "Linear", parameters=tensors)


@pytest.mark.parametrize(
    ("rows", "parts"),
    [(SHORT_TREE, ["totals", "tree", "legend"]), (SHORT_TREE + 1, ["totals", "legend", "tree"])],
    ids=["short", "long"],
)
def test_legend_is_above_a_long_tree(rows, parts):
    shown = drawn(nested(rows)).find_all(recursive=False)
    assert [str(part["class"][0]).removeprefix("bmvis-") for part in shown] == parts


def test_direction_controls_of_names_are_shown_as_escapes():
    names = {control: f"a{control}txt" for control in map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))}
    modules = [
        Module(name, 1, f"Net{control}", extra_repr=f"in{control}", parameters=(tensor(f"w{control}", 2),))
        for control, name in names.items()
    ]
    caption = "\u05d0 \u2066BERT\u2069"
    html = to_html(layout(Model((Module("", 0, "M"), *modules)), Options(caption=caption, extra_repr=True)), "m")
    shown = BeautifulSoup(html, "html.parser")
    text = shown.get_text()
    assert set(names).isdisjoint(text.replace(caption, ""))
    assert caption in text
    assert set(names).isdisjoint("".join(str(part["title"]) for part in shown.select("[title]")))
    for control in names:
        escape = f"\\u{ord(control):04x}"
        assert all(f"{word}{escape}" in text for word in ("a", "Net", "in", "w"))
