"""A parametrized or pruned module is one row with its own class and the name of the parametrization."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import bmvis
from bmvis.model.preorder import child_path
from bmvis.model.totals import subtree_totals
from bmvis.options.definitions import Options
from bmvis.render.text import to_text
from bmvis.view.layout import layout
from bmvis.view.parametrized import merge_parametrizations
from bmvis.view.row_finder import shown_at


class MaxNorm(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.renorm(2, 0, 1.0)


class LowRank(nn.Module):
    """A parametrization with parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.zeros(8, 1))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + self.down


def parametrized(layer: nn.Module, *functions: nn.Module, name: str = "weight") -> nn.Module:
    for function in functions:
        parametrize.register_parametrization(layer, name, function)
    return layer


def pruned(layer: nn.Module) -> nn.Module:
    return prune.l1_unstructured(layer, "weight", amount=0.5)


def tied() -> nn.Module:
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)})
    model["b"].weight = model["a"].weight
    parametrized(model["a"], MaxNorm())
    return model


def lines(model: nn.Module, **options: object) -> list[str]:
    text = to_text(layout(bmvis.capture(model), Options(**options)))
    return [line.lstrip("│├└─ ") for line in text.splitlines()[1 : text.splitlines().index("")]]


ROWS = {
    "one": (parametrized(nn.Conv1d(58, 19, 1), MaxNorm()), "m (Conv1d) weight:[19, 58, 1] (MaxNorm) bias:[19]"),
    "two": (
        parametrized(nn.Linear(4, 8), MaxNorm(), nn.Tanh()),
        "m (Linear) weight:[8, 4] (MaxNorm + Tanh) bias:[8]",
    ),
    "bias too": (
        parametrized(parametrized(nn.Linear(4, 8), MaxNorm()), nn.Tanh(), name="bias"),
        "m (Linear) weight:[8, 4] (MaxNorm) bias:[8] (Tanh)",
    ),
    "weight_norm": (
        parametrizations.weight_norm(nn.Linear(4, 8)),
        "m (Linear) weight:[8, 4] (weight_norm) bias:[8]",
    ),
    "spectral_norm": (
        parametrizations.spectral_norm(nn.Linear(4, 8)),
        "m (Linear) weight:[8, 4] (spectral_norm) bias:[8]",
    ),
    "orthogonal": (parametrizations.orthogonal(nn.Linear(8, 8)), "m (Linear) weight:[8, 8] (orthogonal) bias:[8]"),
    "frozen": (
        parametrized(nn.Linear(4, 8, bias=False).requires_grad_(False), MaxNorm()),
        "m (Linear) weight:[8, 4] (frozen) (MaxNorm)",
    ),
    "old weight_norm": (
        nn.utils.weight_norm(nn.Linear(4, 8)),
        "m (Linear) bias:[8] weight_g:[8, 1] (weight_norm) weight_v:[8, 4] (weight_norm)",
    ),
    "old spectral_norm": (
        nn.utils.spectral_norm(nn.Linear(4, 8)),
        "m (Linear) bias:[8] weight_orig:[8, 4] (spectral_norm)",
    ),
    "pruned": (pruned(nn.Linear(4, 8)), "m (Linear) bias:[8] weight_orig:[8, 4] (pruned)"),
    "plain": (nn.Linear(4, 8), "m (Linear) weight:[8, 4] bias:[8]"),
}


@pytest.mark.parametrize(("layer", "row"), ROWS.values(), ids=ROWS)
def test_parametrized_module_is_one_row(layer: nn.Module, row: str) -> None:
    assert lines(nn.ModuleDict({"m": layer})) == [row]


@pytest.mark.parametrize(("layer", "_row"), ROWS.values(), ids=ROWS)
def test_totals_and_buffers_are_those_of_the_model(layer: nn.Module, _row: str) -> None:
    model = bmvis.capture(nn.ModuleDict({"m": layer}))
    merged = merge_parametrizations(model)
    assert subtree_totals(merged)[0] == subtree_totals(model)[0]
    named = zip(merged.paths, merged.modules, strict=True)
    keys = {child_path(path, buffer.name) for path, module in named for buffer in module.buffers}
    assert keys == {name for name, _ in nn.ModuleDict({"m": layer}).named_buffers()}


def test_parametrized_modules_fold() -> None:
    model = nn.Sequential(*[parametrizations.weight_norm(nn.Linear(4, 4)) for _ in range(3)])
    assert lines(model) == ["0-2(Linear) weight:[4, 4] (weight_norm) bias:[4]"]


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (nn.ModuleDict({"m": parametrized(nn.Linear(4, 8), LowRank())}), {}),
        (tied(), {}),
        (nn.ModuleDict({"m": parametrized(nn.Linear(4, 8), MaxNorm())}), {"expand_params": True}),
        (nn.ModuleDict({"m": parametrized(nn.Linear(4, 8), MaxNorm())}), {"highlight": ("m.parametrizations.weight",)}),
    ],
    ids=["parameters of its own", "tied", "expand-params", "highlight"],
)
def test_modules_inside_are_shown_where_one_row_is_not_enough(model: nn.Module, options: dict[str, object]) -> None:
    assert any("parametrizations (ModuleDict)" in line for line in lines(model, **options))


def test_link_to_a_module_inside_lands_on_the_row() -> None:
    model = bmvis.capture(nn.ModuleDict({"m": parametrized(nn.Linear(4, 8), MaxNorm())}))
    rows = layout(model, Options()).rows
    assert shown_at(model, rows)["m.parametrizations.weight.0"] == "m"


def test_comparison_names_the_parametrization() -> None:
    before = bmvis.capture(nn.ModuleDict({"m": nn.Linear(4, 8)}))
    after = bmvis.capture(nn.ModuleDict({"m": parametrizations.weight_norm(nn.Linear(4, 8))}))
    text = to_text(layout(after, Options(base="m:before"), before))
    assert "m (Linear) weight:[8, 4] (not parametrized → weight_norm) bias:[8]" in text
