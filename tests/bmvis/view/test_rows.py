"""The text of rows that represent several modules."""

import pytest
from formats import FORMATS, layer, net
from trees import linear, tensor

from bmvis.model.tree import Buffer, Model, Module
from bmvis.options.definitions import Options
from bmvis.render.text import to_text
from bmvis.view.extra_reprs import merge_extra_reprs
from bmvis.view.layout import layout


@pytest.mark.parametrize(
    ("texts", "merged"),
    [
        (["p=0.1"], "p=0.1"),
        (["p=0.1", "p=0.1"], "p=0.1"),
        (["dilation=(1,)", "dilation=(32,)", "dilation=(2,)"], "dilation=(1-32,)"),
        (["p=0.1", "p=0.25"], "p=0.1-0.25"),
        (["eps=1e-05", "eps=0.001"], "eps=1e-05-0.001"),
        (["x=-1", "x=3"], "x=-1-3"),
        (["8, 16, bias=True", "16, 16, bias=True"], "8-16, 16, bias=True"),
        (["4, bias=True", "4, bias=False"], "4, bias=True/False"),
        (["p=0.1, inplace=True", "p=0.1"], "p=0.1, inplace=True or default"),
        (["k=(3, 3), s=(1, 1)", "k=(5, 3), s=(2, 2)"], "k=(3-5, 3), s=(1-2, 1-2)"),
        (["k=(3,)", "k=(3, 3)"], "k=(3,)/(3, 3)"),
        (["3, p=(1,)", "3, p=(2,), d=(2,)", "3, p=(4,), d=(4,)"], "3, p=(1-4,), d=(2-4,) or default"),
        (["a", "b"], "a/b"),
        (["a", ""], "a or default"),
        ([f"mode={letter}" for letter in "abcde"], "mode=a/b/c/… 2 more"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_merged_extra_reprs_have_ranges(texts, merged):
    assert merge_extra_reprs(texts) == merged


def test_folded_row_merges_extra_repr():
    def convolution(index: int) -> Module:
        dilation = f", dilation=({2**index},)" if index else ""  # PyTorch leaves out 1
        words = f"16, 16, kernel_size=(3,), stride=(1,), padding=({2**index},){dilation}"
        return Module(str(index), 1, "Conv1d", parameters=(tensor("weight", 16, 16, 3),), extra_repr=words)

    model = Model((Module("", 0, "Net"), *map(convolution, range(6))))
    assert to_text(layout(model, Options(extra_repr=True))).splitlines()[1].partition("# ")[2] == (
        "16, 16, kernel_size=(3,), stride=(1,), padding=(1-32,), dilation=(2-32,) or default"
    )


def without_root(*modules, base=None, root=(), buffer=False, **options):
    buffers = (Buffer("mask", (4,), "bool", 4, persistent=True),) if buffer else ()
    model = Model((Module("", 0, "Net", parameters=root, buffers=buffers), *modules))
    page = layout(model, Options(no_root=True, **options), base)
    return [(row.depth, row.label, row.type) for row in page.rows]


@pytest.mark.parametrize(
    ("modules", "options", "rows"),
    [
        ([linear("a", 1, 4, 4), linear("b", 1, 4, 2)], {}, [(0, "a", "(Linear)"), (0, "b", "(Linear)")]),
        (
            [Module("a", 1, "Block"), linear("0", 2, 4, 4), linear("1", 2, 4, 4), linear("b", 1, 4, 2)],
            {},
            [(0, "a", "(Block)"), (1, "0-1", "(Linear)"), (0, "b", "(Linear)")],
        ),
        ([linear("a", 1, 4, 4)], {"root": (tensor("scale", 1),)}, [(0, "root", ""), (1, "a", "(Linear)")]),
        ([linear("a", 1, 4, 4)], {"buffer": True, "buffers": True}, [(0, "root", ""), (1, "a", "(Linear)")]),
        ([], {}, [(0, "root", "")]),
        (
            [linear("a", 1, 4, 4)],
            {"base": Model((Module("", 0, "Other"), linear("a", 1, 4, 4))), "only_changes": True},
            [(0, "root", "")],
        ),
    ],
    ids=["rows", "levels", "own parameters", "buffer", "only row", "changed"],
)
def test_row_of_the_whole_model_is_left_out_if_it_has_nothing_of_its_own(modules, options, rows):
    assert without_root(*modules, **options) == rows


@pytest.mark.parametrize("form", FORMATS)
def test_tree_without_its_first_row_is_drawn_in_each_format(form):
    model = Model((Module("", 0, "Net"), Module("a", 1, "Block"), linear("c", 2, 4, 4), linear("b", 1, 4, 2)))
    _, render = FORMATS[form]
    with_root, without = (render(layout(model, Options(no_root=no_root, map=True))) for no_root in (False, True))
    assert "root" in with_root
    assert "root" not in without
    expected = {"text": "a (Block)\n└── c (Linear)", "html": '<li id="m.a"><details open=""><summary><b>a</b>'}
    assert expected.get(form, "Block") in without


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (Options(), ["└── out (Linear) weight:[4]"]),
        (
            Options(buffers=True),
            ["├── norm (Norm) mean:[4] (buffer)", "└── out (Linear) weight:[4]"],
        ),
    ],
    ids=["without buffers", "with buffers"],
)
def test_module_with_buffers_only_is_shown_with_them(options, rows):
    modules = [
        Module("", 0, "Net"),
        Module("norm", 1, "Norm", buffers=(Buffer("mean", (4,), "float32", 16),)),
        Module("act", 1, "ReLU"),
        Module("out", 1, "Linear", parameters=(tensor("weight", 4),)),
    ]
    assert to_text(layout(Model(tuple(modules)), options)).splitlines()[1:-2] == rows


def test_map_without_the_first_row_has_the_state_of_each_cell():
    frozen = [
        Module(name, 1, "Linear", parameters=(tensor("weight", 4, n, trainable=False),))
        for n, name in ((4, "a"), (5, "c"))
    ]
    model = Model((Module("", 0, "Net"), *frozen, linear("b", 1, 4, 4)))
    drawn = FORMATS["html"][1](layout(model, Options(no_root=True, map=True)))
    assert ["b: 20 parameters, 35.7 %, trainable" in drawn, "a: 16 parameters, 28.6 %, frozen" in drawn] == [True, True]


@pytest.mark.parametrize(
    ("is_checkpoint", "counted"),
    [(False, ["parameters", "parameters", "elements"]), (True, ["elements", "elements", "elements"])],
    ids=["model", "checkpoint"],
)
def test_rows_of_checkpoints_and_of_parts_without_class_count_elements(is_checkpoint, counted):
    parts = layer("a", tensor("w", 2)), Module("b", 1, "", parameters=(tensor("w", 2),))
    page = layout(net(*parts, is_checkpoint=is_checkpoint), Options())
    assert [row.counted for row in page.rows] == counted
