"""The report of a change: its lines, its class, and the headline."""

from collections.abc import Callable, Sequence

import pytest
import torch
from small_models import Named
from torch import nn
from torch.nn.utils import parametrizations

from bmvis.comparison.drift import find_drift, total_lines
from bmvis.comparison.lines import fact_line
from bmvis.comparison.moves import moving
from bmvis.comparison.summary.module_lines import join_lines
from bmvis.comparison.tensor_changes import ChangedFact
from bmvis.extraction.modules import capture
from bmvis.model.totals import Totals


def block(width: int) -> nn.Module:
    return Named(attn=nn.Linear(width, width), norm=nn.LayerNorm(width), drop=nn.Dropout(0.1))


def net(depth: int = 6, width: int = 8) -> nn.Module:
    layers = nn.ModuleList(block(width) for _ in range(depth))
    return Named(embed=nn.Embedding(10, width), layers=layers, head=nn.Linear(width, 2))


def changed(change: Callable[[nn.Module], object]) -> nn.Module:
    model = net()
    change(model)
    return model


def tied(is_tied: bool) -> nn.Module:
    model = Named(embed=nn.Embedding(10, 4), head=nn.Linear(4, 10, bias=False))
    if is_tied:
        model.head.weight = model.embed.weight
    return model


def conv(size: int = 7, stride: int = 1, padding: int | str = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, size, stride=stride, padding=padding))


def chain(*inserted: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(1, 2), *inserted, *(nn.Linear(n, n + 1) for n in range(2, 7)))


class Stage(nn.Module):
    def __init__(self, depth: int, width: int, act: type[nn.Module], bias: bool) -> None:
        super().__init__()
        self.down = nn.Linear(width, width)
        self.blocks = nn.ModuleList(
            Named(up=nn.Linear(width, 4 * width, bias=bias), act=act(), fc=nn.Linear(4 * width, width))
            for _ in range(depth)
        )


def staged(
    depths: tuple[int, ...] = (3, 3, 9, 3), scale: int = 1, act: type[nn.Module] = nn.GELU, bias: bool = True
) -> nn.Module:
    widths = (8 * scale, 16 * scale, 24 * scale, 32 * scale)
    stages = (Stage(depth, width, act, bias) for depth, width in zip(depths, widths, strict=True))
    return Named(stages=nn.ModuleList(stages))


def experts(count: int) -> nn.Module:
    def layer() -> nn.Module:
        return Named(attn=nn.Linear(4, 4), experts=nn.ModuleList(nn.Linear(4, 8) for _ in range(count)))

    return Named(layers=nn.ModuleList(layer() for _ in range(6)))


def parametrized(model: nn.Module) -> nn.Module:
    for module in list(model.modules()):
        if isinstance(module, nn.Linear):
            parametrizations.weight_norm(module)
    return model


def frozen_at(model: nn.Module, paths: Sequence[str]) -> nn.Module:
    for path in paths:
        model.get_submodule(path).requires_grad_(False)
    return model


class Adapted(nn.Module):
    def __init__(self, base_layer: nn.Module) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.drop = nn.Identity()
        self.low = nn.Linear(8, 2, bias=False)


class Tuned(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        for layer in model.layers:
            layer.attn = Adapted(layer.attn)


SEQUENTIAL = nn.Sequential
CHANGES: dict[str, tuple[nn.Module, nn.Module, str | None, list[str]]] = {
    "deeper": (net(9), net(27), "checkpoint", ["+ layers.9-26  Named, 88 parameters each"]),
    "one stage deeper": (
        staged(),
        staged((3, 3, 27, 3)),
        "checkpoint",
        ["+ stages.2.blocks.9-26  Named, 4,728 parameters each"],
    ),
    "two stages deeper": (
        staged((2, 2, 4, 2)),
        staged((3, 2, 6, 2)),
        "checkpoint",
        ["+ stages.0.blocks.2  Named, 552 parameters", "+ stages.2.blocks.4-5  Named, 4,728 parameters each"],
    ),
    "all blocks": (staged(), staged(act=nn.ReLU), "numerics", ["~ stages.0-3.blocks.*.act  GELU → ReLU"]),
    "all blocks of several widths": (
        staged(),
        staged(bias=False),
        "checkpoint",
        ["~ stages.0-3.blocks.*.up  bias: removed, float32[32-128]"],
    ),
    "wider": (
        staged(),
        staged(scale=2),
        "checkpoint",
        [
            "~ stages  sizes of 80 tensors: 8-128 → 16-256",
        ],
    ),
    "one wider, one narrower": (
        SEQUENTIAL(Named(fc=nn.Linear(4, 8, bias=False)), Named(fc=nn.Linear(4, 32, bias=False))),
        SEQUENTIAL(Named(fc=nn.Linear(4, 16, bias=False)), Named(fc=nn.Linear(4, 8, bias=False))),
        "checkpoint",
        ["~ 0.fc  weight: [8, 4] → [16, 4]", "~ 1.fc  weight: [32, 4] → [8, 4]"],
    ),
    "more experts": (
        experts(8),
        experts(16),
        "checkpoint",
        ["+ layers.0-5.experts.8-15  Linear, 40 parameters each"],
    ),
    "parametrized": (
        net(),
        parametrized(net()),
        "checkpoint",
        ["~ layers.0-5.attn  weight: parametrized by WeightNorm", "~ head  weight: parametrized by WeightNorm"],
    ),
    "adapters": (
        net(),
        Tuned(net()),
        "checkpoint",
        [
            "~ the root  wrapped in Tuned, all former parameters frozen (27 tensors)",
            "~ model.layers.0-5.attn  wrapped in Adapted, adds low (16 parameters each)",
        ],
    ),
    "no adapters": (
        Tuned(net()),
        net(),
        "checkpoint",
        [
            "~ whole model  trainable (27 tensors)",
            "~ the root  no longer wrapped in Tuned",
            "~ layers.0-5.attn  no longer wrapped in Adapted, removes low (16 parameters each)",
        ],
    ),
    "some siblings": (
        Named(a=nn.Dropout(0.1), b=nn.Dropout(0.1), c=nn.Linear(1, 1)),
        Named(a=nn.Dropout(0.2), b=nn.Dropout(0.2), c=nn.Linear(1, 1)),
        "training",
        ["~ a,b  p: 0.1 → 0.2"],
    ),
    "some of the blocks": (
        staged(),
        frozen_at(staged(), ("stages.0.blocks.1", "stages.2.blocks.1")),
        "training",
        ["~ stages.0,2.blocks.1  frozen (8 tensors)"],
    ),
    "bfloat16": (
        net(),
        net().to(torch.bfloat16),
        "numerics",
        ["~ whole model  float32 → bfloat16 (27 tensors)"],
    ),
    "layers frozen": (
        net(),
        changed(lambda m: m.layers.requires_grad_(False)),
        "training",
        ["~ layers  frozen (24 tensors)"],
    ),
    "all frozen": (net(), net().requires_grad_(False), "training", ["~ whole model  frozen (27 tensors)"]),
    "one tensor frozen": (
        net(),
        changed(lambda m: m.head.bias.requires_grad_(False)),
        "training",
        ["~ head  bias: frozen"],
    ),
    "another kernel": (
        conv(),
        conv(5, 2, 2),
        "checkpoint",
        [
            "~ 0  stride: (1, 1) → (2, 2), padding: (3, 3) → (2, 2)",
            "~ 0  weight: [8, 3, 7, 7] → [8, 3, 5, 5]",
        ],
    ),
    "padding and frozen": (
        conv(),
        conv(padding=0).requires_grad_(False),
        "numerics",
        ["~ whole model  frozen (2 tensors)", "~ 0  padding: (3, 3) → default"],
    ),
    "padding same": (conv(), conv(padding="same"), "cosmetic", ["~ 0  padding: (3, 3) → same"]),
    "the same pool": (SEQUENTIAL(nn.MaxPool2d(2)), SEQUENTIAL(nn.MaxPool2d((2, 2))), None, []),
    "eps": (
        SEQUENTIAL(nn.BatchNorm2d(3)),
        SEQUENTIAL(nn.BatchNorm2d(3, eps=1e-3)),
        "numerics",
        ["~ 0  eps: 1e-05 → 0.001"],
    ),
    "dropout": (SEQUENTIAL(nn.Dropout(0.1)), SEQUENTIAL(nn.Dropout(0.2)), "training", ["~ 0  p: 0.1 → 0.2"]),
    "activation": (SEQUENTIAL(nn.ReLU()), SEQUENTIAL(nn.GELU()), "numerics", ["~ 0  ReLU → GELU"]),
    "renamed": (
        Named(body=block(4), head=nn.Linear(4, 2)),
        Named(body=block(4), classifier=nn.Linear(4, 2)),
        "checkpoint",
        ["~ head → classifier  renamed"],
    ),
    "inserted": (
        chain(),
        chain(nn.Dropout2d()),
        "checkpoint",
        ["+ 1  Dropout2d", "~ 1-5 → 2-6  moved"],
    ),
    "wrapped": (net(), nn.DataParallel(net()), "checkpoint", ["~ the root  wrapped in DataParallel"]),
    "untied": (tied(True), tied(False), "training", ["~ head  weight: no longer tied to embed.weight"]),
    "tied": (tied(False), tied(True), "numerics", ["~ head  weight: tied to embed.weight"]),
    "swapped and dropout": (
        Named(a=nn.Linear(2, 2), b=nn.LayerNorm(2), c=nn.Dropout(0.1)),
        Named(b=nn.LayerNorm(2), a=nn.Linear(2, 2), c=nn.Dropout(0.2)),
        "training",
        ["~ c  p: 0.1 → 0.2", "~ the root  order of modules changed to b, a, c"],
    ),
}


@pytest.mark.parametrize(("before", "after", "impact", "lines"), CHANGES.values(), ids=CHANGES)
def test_change_is_reported_with_its_class(
    before: nn.Module, after: nn.Module, impact: str | None, lines: list[str]
) -> None:
    drift = find_drift(capture(before), capture(after))
    assert [str(change) for change in drift.changes] == lines
    assert drift.impact == impact
    assert bool(drift) == bool(lines)


@pytest.mark.parametrize(
    ("before", "after", "headline"),
    [
        pytest.param(net(), net(), "", id="nothing"),
        pytest.param(net(), net(width=16), "old checkpoints no longer load (26 size mismatches)", id="wider"),
        pytest.param(net(), net(7), "old checkpoints load with strict=False only (4 missing keys)", id="deeper"),
        pytest.param(
            nn.Sequential(nn.ReLU()),
            nn.Sequential(nn.GELU()),
            "old checkpoints load, but outputs differ",
            id="activation",
        ),
        pytest.param(net(), net().requires_grad_(False), "old checkpoints load; training differs", id="frozen"),
        pytest.param(conv(), conv(padding="same"), "old checkpoints load; the changes are cosmetic", id="padding"),
    ],
)
def test_headline_states_the_effect_on_old_checkpoints(before: nn.Module, after: nn.Module, headline: str) -> None:
    assert find_drift(capture(before), capture(after)).headline == headline


def test_modules_that_became_numbers_are_one_line() -> None:
    model = Named(a=nn.Linear(2, 3), b=nn.LayerNorm(3), c=nn.Dropout(0.1), head=nn.Linear(3, 1))
    drift = find_drift(capture(model), capture(nn.Sequential(*list(model.children())[:-1])))
    assert "~ a,b,c → 0-2  moved" in map(str, drift.changes)
    assert len(drift.changes) <= 3


def test_a_module_and_those_inside_that_changed_with_it_are_one_line() -> None:
    class Attention(nn.Module):
        def __init__(self, heads: int) -> None:
            super().__init__()
            self.heads = heads
            self.key, self.value = nn.Linear(8, heads), nn.Linear(8, heads)

        def extra_repr(self) -> str:
            return f"heads={self.heads}"

    def model(heads: int) -> nn.Module:
        return Named(layers=nn.ModuleList(Named(attn=Attention(heads), fc=nn.Linear(8, 8)) for _ in range(3)))

    drift = find_drift(capture(model(2)), capture(model(4)))
    assert [str(change) for change in drift.changes] == [
        "~ layers.0-2.attn  heads: 2 → 4, key,value weight: [2, 8] → [4, 8], bias: [2] → [4]"
    ]
    assert drift.changes[0].impact == "checkpoint"
    assert drift.changes[0].impacts == ("numerics", "checkpoint", "checkpoint")


def test_a_line_has_at_most_six_changes() -> None:
    def model(width: int) -> nn.Module:
        return Named(
            block=Named(norm=nn.LayerNorm(2, eps=1 / width), **{f"fc{n}": nn.LeakyReLU(n * width) for n in range(1, 8)})
        )

    class Outer(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.rate, self.inner = width * 100, model(width).block

        def extra_repr(self) -> str:
            return f"rate={self.rate}"

    drift = find_drift(capture(Named(outer=Outer(2))), capture(Named(outer=Outer(3))))
    assert len(drift.changes) > 1
    assert max(len(change.parts) for change in drift.changes) <= 6
    assert all(f"fc{number}" in str(drift) for number in range(1, 8))


def test_two_tensors_that_became_equal_in_shape_are_both_reported() -> None:
    class Own(nn.Module):
        def __init__(self, a: int, b: int) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.zeros(a)), nn.Parameter(torch.zeros(b))

    drift = find_drift(capture(Named(own=Own(2, 3))), capture(Named(own=Own(4, 4))))
    assert [str(change) for change in drift.changes] == ["~ own  a: [2] → [4], b: [3] → [4]"]


def test_a_joined_line_has_each_change_with_its_class_and_values() -> None:
    drift = find_drift(capture(net()), capture(Tuned(net())))
    assert [(part.topic, part.impact, part.after) for part in drift.changes[0].parts] == [
        ("wrapped", "checkpoint", ""),
        ("trainable", "training", "frozen"),
    ]


def test_changes_of_one_class_of_one_module_are_one_line() -> None:
    drift = find_drift(capture(nn.LSTM(2, 3)), capture(nn.LSTM(2, 3, 2)))
    assert [str(change) for change in drift.changes] == [
        "~ the root  num_layers: default → 2",
        "~ the root  weight_ih_l1, weight_hh_l1: added, float32[12, 3], bias_ih_l1, bias_hh_l1: added, float32[12]",
    ]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (Totals(4, 3, 2), Totals(4, 3, 2), []),
        (Totals(4, 4), Totals(1004, 3), ["  parameters 4 → 1,004 (+1,000)", "  trainable 4 → 3 (-1)"]),
        (Totals(4, 3, 0), Totals(4, 3, 2), ["  delta 0 → 2 (+2)"]),
        (Totals(4, stored_bytes=8), Totals(4, stored_bytes=16), []),
    ],
    ids=["same", "parameters and trainable", "delta", "bytes"],
)
def test_only_changed_totals_have_a_line(before, after, lines):
    assert list(total_lines(before, after)) == lines


@pytest.mark.parametrize(
    ("was", "path", "word"),
    [
        ("fc", "head", "renamed"),
        ("net.fc", "net.head", "renamed"),
        ("a.fc", "b.head", "moved"),
        ("a.fc", "b.fc", "moved"),
        ("net.1", "net.2", "moved"),
        ("fc", "0", "moved"),
        ("", "model", "moved"),
        ("module", "", "moved"),
    ],
)
def test_word_for_another_path(was: str, path: str, word: str) -> None:
    assert moving(was, path) == word


@pytest.mark.parametrize("order", [1, -1], ids=["unknown first", "known first"])
def test_of_two_lines_for_an_argument_the_one_with_its_former_value_is_kept(order: int) -> None:
    facts = [ChangedFact(f"p: {was} → 0.2", "training", False, was, "0.2", "p") for was in ("none", "0.1")]
    lines = [fact_line("fc", fact) for fact in facts]
    assert [line.text for line in join_lines(lines[::order])] == ["p: 0.1 → 0.2"]
