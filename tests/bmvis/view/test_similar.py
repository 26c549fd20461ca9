"""Blocks that are equal but for sizes share a row with ranges, and every module of it can be restored exactly."""

from collections.abc import Sequence

import msgspec
import pytest
from examples import EXAMPLES
from formats import FORMATS
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import batch_norm, conv, dense_layer, densenet, resnet
from trees import bert, tensor

from bmvis.model.call import Call, Output
from bmvis.model.labels import series_label
from bmvis.model.preorder import module_paths
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Buffer, Model, Module
from bmvis.options.definitions import Options
from bmvis.options.parsing import parse_options, parse_site_options
from bmvis.overviews.cards import make_card
from bmvis.overviews.entries import Entry
from bmvis.render.html.tree import to_html
from bmvis.render.json_data import to_data
from bmvis.render.text import to_text
from bmvis.view.folding import fold, represented_modules
from bmvis.view.layout import layout
from bmvis.view.page import Page
from bmvis.view.row_finder import shown_at
from bmvis.view.similarity import series

SIMILAR = Options(fold="similar")


def lines(model: Model, **options) -> list[str]:
    text = to_text(layout(model, Options(**{"fold": "similar", **options})), marks=False)
    return [line.lstrip("│├└─ ") for line in text.splitlines()]


DENSE_ROWS = [
    "root",
    "features (Sequential)",
    "conv0 (Conv2d) weight:[64, 3, 7, 7]",
    "denseblock1-4 ≈4 (_DenseBlock)",
    "denselayer1-48 ≈6-48 (_DenseLayer)",
    "norm1 (BatchNorm2d) weight:[64-1888] bias:[64-1888]",
    "conv1 (Conv2d) weight:[128, 64-1888, 1, 1]",
    "norm2 (BatchNorm2d) weight:[128] bias:[128]",
    "conv2 (Conv2d) weight:[32, 128, 3, 3]",
]


def test_similar_blocks_share_a_row_with_ranges():
    assert lines(densenet())[:9] == DENSE_ROWS


def test_stages_share_a_row_if_they_differ_in_the_number_of_blocks():
    rows = lines(resnet())
    assert [row for row in rows if "≈" in row] == ["layer1-4 ≈4 (Sequential)", "1-5 ≈2-5 (Bottleneck)"]
    assert "(similar, 2-5 in each: 70.4K-4.5M parameters each)" in to_text(layout(resnet(), SIMILAR))


def test_equal_modules_share_a_row_also_if_only_some_have_names_with_numbers():
    """In a tree in which similar modules share rows, as in other trees."""
    parts = [conv(f"conv{number}", 2, 8, 8) for number in range(3)]
    modules = [Module("", 0, "Net")]
    for name in ("0", "1", "branch"):
        modules += [Module(name, 1, "Block"), *parts]
    page = layout(Model(tuple(modules)), Options(fold="similar"))
    assert [row.names for row in page.rows if row.depth == 1] == [("0", "1", "branch")]


def bottleneck_like(name: str, width: int, is_first: bool) -> list[Module]:
    layers = [conv("a", 3, width, width), batch_norm("b", 3, width), conv("c", 3, 2 * width, width, 3)]
    return [Module(name, 2, "Block"), *layers, *([conv("skip", 3, 2 * width, width)] if is_first else [])]


def stage(name: str, widths: Sequence[int], *parts: Module) -> list[Module]:
    blocks = [block for number, width in enumerate(widths) for block in bottleneck_like(str(number), width, False)]
    return [Module(name, 1, "Stage"), *blocks, *parts]


DOWN = conv("down", 2, 8, 8)


@pytest.mark.parametrize(
    ("last", "rows"),
    [
        (stage("stage2", (3, 3)), ["stage0-2 ≈3 (Stage)", "down ≈0-1 (Conv2d) weight:[8, 8, 1, 1]"]),
        (stage("stage2", (3,)), ["stage0-2 ≈3 (Stage)", "down ≈0-1 (Conv2d) weight:[8, 8, 1, 1]"]),
        (stage("stage2", (3, 3), conv("up", 2, 8, 8)), ["stage0-1 ≈2 (Stage)", "down (Conv2d) weight:[8, 8, 1, 1]"]),
        (stage("other", (3, 3)), ["stage0-1 ≈2 (Stage)", "down (Conv2d) weight:[8, 8, 1, 1]"]),
        ([Module("stage2", 1, "Stage"), DOWN], ["stage0-1 ≈2 (Stage)", "down (Conv2d) weight:[8, 8, 1, 1]"]),
    ],
    ids=["lacks a part", "and blocks", "other part", "other name", "no blocks"],
)
def test_stages_share_a_row_if_some_lack_a_part(last, rows):
    model = Model((Module("", 0, "Net"), *stage("stage0", (1, 1), DOWN), *stage("stage1", (2, 2), DOWN), *last))
    written = lines(model)
    assert rows == [line for line in written if line.startswith(("stage0", "down"))][:2]
    drawn = to_text(layout(model, SIMILAR))
    assert ("(similar, 0-1 in each: 64 parameters each)" in drawn) is ("down ≈0-1" in rows[1])


def test_a_list_that_some_stages_lack_keeps_its_row():
    lists = [Module("down", 2, "ModuleList"), conv("0", 3, 8, 8)]
    modules = (*stage("stage0", (1, 1)), *stage("stage1", (2, 2), *lists), *stage("stage2", (3, 3), *lists))
    assert lines(Model((Module("", 0, "Net"), *modules)))[-2:] == [
        "down ≈0-1 (ModuleList)",
        "0 (Conv2d) weight:[8, 8, 1, 1]",
    ]


def test_a_list_with_one_row_below_is_part_of_its_name():
    lists = [Module("blocks", 1, "ModuleList"), *[m for n in (1, 2) for m in bottleneck_like(f"{n}", n, False)]]
    few = [Module("pair", 1, "ModuleList"), conv("0", 2, 4, 4), conv("1", 2, 4, 3)]
    marked = [Module("marked", 1, "ModuleList"), conv("0", 2, 5, 5)]
    model = Model((Module("", 0, "Net"), *lists, *few, *marked, conv("stem", 1, 3, 3)))
    page = layout(model, Options(fold="similar", highlight=("marked",)))
    assert [(row.depth, row.label, row.path) for row in page.rows] == [
        (0, "root", ""),
        (1, "blocks.1-2", "blocks.1"),
        (2, "a", "blocks.1.a"),
        (2, "b", "blocks.1.b"),
        (2, "c", "blocks.1.c"),
        (1, "pair", "pair"),
        (2, "0", "pair.0"),
        (2, "1", "pair.1"),
        (1, "marked", "marked"),
        (2, "0", "marked.0"),
        (1, "stem", "stem"),
    ]
    assert shown_at(model, page.rows)["blocks.2.a"] == "blocks.1.a"


@pytest.mark.parametrize(
    ("model", "fold", "most"),
    [
        (densenet(), "auto", 45),
        (resnet((3, 8, 36, 3)), "equal", 100),
        (resnet((3, 8, 36, 3)), "auto", 40),
        (bert(), "auto", 60),
    ],
    ids=["densenet", "resnet equal", "resnet", "bert"],
)
def test_rows_of_a_network_fit_a_page(model, fold, most):
    assert len(layout(model, Options(fold=fold)).rows) <= most


def test_a_model_folds_alike_in_tree_card_and_comparison():
    model, base = densenet(), densenet((6, 12, 48, 31))
    pages = [
        layout(model, Options()),
        layout(model, Options(depth=2)),
        layout(model, Options(), base),
        make_card(Entry("zoo:densenet"), model).model,
    ]
    for page in pages:
        assert isinstance(page, Page)
        assert {row.label for row in page.rows} >= {"denseblock1-3" if page.before else "denseblock1-4"}


def test_fold_of_the_site_applies_to_trees_and_cards():
    site = parse_site_options({"fold": "equal"})
    tree = layout(densenet(), parse_options({}, site))
    card = make_card(Entry("zoo:densenet"), densenet(), fold=site.fold).model
    assert isinstance(card, Page)
    assert not any(row.variation for row in (*tree.rows, *card.rows))
    assert any(row.variation for row in layout(densenet(), parse_options({"fold": "auto"}, site)).rows)


def test_fold_equal_keeps_pages_as_they_were(file_regression):
    """The file has the page of the release before the option. It changes only if pages without similar rows do."""
    page = layout(densenet((3, 4, 3)), parse_options({}, parse_site_options({"fold": "equal"})))
    file_regression.check(to_html(page, "m").replace("><", ">\n<"), extension=".html")


@pytest.mark.parametrize(
    ("widths", "note"),
    [
        ((1000, 1001), "differs from blocks.0, where there are 1,004,000 parameters"),
        ((64, 96), "differs from blocks.0, where there are 4,352 parameters"),
        ((64, 65, 66, 96), ""),
    ],
    ids=["written alike", "written apart", "similar rows"],
)
def test_a_note_about_hidden_modules_has_a_number_that_differs(widths, note):
    modules = [Module("", 0, "M"), Module("blocks", 1, "ModuleList")]
    for number, width in enumerate(widths):
        layers = [conv("a", 3, width, width), batch_norm("b", 3, width), batch_norm("c", 3, width)]
        more = [conv("d", 3, 1, 1)] if number >= len(widths) / 2 else []
        modules += [Module(str(number), 2, "Block"), *layers, *more]
    rows = layout(Model(tuple(modules)), Options(fold="similar", depth=2)).rows
    assert [row.differs for row in rows if row.depth == 2] == ["", note]


def test_json_has_each_module_of_a_similar_row_exactly():
    def block(number: int) -> list[Module]:
        mask = Buffer("mask", (number,), "bool", number)
        call = Call(1, 0, (Output("", (1, number)),), 100 * number, 4)
        layers = [conv(name, 3, number, number) for name in "abc"]
        return [Module(str(number), 2, "Block", buffers=(mask,), extra_repr=f"{number}", call=call), *layers]

    model = Model((Module("", 0, "M"), Module("blocks", 1, "ModuleList"), *block(7), *block(9)))
    page = layout(model, Options(fold="similar", buffers=True, extra_repr=True))
    modules = to_data(page, "zoo:net", "meta")["rows"][1]["varies"]["modules"]
    facts = [(one["path"], one["buffers"][0]["shape"], one["extra_repr"], one["flow"]["macs"]) for one in modules]
    assert facts == [("blocks.7", (7,), "7", (700, 700)), ("blocks.9", (9,), "9", (900, 900))]
    assert "buffers" not in to_data(layout(model, SIMILAR), "zoo:net", "meta")["rows"][1]["varies"]["modules"][0]


def test_auto_is_decided_on_the_whole_model():
    assert [row.label for row in layout(densenet(), Options(fold="auto", depth=2)).rows][3] == "denseblock1-4"
    small = densenet((2, 2))
    assert layout(small, Options(fold="auto")).rows == layout(small, Options(fold="equal")).rows


BLOCK = [m for n, width in enumerate((64, 96), 1) for m in dense_layer(n, 1, width)]


def changed(number: int, **facts) -> list[Module]:
    return [msgspec.structs.replace(m, **facts) if i == number else m for i, m in enumerate(BLOCK)]


@pytest.mark.parametrize(
    ("modules", "rows"),
    [
        (BLOCK, 1),
        (changed(5, type="Other"), 2),
        (changed(5, name="stem"), 2),
        (changed(6, name="other"), 2),
        (changed(7, parameters=(tensor("weight", 128, 96, 1),)), 2),
        (changed(7, parameters=(tensor("weight", 128, 96, 1, 1, trainable=False),)), 2),
        (changed(7, parameters=(tensor("weight", 128, 96, 1, 1, delta=True),)), 2),
        (changed(7, parameters=(msgspec.structs.replace(tensor("weight", 128, 96, 1, 1), dtype="int8"),)), 2),
        (changed(7, parameters=(tensor("weight", 128, 96, 1, 1, quantization="nf4"),)), 2),
        ([conv(f"conv{n}", 1, n, n) for n in range(3)], 3),
        ([conv(f"conv{n}", 1, n, n) for n in range(4)], 1),
        ([conv(name, 1, n, n) for n, name in enumerate("abcd")], 4),
    ],
    ids=[
        "sizes", "type", "name of a series", "name below", "dimensions", "frozen", "delta", "dtype", "quantization",
        "few layers", "many layers", "other names",
    ],
)  # fmt: skip
def test_only_blocks_that_differ_in_sizes_are_similar(modules, rows):
    page = layout(Model((Module("", 0, "M"), *modules)), SIMILAR)
    assert sum(row.depth == 1 for row in page.rows) == rows


def test_highlighted_module_has_its_own_row():
    page = layout(densenet((6, 12)), Options(fold="similar", highlight=("denseblock2.denselayer3.conv1",)))
    assert [row.path for row in page.rows if row.is_match] == ["features.denseblock2.denselayer3.conv1"]
    assert {row.label for row in page.rows} >= {"denselayer1-2,4-12", "denselayer3"}


def test_each_module_is_shown_by_the_row_of_its_block():
    model = resnet()
    shown = shown_at(model, layout(model, SIMILAR).rows)
    assert shown["layer3.4.conv2"] == "layer1.1.conv2"
    assert shown["layer4"] == "layer1"
    assert set(shown) == set(model.paths)


def test_tensors_on_rows_of_their_own_have_ranges():
    rows = layout(densenet((6, 12)), Options(fold="similar", expand_params=True)).rows
    weight = next(row for row in rows if row.path.endswith("denselayer1.conv1.weight"))
    assert weight.counts == (128 * 64, 128 * (128 + 11 * 32))
    assert weight.elements == sum(128 * (64 + 32 * n) for n in range(6)) + sum(128 * (128 + 32 * n) for n in range(12))


# --- Whatever the model: the rows represent every module once, exactly.

WIDTHS = st.integers(1, 3)
BLOCKS = st.lists(st.tuples(WIDTHS, st.booleans(), st.booleans()), min_size=1, max_size=4)
STAGES = st.lists(st.tuples(BLOCKS, st.sampled_from([0, 0, 1, 2])), max_size=4)


@st.composite
def staged(draw) -> Model:
    """Stages of blocks, which have one of two structures and one of few widths; some stages have another part."""
    modules = [Module("", 0, "Net")]
    first = ""
    for stage, (blocks, pooled) in enumerate(draw(STAGES)):
        modules.append(Module(f"stage{stage}", 1, "Stage"))
        for number, (width, is_first, is_tied) in enumerate(blocks):
            block = bottleneck_like(str(number), width, is_first)
            if is_tied and width == 1 and first:
                block[1] = Module("a", 3, "Conv2d", parameters=(tensor("weight", 1, 1, 1, 1, tied_to=first),))
            elif width == 1 and not first:
                first = f"stage{stage}.{number}.a.weight"
            modules += block
        modules += [conv("pool", 2, pooled, 2)] if pooled else []
    later = tuple(key for key in map(_tied_key, module_paths(modules), modules) if key)
    return Model(
        tuple(
            _with_later(module, later) if module_key(path) == first else module
            for path, module in zip(module_paths(modules), modules, strict=True)
        )
    )


def module_key(path: str) -> str:
    return f"{path}.weight"


def _tied_key(path: str, module: Module) -> str:
    return module_key(path) if any(p.tied_to for p in module.parameters) else ""


def _with_later(module: Module, later: tuple[str, ...]) -> Module:
    (weight,) = module.parameters
    return msgspec.structs.replace(module, parameters=(msgspec.structs.replace(weight, tied_by=later),))


@given(staged())
@settings(deadline=None, max_examples=EXAMPLES)
def test_rows_represent_each_module_once_and_exactly(model):
    page = layout(model, Options(fold="similar", non_params=True))
    groups = fold(model, similar=True, non_params=True).groups
    assert sorted(index for every in represented_modules(model, groups) for index in every) == [
        *range(len(model.modules))
    ]
    totals = subtree_totals(model)
    for row, group, every in zip(page.rows, groups, represented_modules(model, groups), strict=True):
        assert row.times == len(every)
        assert row.counts == (min(totals[i].count for i in every), max(totals[i].count for i in every))
        if row.variation:
            assert [member.path for member in row.variation.members] == [model.paths[i] for i in group.members]
            for member in row.variation.members:
                index = model.index_of[member.path]
                assert member.totals == totals[index]
                assert member.parameters == model.modules[index].parameters
        else:
            assert all(model.modules[i].parameters == row.parameters for i in every if not tied(model.modules[i]))
    assert sum(row.first for row in page.rows if row.depth == 1) == totals[0].count


def tied(module: Module) -> bool:
    return any(p.is_tied for p in module.parameters)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_marks_similar_apart_from_equal(form):
    drawn = FORMATS[form][1](layout(densenet((2, 3)), SIMILAR))
    expected = {"latex": r"\bmvissimilar{", "json": '"similar":true', "html": 'class="bmvis-x bmvis-similar"'}
    assert expected.get(form, "≈2") in drawn


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (["denselayer1", "denselayer2", "denselayer4"], "denselayer1-2,4"),
        (["inception3a", "inception3b", "inception4a"], "inception3a-3b,4a"),
        (["0", "1"], "0-1"),
        (["block1-0", "block2-0"], '"block1-0","block2-0"'),
        (["query", "k1"], "query,k1"),
        (["layer1"], "layer1"),
    ],
)
def test_series_has_one_label(names, written):
    assert series_label(names) == written


@pytest.mark.parametrize(
    ("name", "expected"),
    [("layer12", "layer#"), ("inception3a", "inception#"), ("7", "#"), ("block2-1", "block#-#"), ("query", None)],
)
def test_series_of_a_name(name, expected):
    assert series(name) == expected


def test_a_block_of_other_sizes_that_is_frozen_has_one_note():
    """The sizes of its counterpart are ranges, so only the states are compared."""
    model = densenet()
    modules = [
        msgspec.structs.replace(
            module, parameters=tuple(msgspec.structs.replace(p, trainable=False) for p in module.parameters)
        )
        if path.startswith("features.denseblock3.denselayer17")
        else module
        for path, module in zip(model.paths, model.modules, strict=True)
    ]
    notes = {row.label: row.differs for row in layout(Model(tuple(modules)), SIMILAR).rows if row.differs}
    assert notes == {
        "denselayer17": "differs from denseblock3.denselayer1-16,18-48, where all parameters are trainable"
    }
