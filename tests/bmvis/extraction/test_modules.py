"""Capture any PyTorch model, whatever wraps it and however it is made."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from bmvis import capture
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model, Module, Parameter
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.text import to_text
from bmvis.view.layout import layout


def drawn(model: nn.Module, **options) -> list[str]:
    """Return the lines of the tree without tree lines, then the lines below it."""
    text = to_text(layout(capture(model), Options(**options)))
    return [line.lstrip("│├└─ ") for line in text.splitlines() if line]


def parts(**attributes) -> nn.Module:
    model = nn.Module()
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


def weights(*sides: int, **facts) -> nn.Parameter:
    return nn.Parameter(torch.zeros(sides), **facts)


def buffers() -> nn.Module:
    model = nn.Module()
    model.register_buffer("kept", torch.zeros(2))
    model.register_buffer("passing", torch.zeros(3), persistent=False)
    model.register_buffer("none", None)
    return model


def tied() -> nn.Module:
    model = parts(encoder=nn.Embedding(5, 2), decoder=nn.Linear(2, 5))
    model.decoder.weight = model.encoder.weight
    return model


def shared() -> nn.Module:
    block = nn.Sequential(nn.Linear(2, 2))
    return parts(first=block, again=block)


def cycle() -> nn.Module:
    model = parts(inner=nn.Linear(1, 1))
    model.inner.back = model
    return model


def empty_places() -> nn.Module:
    model = parts(kept=nn.Linear(1, 1, bias=False))
    model.register_module("nothing", None)
    model.register_parameter("none", None)
    return model


def mixed() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2, dtype=torch.bfloat16), nn.Linear(2, 3), nn.Linear(1, 1, dtype=torch.float64))


def orthogonal() -> nn.Module:
    return nn.Sequential(parametrizations.orthogonal(nn.Linear(2, 3)))


def weight_norm() -> nn.Module:
    return parametrizations.weight_norm(nn.Linear(2, 3))


def old_weight_norm() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(nn.Linear(2, 3))


CASES = {
    "root's own": (
        lambda: parts(scale=weights(1), frozen=weights(2, requires_grad=False)),
        ["root scale:[1] frozen:[2] (frozen)", "Module: 3 parameters, 1 trainable (33.3 %); float32, 12 bytes"],
    ),
    "scalar and empty": (
        lambda: parts(scalar=weights(), empty=weights(0, 4)),
        ["root scalar:[] empty:[0, 4]", "Module: 1 parameter, all trainable; float32, 4 bytes"],
    ),
    "ParameterList": (
        lambda: parts(prompts=nn.ParameterList([weights(2), weights(3)])),
        [
            "root",
            "prompts (ParameterList) 0:[2] 1:[3]",
            "Module: 5 parameters, all trainable; float32, 20 bytes",
        ],
    ),
    "ParameterDict": (
        lambda: parts(gates=nn.ParameterDict({"left": weights(2), "right": weights(3, requires_grad=False)})),
        [
            "root",
            "gates (ParameterDict) left:[2] right:[3] (frozen)",
            "Module: 5 parameters, 2 trainable (40 %); float32, 20 bytes",
        ],
    ),
    "buffers": (buffers, ["root kept:[2] (buffer) passing:[3] (buffer, not saved)", "Module: no parameters"]),
    "tied": (
        tied,
        [
            "root",
            "encoder (Embedding) weight:[5, 2]",
            "decoder (Linear) weight:[5, 2] bias:[5]",
            "Module: 15 parameters, all trainable; float32, 60 bytes",
            "tied: decoder.weight = encoder.weight",
        ],
    ),
    "shared": (
        shared,
        [
            "root",
            "first (Sequential)",
            "0 (Linear) weight:[2, 2] bias:[2]",
            "again (Sequential) (same module as first)",
            "Module: 6 parameters, all trainable; float32, 24 bytes",
        ],
    ),
    "cycle": (
        cycle,
        [
            "root",
            "inner (Linear) weight:[1, 1] bias:[1]",
            "back (Module) (same module as the root)",
            "Module: 2 parameters, all trainable; float32, 8 bytes",
        ],
    ),
    "None in places": (
        empty_places,
        ["root", "kept (Linear) weight:[1, 1]", "Module: 1 parameter, all trainable; float32, 4 bytes"],
    ),
    "lazy": (
        lambda: nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d()),
        [
            "root",
            "0 (LazyLinear) weight:[?] (uninitialized) bias:[?] (uninitialized)",
            "1 (LazyBatchNorm1d) weight:[?] (uninitialized) bias:[?] (uninitialized) "
            "running_mean:[?] (buffer) running_var:[?] (buffer) num_batches_tracked:[] (buffer)",
            "Sequential: 0 parameters, 4 uninitialized and not counted; float32, 0 bytes",
        ],
    ),
    "mixed dtypes": (
        mixed,
        [
            "root",
            "0 (Linear) weight:[2, 2] (bfloat16) bias:[2] (bfloat16)",
            "1 (Linear) weight:[3, 2] bias:[3]",
            "2 (Linear) weight:[1, 1] (float64) bias:[1] (float64)",
            "Sequential: 17 parameters, all trainable; float32 + bfloat16 + float64, 64 bytes",
        ],
    ),
    "parametrized": (
        orthogonal,
        [
            "root",
            "0 (Linear) weight:[3, 2] (orthogonal) bias:[3] parametrizations.weight.0.base:[3, 3] (buffer)",
            "Sequential: 9 parameters, all trainable; float32, 36 bytes",
        ],
    ),
    "weight norm": (
        weight_norm,
        [
            "root weight:[3, 2] (weight_norm) bias:[3]",
            "Linear: 12 parameters, all trainable; float32, 48 bytes",
        ],
    ),
    "weight norm by hooks": (
        old_weight_norm,
        [
            "root bias:[3] weight_g:[3, 1] (weight_norm) weight_v:[3, 2] (weight_norm)",
            "Linear: 12 parameters, all trainable; float32, 48 bytes",
        ],
    ),
}


@pytest.mark.parametrize(("factory", "lines"), CASES.values(), ids=CASES)
def test_capture_of_unusual_modules(factory, lines):
    assert drawn(factory(), buffers=True, non_params=True) == lines


def test_shared_module_is_drawn_if_its_first_place_has_parameters():
    block, silent = nn.Sequential(nn.Linear(2, 2)), nn.ReLU()
    model = nn.Sequential(block, parts(inner=block), silent, silent, nn.ModuleDict({"outer": nn.ModuleList([block])}))
    assert drawn(model)[:-1] == [
        "root",
        "0 (Sequential)",
        "0 (Linear) weight:[2, 2] bias:[2]",
        "1 (Module)",
        "inner (Sequential) (same module as 0)",
        "4 (ModuleDict)",
        "outer (ModuleList)",
        "0 (Sequential) (same module as 0)",
    ]


def test_shared_block_names_only_its_first_place():
    blocks = [nn.Sequential(nn.Linear(2, 2)) for _ in range(3)]
    assert drawn(nn.ModuleList([*blocks, blocks[1]]))[-2] == "3 (Sequential) (same module as 1)"


def test_shared_module_that_contains_buffers_only_has_a_row_with_buffers():
    shared = nn.Sequential(nn.Module())
    shared[0].register_buffer("mask", torch.zeros(2))
    model = nn.ModuleList([shared, shared])
    assert drawn(model, buffers=True)[1:-1] == [
        "0 (Sequential)",
        "0 (Module) mask:[2] (buffer)",
        "1 (Sequential) (same module as 0)",
    ]
    assert len(drawn(model)) == 2  # the root and the totals


def test_shared_module_does_not_differ_from_its_later_places():
    block = nn.ModuleDict({"inner": nn.Linear(2, 2)})
    assert drawn(nn.ModuleList([block] * 3))[:4] == [
        "root",
        "0 (ModuleDict)",
        "inner (Linear) weight:[2, 2] bias:[2]",
        "1-2(ModuleDict) (same module as 0)",
    ]


def test_ties_of_folded_blocks_are_one_line():
    heads = nn.ModuleList(nn.Linear(2, 2) for _ in range(4))
    for head in heads[1:]:
        head.weight = heads[0].weight
    below = drawn(parts(heads=heads, again=heads[0]))[-1:]
    assert below == ["tied: heads.1-3.weight = heads.0.weight"]


def test_blocks_that_share_a_buffer_fold():
    mask = torch.zeros(2)
    model = nn.ModuleList(nn.Linear(1, 1) for _ in range(4))
    for block in model:
        block.register_buffer("mask", mask)
    assert drawn(model, buffers=True)[1] == "0-3(Linear) weight:[1, 1] bias:[1] mask:[2] (buffer)"


def test_tied_parameters_name_each_other():
    encoder, decoder = capture(tied()).modules[1:]
    assert encoder.parameters[0].tied_by == ("decoder.weight",)
    assert decoder.parameters[0].tied_to == "encoder.weight"


def test_parameter_that_is_also_a_buffer_counts_as_parameter():
    model = nn.Module()
    weight = weights(3)
    model.register_buffer("first", weight.data)
    model.copy = nn.Module()
    model.copy._buffers["same"] = weight
    model.own = nn.Module()
    model.own.weight = weight
    tree = capture(model)
    assert subtree_totals(tree)[0].count == 3
    assert [m.buffers[0].tied_to for m in tree.modules if m.buffers] == ["", "own.weight"]


def test_device_is_shown_if_there_are_several():
    tree = capture(nn.Sequential(nn.Linear(1, 1, device="meta"), nn.Linear(1, 1)))
    assert [p.device for m in tree.modules for p in m.parameters] == ["meta", "meta", "cpu", "cpu"]
    assert tree.device == "meta"


def several_kinds() -> nn.Module:
    block = nn.Sequential(nn.Linear(2, 2, dtype=torch.bfloat16))
    return nn.ModuleDict({
        "first": block,
        "again": nn.ModuleList([block]),
        "large": nn.Linear(9, 9),
        "both": nn.Sequential(nn.Linear(3, 3), nn.Linear(2, 3, dtype=torch.float64)),
        "none": nn.ReLU(),
    })  # fmt: skip


def test_subtree_has_dtypes_and_bytes():
    page = layout(capture(several_kinds()), Options())
    assert {row.path: (row.dtypes, row.totals.stored_bytes) for row in page.rows if row.depth < 2} == {
        "": (("float32", "float64", "bfloat16"), 492),
        "first": (("bfloat16",), 12),
        "again": (("bfloat16",), 12),
        "large": (("float32",), 360),
        "both": (("float32", "float64"), 120),
    }
    html = to_html(page, "kinds")
    assert 'title="21 parameters: 17.9 %; 120 bytes, float32 + float64"' in html


def test_subtree_has_devices_if_there_are_several():
    def parameter(device):
        return Parameter("weight", (2,), "float32", 2, 8, device=device)

    def page(*devices):
        modules = (Module(str(index), 1, "M", parameters=(parameter(d),)) for index, d in enumerate(devices))
        return layout(Model((Module("", 0, "M"), *modules)), Options())

    split = page("cuda:0", "cpu")
    assert to_text(split).endswith("M: 4 parameters, all trainable; float32 on cuda:0 + cpu, 16 bytes")
    assert [row.devices for row in split.rows[1:]] == [("cuda:0",), ("cpu",)]
    assert 'title="2 parameters: 50 %; 8 bytes, cpu"' in to_html(split, "split")
    assert "cpu" not in to_text(page("meta", "cpu"))  # a tensor made from data under torch.device("meta")


def test_capture_rejects_other_objects():
    with pytest.raises(TypeError, match="got dict"):
        capture({})
