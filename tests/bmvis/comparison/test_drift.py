"""What is reported of a change: its lines, its class, and the headline."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from bmvis.comparison.drift import find_drift
from bmvis.extraction.modules import capture


class Named(nn.Module):
    def __init__(self, **children: nn.Module) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)


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


SEQUENTIAL = nn.Sequential
CHANGES: dict[str, tuple[nn.Module, nn.Module, str | None, list[str]]] = {
    "deeper": (net(9), net(27), "checkpoint", ["+ layers.9-26  Named, 88 parameters"]),
    "bfloat16": (
        net(),
        net().to(torch.bfloat16),
        "numerics",
        ["~ the root  whole model: float32 → bfloat16 (27 tensors)"],
    ),
    "layers frozen": (
        net(),
        changed(lambda m: m.layers.requires_grad_(False)),
        "training",
        ["~ layers  frozen (24 tensors)"],
    ),
    "all frozen": (net(), net().requires_grad_(False), "training", ["~ the root  whole model: frozen (27 tensors)"]),
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
            "~ 0  stride: (1, 1) → (2, 2)",
            "~ 0  padding: (3, 3) → (2, 2)",
            "~ 0  weight: [8, 3, 7, 7] → [8, 3, 5, 5]",
        ],
    ),
    "padding and frozen": (
        conv(),
        conv(padding=0).requires_grad_(False),
        "numerics",
        ["~ the root  whole model: frozen (2 tensors)", "~ 0  padding: (3, 3) → none"],
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
        ["+ 1  Dropout2d, 0 parameters", "~ 1-5 → 2-6  moved"],
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
