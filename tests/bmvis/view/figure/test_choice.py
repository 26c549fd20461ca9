"""The figure that the options of a page select, and what is reported if there is none."""

from __future__ import annotations

import msgspec
import pytest
import torch
from drawn_networks import MixtureOfExperts, figures
from torch import nn

from bmvis.model.tree import Model, Problem
from bmvis.options.definitions import Options
from bmvis.view.figure.choice import chosen_figures, drawn_figure
from bmvis.view.layout import layout


@pytest.fixture(scope="module")
def model() -> Model:
    return figures(MixtureOfExperts(), torch.zeros(1, 8, dtype=torch.int64)).model


@pytest.mark.parametrize(
    ("flow", "levels"),
    [("", []), ("auto", [3, 2, 1]), ("only", [3, 2, 1]), (1, [1]), (2, [2, 1]), (9, [3, 2, 1])],
    ids=str,
)
def test_levels(model: Model, flow: str | int, levels: list[int]) -> None:
    found, warnings = chosen_figures(model, Options(flow=flow))
    assert [figure.level for figure in found] == levels
    assert warnings == ()


def test_page_has_the_figure(model: Model) -> None:
    page = layout(model, Options(flow=2))
    assert page.figure is not None
    assert page.figure.figure.level == 2
    assert layout(model, Options()).figure is None


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"undrawn": Problem("it has no inputs", "set inputs")}, "it has no inputs (set inputs)"),
        ({}, "there is no record of the dataflow"),
        ({"untraced": Problem("the call failed")}, ""),
    ],
    ids=["no inputs", "no record", "failed call"],
)
def test_reason_is_reported_once(model: Model, changes: dict[str, Problem], warning: str) -> None:
    found, warnings = chosen_figures(msgspec.structs.replace(model, dataflow=None, **changes), Options(flow="auto"))
    assert list(found) == []
    assert [str(one).startswith(warning) for one in warnings] == ([True] if warning else [])
    assert all(one.kind == "figure" for one in warnings)


def test_pattern_without_a_match_is_reported(model: Model) -> None:
    found, warnings = chosen_figures(model, Options(flow=1, flow_open=("layers.0", "layrs.1")))
    assert [box.key for box in next(found).boxes if "norm" in box.key] == ["layers.0.norm"]
    assert [str(warning).partition(" matches")[0] for warning in warnings] == ["'layrs.1'"]


@pytest.mark.parametrize("level", [2, 5], ids=["the deepest level", "a level that the model does not have"])
def test_figure_with_too_many_boxes_is_drawn_at_a_level_above(level: int) -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(*(nn.Linear(4 + n, 5 + n) for n in range(200)))

        def forward(self, x):
            return self.inner(x)

    wide = figures(Wide(), torch.zeros(1, 4)).model
    drawn, warnings = drawn_figure(wide, Options(flow=level, fold="equal"))
    assert drawn is not None
    assert drawn.figure.level == 1
    assert [warning.message for warning in warnings] == [
        "level 2 of the architecture figure has 202 boxes, and at most 150 are drawn; level 1 is drawn instead"
    ]
    assert drawn_figure(wide, Options(flow="auto", fold="equal"))[1] == ()


def test_model_whose_output_depends_on_nothing_is_reported() -> None:
    class Constant(nn.Module):
        def forward(self, x):
            return torch.zeros(3)

    found, warnings = chosen_figures(figures(Constant(), torch.zeros(1)).model, Options(flow="auto"))
    assert list(found) == []
    assert warnings[0].message.startswith("no output of the model depends on its inputs")
