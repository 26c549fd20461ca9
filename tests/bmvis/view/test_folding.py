"""Folding draws equal siblings once; if blocks of one type differ, their rows show the difference."""

import pytest
from msgspec.structs import replace
from trees import bert, linear, tensor

from bmvis.model.labels import label, shortened
from bmvis.model.tree import Buffer, Model, Module
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.latex import to_latex
from bmvis.render.text import to_text
from bmvis.view.layout import layout


def numbers(*every: int) -> list[str]:
    return [str(number) for number in every]


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (numbers(*range(12)), "0-11"),
        (numbers(2), "2"),
        (numbers(0, 2, 4, 5, 6), "0,2,4-6"),
        (numbers(*range(0, 24, 2)), "0,2,4,...,22"),
        (["a", "1-3", "0,1", "...", "x-y", "conv1-2"], 'a,"1-3","0,1","...",x-y,"conv1-2"'),
        (["1-3"], "1-3"),
        (numbers(*range(1, 24, 2)), "1,3,5,...,23"),
        (numbers(0, 1), "0-1"),
        (["query", "key", "value"], "query,key,value"),
        (["0", "01", "1"], "0,01,1"),
        (numbers(10, 2, 3), "2-3,10"),
        (["٣", "٤"], "٣,٤"),
        pytest.param(["9" * 5000, "1"], "9" * 5000 + ",1", id="5000 digits"),
    ],
)
def test_label_of_a_group_shortens_numbers_to_ranges(names, written):
    assert label(names) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a" * 48, "a" * 48),
        ("a" * 30 + "b" * 30, "a" * 30 + "bb…" + "b" * 15),
        (",".join(f"name_{n}" for n in range(40)), "name_0,name_1,name_2,name_3,...,name_38,name_39"),
        (label(numbers(*(n for n in range(384) if n % 7 < 2))), "0-1,7-8,14-15,21-22,28-29,...,371-372,378-379"),
        (f"a,{'b' * 90}", f"a,{'b' * 30}…{'b' * 15}"),
    ],
    ids=["fits", "one name", "many names", "many numbers", "names too wide"],
)
def test_label_wider_than_a_line_is_shortened_in_the_middle(text, written):
    assert shortened(text) == written
    assert len(shortened(text)) <= 48


def wide(name: str) -> Model:
    return Model((Module("", 0, "M"), linear(name, 1, 2, 2), linear(name + "_too", 1, 2, 2)))


def test_wide_name_is_whole_in_tooltip_and_with_whole_names():
    model, whole = wide("x" * 40), f"{'x' * 40},{'x' * 40}_too"
    assert whole not in to_text(layout(model, Options()))
    assert whole in to_text(layout(model, Options(whole_names=True)))
    assert f'title="{whole.replace(",", ", ")}"' in to_html(layout(model, Options()), "m")
    single = Model((Module("", 0, "M"), linear("y" * 90, 1, 2, 2)))
    assert f'<b title="{"y" * 90}">{"y" * 32}…{"y" * 15}</b>' in to_html(layout(single, Options()), "m")
    assert "title" not in to_html(layout(single, Options(whole_names=True)), "m").split("<ul")[1].split("<i>")[0]


def blocks(count: int, change=None, *, where=(), name="layers", kind="Block", depth=1) -> list[Module]:
    """Return a list of blocks of two modules; `change` is applied to the blocks in `where`."""
    found = [Module(name, depth, "ModuleList")]
    for index in range(count):
        block = [
            Module(str(index), depth + 1, kind),
            Module("mlp", depth + 2, "MLP"),
            linear("up", depth + 3, 4, 8),
            linear("down", depth + 3, 8, 4),
        ]
        found += change(block) if index in where else block
    return found


def root(*modules: Module) -> Model:
    return Model((Module("", 0, "M"), *modules))


def freeze(modules: list[Module]) -> list[Module]:
    return [replace(m, parameters=tuple(replace(p, trainable=False) for p in m.parameters)) for m in modules]


def of(index: int, module: Module):
    return lambda block: [*block[:index], module, *block[index + 1 :]]


def marks(model: Model, **options) -> dict[str, str]:
    rows = layout(model, Options(**options)).rows
    assert len(rows) > 1
    return {row.path: row.differs for row in rows if row.differs}


LAYERS = "differs from layers."


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (root(*blocks(12)), {}),
        (
            root(*blocks(12, freeze, where=range(6))),
            {"layers.6": LAYERS + "0-5, where all parameters are frozen"},
        ),
        (
            root(*blocks(24, freeze, where=range(1, 24, 2))),
            {"layers.1": LAYERS + "0,2,4,...,22, where all parameters are trainable"},
        ),
        (
            root(*blocks(6, lambda block: [*block[:2], *freeze(block[2:3]), *block[3:]], where=[0])),
            {"layers.0.mlp.up": LAYERS + "1-5, where it is trainable"},
        ),
        (
            root(*blocks(6, of(2, linear("up", 4, 4, 16)), where=[0])),
            {"layers.0.mlp.up": LAYERS + "1-5, where weight is [8, 4] and bias is [8]"},
        ),
        (
            root(*blocks(6, of(1, Module("mlp", 3, "MoE")), where=[0, 1])),
            {"layers.0.mlp": LAYERS + "2-5, where its type is MLP"},
        ),
        (
            root(*blocks(3, lambda block: [*block, linear("downsample", 3, 4, 4)], where=[0])),
            {"layers.0.downsample": LAYERS + "1-2, where there is none"},
        ),
        (
            root(*blocks(6, lambda block: block[:-1], where=[5])),
            {"layers.5.mlp": LAYERS + "0-4, where there is also down"},
        ),
        (
            root(*blocks(6, of(2, Module("up", 4, "Linear", parameters=(tensor("weight", 8, 4),))), where=[5])),
            {"layers.5.mlp.up": LAYERS + "0-4, where there is also bias"},
        ),
        (
            root(
                *blocks(
                    4, of(2, Module("up", 4, "Linear", parameters=(tensor("weight", 8, 4, delta=True),))), where=[3]
                )
            ),
            {"layers.3.mlp.up": LAYERS + "0-2, where there is also bias and weight is not delta"},
        ),
    ],
    ids=[
        "equal",
        "half frozen",
        "alternating",
        "one frozen",
        "shape",
        "type",
        "only here",
        "only there",
        "no bias",
        "delta",
    ],
)
def test_only_the_deepest_differing_rows_are_marked(model, expected):
    assert marks(model) == expected


def test_variants_are_compared_with_the_largest_group():
    odd = blocks(8, of(2, linear("up", 4, 4, 16)), where=[0, 1])
    found = marks(root(*odd[:-4], *freeze(odd[-4:])))
    assert found == {
        "layers.0.mlp.up": LAYERS + "2-6, where weight is [8, 4] and bias is [8]",
        "layers.7": LAYERS + "2-6, where all parameters are trainable",
    }


def stage(name: str, width: int, count: int, *more: Module) -> list[Module]:
    """Return a stage of equal blocks of three layers each."""
    found = [Module(name, 1, "Stage"), *more, Module("blocks", 2, "ModuleList")]
    for number in range(count):
        layers = [linear(layer, 4, width, width) for layer in ("q", "k")]
        found += [Module(str(number), 3, "Block"), *layers, linear("mlp", 4, width, 4 * width)]
    return found


def two(*types: str) -> list[Module]:
    return [Module(str(number), 2, kind, parameters=(tensor("w", len(kind)),)) for number, kind in enumerate(types)]


def shrink(width: int) -> Module:
    return linear("downsample", 2, width // 2, width)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            root(*stage("s1", 8, 2), *stage("s2", 16, 3, shrink(16)), *stage("s3", 32, 4, shrink(32))),
            {
                "s1": "differs from s2, where there is also downsample and there are 3 modules in blocks; narrower",
                "s3": "differs from s2, where there are 3 modules in blocks; wider",
            },
        ),
        (
            root(*stage("s1", 8, 2), *(longer := stage("s2", 16, 4))[:-4], *freeze(longer[-4:])),
            {
                "s2": "differs from s1, where there are 2 modules in blocks; wider",
                "s2.blocks.3": "differs from blocks.0-2, where all parameters are trainable",
            },
        ),
        (
            root(*stage("encode1", 8, 2), *stage("decode1", 16, 2), *stage("middle", 32, 2)),
            {},
        ),
        (
            root(*(linear(f"conv{number}", 1, 4 * number, 4) for number in (1, 2, 3))),
            {},
        ),
        (
            root(
                Module("0", 1, "Sequential"),
                *two("Linear", "Pool"),
                Module("1", 1, "Sequential"),
                *two("Pool", "Linear"),
            ),
            {},
        ),
    ],
    ids=["stages", "block of a longer stage", "other series", "layers", "other insides"],
)
def test_siblings_are_compared_if_they_have_the_same_role(model, expected):
    assert marks(model) == expected


@pytest.mark.parametrize(
    "model",
    [
        root(linear("word", 1, 9, 4), linear("position", 1, 5, 4)),
        root(*blocks(2), *blocks(3, name="decoder")),
        root(*(linear(str(n), 1, 2**n, 2**n) for n in range(6))),
        root(*blocks(3), *(replace(m, type="Other") if m.type == "Block" else m for m in blocks(3, name="more"))),
        root(Module("0", 1, "A", parameters=(tensor("w", 1),)), Module("1", 1, "B", parameters=(tensor("w", 2),))),
        root(Module("0", 1, "A", "one", parameters=(tensor("w", 1),)), Module("1", 1, "A", "two")),
    ],
    ids=[
        "named, other shapes",
        "lists of other lengths",
        "a chain of sizes",
        "equal lists",
        "other types",
        "namesakes",
    ],
)
def test_unrelated_blocks_have_no_difference_mark(model):
    assert marks(model) == {}


def wide_layers(count: int, *names: str) -> Model:
    """Return layers of which the first has some wider modules of eight."""

    def layer(index: int) -> list[Module]:
        sizes = {name: 8 if index == 0 and name in names else 4 for name in "abcdefgh"}
        layers = [Module(name, 3, name.upper(), parameters=(tensor("w", size),)) for name, size in sizes.items()]
        return [Module(str(index), 2, "Layer"), *layers]

    return root(Module("layers", 1, "ModuleList"), *(module for index in range(count) for module in layer(index)))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("a", {"layers.0.a": LAYERS + "1-3, where w is [4]"}),
        ("abc", {"layers.0": "as layers.1-3, wider in a, b and 1 more"}),
        ("abcdefgh", {"layers.0": "as layers.1-3, wider"}),
    ],
    ids=["one", "some", "all"],
)
def test_other_sizes_of_several_rows_are_one_note(names, expected):
    assert marks(wide_layers(4, *names), whole_names=True) == expected


def test_page_has_at_most_one_note_for_five_rows():
    types = ["Conv", "Linear", "Norm", "Pool"]
    modules = [Module("layers", 1, "ModuleList")]
    for number in range(6):
        modules.append(Module(str(number), 2, "Layer"))
        kinds = [f"{kind}{'X' if number == 5 else ''}" for kind in types]
        modules += [Module(kind[0], 3, kind, parameters=(tensor("w", 2),)) for kind in kinds]
    few = root(*modules)
    assert marks(few) == {"layers.5": LAYERS + "0-4 in C, L and 2 more"}
    many = root(*modules, *(linear(f"head{'x' * number}", 1, 2, 2 + number) for number in range(20)))
    assert list(marks(many)) == [f"layers.5.{name}" for name in "CLNP"]


def test_named_siblings_with_different_states_have_a_difference_mark():
    query, key, value = (linear(name, 1, 4, 4) for name in ("query", "key", "value"))
    assert marks(root(*freeze([query]), key, value)) == {"query": "differs from key,value, where it is trainable"}
    assert [row.label for row in layout(root(*freeze([query]), key, value), Options()).rows] == [
        "root",
        "query",
        "key,value",
    ]


def test_highlighted_member_of_a_fold_is_unfolded():
    def split(block):
        return [block[0], *(Module(name, 3, "X", parameters=(tensor("w", 2),)) for name in "abc")]

    def odd(block):
        return [
            block[0],
            *(Module(name, 3, "X", parameters=(tensor("w", 2, trainable=name != "c"),)) for name in "abc"),
        ]

    blocks_ = blocks(4, split, where=range(4))
    other = blocks(1, odd, where=[0])[1:]
    model = root(*blocks_[: 1 + 3 * 4], *(replace(m, name="3") if m.depth == 2 else m for m in other))
    assert marks(model) == {"layers.3.c": LAYERS + "0-2, where it is trainable"}
    flipped = root(*blocks_[: 1 + 4], *(replace(m, name=str(n)) if m.depth == 2 else m for n in (1, 2) for m in other))
    assert marks(flipped) == {
        "layers.0.a": LAYERS + "1-2, where w of c is frozen",
        "layers.1.c": "differs from 1.a,b, where it is trainable",
    }


def test_folding_ignores_hidden_differences():
    def change(block):
        return [*block[:3], replace(block[3], buffers=(Buffer("b", (2,), "int8", 2),))]

    def hidden(block):
        return [*block, Module("drop", 3, "Dropout")]

    model = root(*blocks(4, change, where=[3]))
    assert [r.label for r in layout(model, Options()).rows][2] == "0-3"
    assert marks(model, buffers=True) == {"layers.3.mlp.down": LAYERS + "0-2, where b is missing"}
    assert [r.label for r in layout(root(*blocks(4, hidden, where=[3])), Options()).rows][2] == "0-3"
    assert marks(root(*blocks(4, hidden, where=[3])), non_params=True) == {
        "layers.3.drop": LAYERS + "0-2, where there is none"
    }


def test_totals_below_a_depth_limit_are_compared():
    model = root(*blocks(4, freeze, where=[3]), *blocks(4, of(2, linear("up", 4, 4, 9)), where=[0], name="more"))
    assert marks(model, depth=2) == {
        "layers.3": LAYERS + "0-2, where 76 parameters are trainable",
        "more.0": "differs from more.1-3, where there are 76 parameters",
    }
    assert marks(model, depth=4)["layers.3"] == LAYERS + "0-2, where all parameters are trainable"


def test_expanded_parameter_that_differs_is_marked():
    change = of(2, linear("up", 4, 4, 8, trainable=False))
    assert marks(root(*blocks(4, change, where=[3])), expand_params=True) == {
        "layers.3.mlp.up.weight": LAYERS + "0-2, where weight is trainable"
    }


def test_highlight_is_not_a_difference():
    assert marks(bert(), highlight=("layer.3.attention",)) == {}
    assert marks(bert(), highlight=("layer.3.attention",), depth=3) == {}


def test_every_format_shows_difference_mark_and_legend():
    page, plain = layout(root(*blocks(4, freeze, where=[3])), Options()), layout(root(*blocks(4)), Options())
    title = LAYERS + "0-2, where all parameters are trainable"
    assert f'<span class="bmvis-differs" title="{title}" data-w="differs" role="img"></span>' in to_html(page, "m")
    assert '<span class="bmvis-differs" title="why a block' in to_html(page, "m")
    assert "bmvis-differs" not in to_html(plain, "m")
    assert f"({title})" in to_text(page)
    assert "differs" not in to_text(page, marks=False)
    assert "differs from layers" in to_latex(page)


def test_deep_chains_of_unequal_siblings_are_compared_in_linear_time():
    def chain(levels: int) -> Model:
        modules = [Module("", 0, "M")]
        for depth in range(1, levels):
            modules.append(Module("0", depth, "Node", parameters=(tensor("w", 1),)))
        for depth in range(levels - 1, 0, -1):
            modules.append(Module("1", depth, "Node", parameters=(tensor("w", 1, trainable=depth % 2 == 0),)))
        return Model(tuple(modules))

    assert len(layout(chain(3000), Options()).rows) == 2 * 3000 - 1
