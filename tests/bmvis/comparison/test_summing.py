"""How equal changes of several modules become one line."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import pytest
from torch import nn

from bmvis.comparison.drift import find_drift
from bmvis.extraction.modules import capture

Layer = Callable[[int], nn.Module]


def dense(name: str, layer: Layer = lambda size: nn.Linear(size, 2)) -> nn.Module:
    """Return two blocks with three and six layers of a width of their own."""
    blocks = {
        f"block{block}": nn.ModuleDict({f"{name}{number}": layer(number) for number in range(1, 3 * block + 1)})
        for block in (1, 2)
    }
    return nn.ModuleDict(blocks)


def two(*layers: nn.Module) -> nn.Module:
    """Return two branches of two blocks with the layers."""
    return nn.ModuleDict({side: nn.ModuleList(nn.Sequential(*layers) for _ in range(2)) for side in ("down", "up")})


def adapted(name: str) -> nn.Module:
    """Return five layers, each with two projections that have an adapter of that name."""

    def projection() -> nn.Module:
        return nn.ModuleDict({side: nn.ModuleDict({name: nn.Linear(2, 3)}) for side in ("lora_A", "lora_B")})

    blocks = (nn.ModuleDict({"q_proj": projection(), "v_proj": projection()}) for _ in range(5))
    return nn.ModuleDict({"layers": nn.ModuleList(blocks)})


def norms(kind: type[nn.Module]) -> nn.Module:
    """Return ten blocks of different widths with norms of a class."""
    return nn.ModuleList(nn.Sequential(OrderedDict(linear=nn.Linear(2, w), norm=kind(w))) for w in range(3, 13))


def grouped(groups: Callable[[int], int]) -> nn.Module:
    return nn.ModuleList(nn.Sequential(nn.Conv2d(w, w, 1, groups=groups(w)), nn.ReLU()) for w in (2, 4, 6, 8, 10, 12))


def ordered(*names: str) -> Layer:
    layers = {"norm": lambda size: nn.LayerNorm(size), "conv": lambda size: nn.Linear(size, 2)}
    return lambda size: nn.ModuleDict({name: layers[name](size) for name in names})


CASES: dict[str, tuple[nn.Module, nn.Module, list[str]]] = {
    "numbered names": (
        dense("denselayer"),
        dense("layer"),
        [
            "~ block1.denselayer1-3 → block1.layer1-3  renamed",
            "~ block2.denselayer1-6 → block2.layer1-6  renamed",
        ],
    ),
    "numbers that changed by other amounts": (
        nn.ModuleDict({"x1": nn.Linear(2, 3), "x2": nn.Linear(3, 4)}),
        nn.ModuleDict({"y1": nn.Linear(2, 3), "y5": nn.Linear(3, 4)}),
        ["~ x1 → y1  renamed", "~ x2 → y5  renamed"],
    ),
    "order in numbered modules": (
        dense("layer", ordered("conv", "norm")),
        dense("layer", ordered("norm", "conv")),
        [
            "~ block1.layer1-3  order of modules changed to norm, conv",
            "~ block2.layer1-6  order of modules changed to norm, conv",
        ],
    ),
    "numbers in several parents": (
        two(nn.Linear(2, 3), nn.Linear(3, 4), nn.Linear(4, 5)),
        two(nn.Linear(2, 3), nn.Dropout(), nn.Linear(3, 4), nn.Linear(4, 5)),
        ["+ down,up.0-1.1  Dropout", "~ down,up.0-1.1-2 → down,up.0-1.2-3  moved"],
    ),
    "adapter": (
        adapted("default"),
        adapted("other"),
        ["~ layers.0-4.q_proj,v_proj.lora_A,lora_B.default → layers.0-4.q_proj,v_proj.lora_A,lora_B.other  renamed"],
    ),
    "many tensors": (
        norms(nn.BatchNorm1d),
        norms(nn.InstanceNorm1d),
        [
            "~ 0-9.norm  BatchNorm1d → InstanceNorm1d, affine: True → False, track_running_stats: True → False, "
            "weight, bias, …: removed (50 tensors)"
        ],
    ),
    "sizes of one": (
        grouped(lambda width: width),
        grouped(lambda _: 1),
        ["~ 0-5.0  groups: 2 to 12 → default", "~ 0-5.0  weight: [2-12, 1, 1, 1] → [2-12, 2-12, 1, 1]"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_equal_changes_are_one_line(case: str) -> None:
    before, after, lines = CASES[case]
    assert [str(change) for change in find_drift(capture(before), capture(after)).changes] == lines


def test_sizes_that_are_all_one_are_no_range() -> None:
    def convolutions(groups: bool) -> nn.Module:
        sizes = (2, 4, 6, 8, 10, 12)
        parts = {f"part{name}": nn.ModuleDict({name: nn.Conv2d(w, w, 1, groups=w if groups else 1)})
                 for name, w in zip("abcdef", sizes, strict=True)}  # fmt: skip
        return nn.ModuleDict(parts)

    (line,) = (
        str(one)
        for one in find_drift(capture(convolutions(True)), capture(convolutions(False))).changes
        if "sizes" in str(one)
    )
    assert line == "~ the root  sizes of 6 tensors: 1 → 2-12"


def test_arguments_with_equal_values_share_a_text() -> None:
    class Norm(nn.Module):
        def __init__(self, eps: float, width: int = 2) -> None:
            super().__init__()
            self.variance_epsilon, self.eps, self.factor = eps, eps, width

    (line,) = find_drift(capture(Norm(1e-6)), capture(Norm(1e-5, 3))).changes
    assert line.text == "variance_epsilon, eps: 1e-06 → 1e-05, factor: 2 → 3"
    assert [part.topic for part in line.parts] == ["variance_epsilon", "eps", "factor"]


def test_change_of_an_encoder_layer_is_one_line() -> None:
    before, after = (
        capture(nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=first), 2))
        for first in (False, True)
    )
    assert [str(change) for change in find_drift(before, after).changes] == ["~ layers.0-1  norm_first: default → True"]
