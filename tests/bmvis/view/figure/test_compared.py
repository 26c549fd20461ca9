"""Figures of comparisons: edges that only one of two models has."""

from __future__ import annotations

import msgspec
import pytest
import torch
from bs4 import BeautifulSoup
from drawn_networks import figures
from torch import nn

from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.render.connections import connection_lines
from bmvis.render.html.tree import to_html
from bmvis.render.latex import to_latex
from bmvis.view.figure.choice import drawn_figure
from bmvis.view.layout import layout


class Block(nn.Module):
    def __init__(self, is_residual: bool) -> None:
        super().__init__()
        self.norm, self.dense = nn.LayerNorm(8), nn.Linear(8, 8)
        self._is_residual = is_residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.dense(self.norm(x))
        return found + x if self._is_residual else found


class Net(nn.Module):
    def __init__(self, blocks: int = 4, is_residual: bool = True, has_skip: bool = False) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(8, 8), nn.Linear(8, 8)
        self.layers = nn.ModuleList(Block(is_residual) for _ in range(blocks))
        self.skip = nn.Linear(8, 8) if has_skip else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = x = self.embed(x)
        for layer in self.layers:
            x = layer(x)
        return self.head(x if self.skip is None else x + self.skip(first))


def traced(net: Net) -> Model:
    return figures(net, torch.zeros(1, 4, 8)).model


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        pytest.param(Net(), Net(), [], id="no change"),
        pytest.param(
            Net(),
            Net(has_skip=True),
            [
                "added: embed -> skip",
                "added: + in layers.0-3 (×4) -> + in root",
                "removed: + in layers.0-3 (×4) -> head",
                "added: skip -> + in root",
                "added: + in root -> head",
            ],
            id="a skip connection",
        ),
        pytest.param(
            Net(is_residual=False),
            Net(),
            [
                "added: embed -> + in layers.0",
                "removed: layers.0.dense -> layers.1-3.norm (×3)",
                "added: layers.0.dense -> + in layers.0",
                "added: + in layers.0 -> layers.1-3.norm (×3), + in layers.1-3 (×3)",
                "added: layers.1-3.dense (×3) -> + in layers.1-3 (×3)",
                "removed: layers.1-3.dense (×3) -> head",
                "added: + in layers.1-3 (×3) -> head",
            ],
            id="residual connections",
        ),
        pytest.param(
            Net(),
            Net(is_residual=False),
            [
                "added: layers.0.dense -> layers.1-3.norm (×3)",
                "added: layers.1-3.dense (×3) -> head",
                "removed: embed -> + in layers.0",
                "removed: + in layers.0 -> + in layers.1 (and 2 more like it)",
                "removed: + in layers.0 -> layers.1.norm (and 2 more like it)",
                "removed: layers.0.dense -> + in layers.0 (and 3 more like it)",
                "removed: + in layers.3 -> head",
            ],
            id="residual connections that are gone",
        ),
        pytest.param(
            Net(3),
            Net(4),
            [
                "added: + in layers.0-2 (×3) -> layers.3.norm, + in layers.3",
                "added: layers.3.norm -> layers.3.dense",
                "added: layers.3.dense -> + in layers.3",
                "added: + in layers.3 -> head",
            ],
            id="a block",
        ),
    ],
)
def test_edges_of_one_model_are_marked(before: Net, after: Net, lines: list[str]) -> None:
    drawn, warnings = drawn_figure(traced(after), Options(flow="auto"), traced(before))
    assert warnings == ()
    assert drawn is not None
    assert drawn.drawing is not None
    shown = [line.partition(": [")[0] for line in connection_lines(drawn.figure)]
    assert sorted(line for line in shown if line.startswith(("added", "removed"))) == sorted(lines)


def test_marks_differ_in_more_than_color() -> None:
    page = layout(traced(Net(has_skip=True)), Options(flow="only"), traced(Net()))
    svg = BeautifulSoup(to_html(page, "m"), "html.parser").select_one("svg")
    assert svg is not None
    assert (len(svg.select("g.bmvis-added")), len(svg.select("g.bmvis-removed"))) == (4, 1)
    assert to_latex(page).count("removed:") == 1


def test_base_that_was_not_called_is_a_warning() -> None:
    base = msgspec.structs.replace(traced(Net()), dataflow=None)
    drawn, (warning,) = drawn_figure(traced(Net(has_skip=True)), Options(flow="auto"), base)
    assert warning.message == "the dataflow of the base model Net is not known, so the figure marks no changes"
    assert drawn is not None
    assert not any(edge.change for edge in drawn.figure.edges)
