"""Rows of similar modules on a page: unfolded, linked, filtered and picked, each module is exact."""

import re

import pytest
from networks import conv, dense_layer, densenet, resnet
from tree_page import copied, do, hits, row, visible
from trees import tensor

from bmvis import humanize
from bmvis.model.call import Call, Output
from bmvis.model.call_summary import summarize_calls
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Buffer, Model, Module
from bmvis.options.definitions import Options
from bmvis.render import row_calls, row_tensors
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

pytestmark = pytest.mark.browser

DENSE, RES = densenet((2, 3)), resnet((3, 4, 2))
READ = """() => Object.fromEntries([...document.querySelectorAll(".bmvis-tree li[id]")].map((item) => {
  const row = item.querySelector(":scope > details > summary, :scope > div");
  const amount = row.querySelector("data");
  const shownCount = amount?.textContent ?? "";
  const text = row.textContent.replace(/\\s+/g, " ").trim().slice(0, -shownCount.length || undefined).trimEnd();
  const shown = [text, amount?.title ?? "", shownCount, row.querySelector("b").className];
  return [item.id, shown];
}))"""


def open_model(tab, model: Model, fragment: str = "", **options) -> None:
    html = to_html(layout(model, Options(**{"fold": "similar", "open": 9, **options})), "m")
    if fragment:
        tab.open_trees(html, fragment)
    else:
        tab.show_trees(html)


def exact_rows(model: Model) -> dict[str, list[str]]:
    """Return what the row of each module shows if no other module shares it; lists are part of a name."""
    totals, found = subtree_totals(model), {}
    lists = [path for module, path in zip(model.modules, model.paths, strict=True) if module.type == "ModuleList"]
    for module, path, total in zip(model.modules, model.paths, totals, strict=True):
        if path in lists:
            continue
        tensors = [row_tensors.tensor_text(tensor) for tensor in (*module.parameters, *module.buffers)]
        calls = summarize_calls([module.call])
        marks = [row_calls.outputs_text(calls) if calls else "", module.extra_repr]
        share = humanize.percent(total.count, totals[0].count)
        amount = f"{total.count:,} parameters: {share}; {humanize.size(total.stored_bytes)}"
        shown = [amount, humanize.count(total.count)]
        levels = 2 if path.rpartition(".")[0] in lists else 1
        name = f"{'.'.join(path.split('.')[-levels:]) or 'root'} ({module.type})"
        found[f"m.{path}"] = [" ".join(" ".join([name, *tensors, *marks]).split()), *shown, ""]
    return found


FOLDED = """() => [...document.querySelectorAll(".bmvis-tree .bmvis-x")]
  .filter((label) => /[,-]/.test(label.textContent)).map((label) => label.closest("li").id)"""


def unfold_all(tab, which: int = 0) -> None:
    """Unfold all rows; `which` is 0 for the outermost first, -1 for the innermost first."""
    while folded := tab.page.evaluate(FOLDED):
        do(tab, folded[which], "unfold")


def block(name: str, width: int) -> list[Module]:
    """Return a block of three layers with a tie between two of them, and with more facts that depend on the width."""
    first = tensor("weight", width, 2, tied_by=(f"{name}.b.weight",))
    return [
        Module(name, 1, "Block", extra_repr=f"{width}, eps=1e-05", call=called(1, width)),
        Module("a", 2, "Linear", parameters=(first,), buffers=(Buffer("mask:[", (1, width), "bool", width),)),
        Module("b", 2, "Linear", parameters=(tensor("weight", width, 2, tied_to=f"{name}.a.weight"),)),
        Module("d", 2, "Wrapper", extra_repr="", call=called(1, width)),
        Module("norm", 3, "LayerNorm", parameters=(tensor("weight", 4),), extra_repr="4", call=called(width, 4)),
        Module("c <|x>", 2, "Linear", parameters=(tensor("weight", 10 * width, width),), call=called(width, 2, 7)),
    ]


def called(*shape: int) -> Call:
    return Call(1, 0, (Output("1\n| x", shape),), 1000 * shape[0], 64)


TIED = Model((Module("", 0, "Net"), *block("0", 225), *block("1", 300), *block("2", 225), *block("10", 4)))


def stage(name: str, widths: tuple[int, ...], *parts: Module) -> list[Module]:
    lists = [Module(name, 1, "Stage"), Module("blocks", 2, "ModuleList")]
    layers = [dense_layer(number, 3, width) for number, width in enumerate(widths)]
    return [*lists, *(module for layer in layers for module in layer), *parts]


STAGES = Model(
    (
        Module("", 0, "Net"),
        *stage("0", (3, 4), conv("down", 2, 4, 4)),
        *stage("1", (5,), conv("down", 2, 6, 4)),
        *stage("2", (6, 6, 9)),
    )
)


@pytest.mark.parametrize(
    ("model", "which", "no_root"),
    [
        pytest.param(DENSE, 0, False, id="densenet, outermost first", marks=pytest.mark.builds),
        pytest.param(DENSE, -1, True, id="densenet, innermost first, without root"),
        pytest.param(RES, 0, True, id="resnet, outermost first, without root", marks=pytest.mark.builds),
        pytest.param(RES, -1, False, id="resnet, innermost first"),
        pytest.param(STAGES, 0, False, id="stages, outermost first"),
        pytest.param(STAGES, -1, True, id="stages, innermost first, without root", marks=pytest.mark.builds),
        pytest.param(TIED, 0, False, id="ties and odd names, outermost first"),
        pytest.param(TIED, -1, False, id="ties and odd names, innermost first", marks=pytest.mark.builds),
    ],
)
def test_unfolded_rows_show_each_module_exactly(model, which, no_root, tab):
    open_model(tab, model, extra_repr=True, buffers=True, no_root=no_root)
    unfold_all(tab, which)
    found = tab.page.evaluate(READ)
    expected = exact_rows(model)
    if model is TIED:
        expected = {key.replace("c <|x>", "c~20~~3c~~7c~x~3e~"): value for key, value in expected.items()}
    if no_root:
        del expected["m."]
    assert {key: [*value[:3], value[3].strip()] for key, value in found.items()} == expected


LINKED = "features.denseblock2.denselayer3.conv1"


@pytest.mark.parametrize("path", ["features.denseblock2", "features.denseblock2.denselayer3", LINKED])
def test_link_unfolds_one_of_similar_modules(path, tab):
    open_model(tab, DENSE, f"#m.{path}", open=0)
    assert row(tab, f"m.{path}").is_visible()
    assert row(tab, f"m.{path}").inner_text().split("\n")[0] == exact_rows(DENSE)[f"m.{path}"][0]


def test_similar_rows_fold_again_to_the_same_text(tab):
    open_model(tab, DENSE)
    before = tab.page.evaluate(READ)
    do(tab, "m.features.denseblock1.denselayer1", "unfold")
    do(tab, "m.features.denseblock1", "unfold")
    assert len(tab.page.evaluate(READ)) > len(before)
    do(tab, "m.features.denseblock2", "fold")
    do(tab, "m.features.denseblock1.denselayer2", "fold")
    assert tab.page.evaluate(READ) == before


def test_part_that_some_stages_lack_has_its_number(tab):
    open_model(tab, STAGES)
    down = row(tab, "m.0.down").locator("b")
    assert (down.get_attribute("data-x"), down.get_attribute("class")) == ("0-1", "bmvis-x bmvis-similar")
    do(tab, "m.0", "unfold")
    assert [label for label in visible(tab) if label == "down"] == ["down"] * 2
    do(tab, "m.1", "fold")
    assert down.get_attribute("data-x") == "0-1"


def test_remaining_similar_modules_show_their_ranges(tab):
    open_model(tab, DENSE, "#m.features.denseblock2.denselayer2")
    rest = "m.features.denseblock2.denselayer1"
    assert tab.page.evaluate(READ)[rest] == [
        "denselayer1,3 (_DenseLayer)",
        "45,440-53,760 parameters each, 2 times, together 28 %; 181.8 KB-215 KB",
        "45.4K-53.8K",
        "bmvis-x bmvis-similar",
    ]
    assert tab.page.evaluate(READ)[f"{rest}.conv1"] == [
        "conv1 (Conv2d) weight:[128, 64-128, 1, 1]",
        "8,192-16,384 parameters each, 2 times, together 6.9 %; 32.8 KB-65.5 KB",
        "8,192-16.4K",
        "",
    ]
    assert row(tab, rest).locator("b").get_attribute("data-x") == "2"


def test_filter_finds_one_of_similar_modules(tab, subtests):
    open_model(tab, DENSE)
    tree = "document.querySelector('.bmvis-tree').innerHTML.replaceAll(' class=\"\"', '')"
    before = tab.page.evaluate(tree)
    for typed, found in {
        LINKED: ["conv1"],
        "denseblock2.denselayer3": ["denselayer3"],
        "denseblock1.denselayer3": [],
        "denselayer3.conv2.weight": ["conv2"],
        "denselayer9": [],
        "similar": ["denseblock1-2", "denselayer1-3"],
    }.items():
        with subtests.test(typed):
            tab.page.locator("#m [type=search]").fill(typed)
            assert hits(tab) == found
            if found:
                assert set(visible(tab)) >= set(found)
            tab.page.locator("#m [type=search]").fill("")
            assert tab.page.evaluate(tree) == before


LAYERS = [f"features.denseblock{block}.denselayer{layer}" for block in (1, 2) for layer in range(1, block + 2)]


@pytest.mark.parametrize(
    ("model", "picked", "paths"),
    [
        (DENSE, "features.denseblock1", ["features.denseblock1", "features.denseblock2"]),
        (DENSE, "features.denseblock1.denselayer1", LAYERS),
        (DENSE, "features.denseblock1.denselayer1.conv2", [f"{layer}.conv2" for layer in LAYERS]),
        (
            RES,
            "layer1.1.conv2",
            ["layer1.1.conv2", "layer1.2.conv2", *(f"layer2.{n}.conv2" for n in (1, 2, 3)), "layer3.1.conv2"],
        ),
    ],
    ids=["similar", "of uneven numbers", "below uneven numbers", "not the first block"],
)
def test_picked_similar_rows_name_exactly_their_modules(model, picked, paths, tab):
    open_model(tab, model)
    do(tab, f"m.{picked}", "pick")
    assert f"Modules picked: {len(paths)}" in tab.page.locator(".bmvis-picks").inner_text()
    tab.page.locator(".bmvis-picks [data-do=regex]").click()
    pattern = re.compile(copied(tab))
    assert [path for path in model.paths if pattern.fullmatch(path)] == paths


def test_hidden_modules_of_an_unfolded_row_are_counted(tab):
    open_model(tab, RES, depth=1)
    assert row(tab, "m.layer1").locator("small").inner_text() == "17-31 modules below"
    do(tab, "m.layer1", "unfold")
    below = [row(tab, f"m.layer{stage}").locator("small").inner_text() for stage in (1, 2, 3)]
    assert below == [f"{count} modules below" for count in (24, 31, 17)]


def test_highlight_marks_each_of_similar_modules(tab):
    open_model(tab, DENSE, highlight=("conv2",))
    do(tab, "m.features.denseblock1", "unfold")
    marks = tab.page.locator(".bmvis-tree mark")
    assert [mark.get_attribute("data-n") for mark in marks.all()] == ["2", "3"]


def chained(kernel: int) -> Model:
    """Return a model with similar layers, whose last convolution has that kernel, alone in modules below the root."""
    layers = [
        module for number, width in enumerate((64, 96, 128, 160, 192)) for module in dense_layer(number, 3, width)
    ]
    changed = [conv("conv2", 4, 32, 128, kernel) if module.name == "conv2" else module for module in layers]
    return Model((Module("", 0, "Net"), Module("body", 1, "Body"), Module("blocks", 2, "Blocks"), *changed))


def test_similar_rows_below_levels_that_are_not_drawn_have_their_own_paths(tab):
    model = chained(5)
    page = layout(model, Options(fold="similar", only_changes=True), chained(3))
    tab.show_trees(to_html(page, "m"))
    folded = "m.body.blocks.denselayer0"
    do(tab, f"{folded}.conv2", "pick")
    tab.page.locator(".bmvis-picks [data-do=regex]").click()
    pattern = re.compile(copied(tab))
    assert [path for path in model.paths if pattern.fullmatch(path)] == [
        f"body.blocks.denselayer{number}.conv2" for number in range(5)
    ]
    do(tab, folded, "unfold")
    assert row(tab, "m.body.blocks.denselayer3").locator("b").inner_text() == "body.blocks.denselayer3"
    assert tab.page.evaluate(READ)["m.body.blocks.denselayer3.conv2"][1] == "102,400 parameters: 17.2 %; 409.6 KB"


def test_a_cell_of_the_map_links_to_its_row(tab):
    open_model(tab, DENSE, map=True, open=0)
    cell = tab.page.locator(".bmvis-map a", has=tab.page.locator("title", has_text="denselayer1.conv1:"))
    for _ in range(2):
        tab.page.locator("#m [data-level='0']").click()
        cell.locator("rect").click()
        row(tab, "m.features.denseblock1.denselayer1.conv1").wait_for()
        assert tab.page.locator(".bmvis-linked b").inner_text() == "conv1"
    assert tab.page.locator(".bmvis-map a").count() == tab.page.locator(".bmvis-map g").count()
