"""Figures without operations (`flow-ops: none`): a box gets its values from the boxes that an operation combines."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from drawn_networks import MixtureOfExperts, ResNet18, UNet, figures, image
from edge_lists import edge_list
from torch import nn

from bmvis.options.definitions import Options
from bmvis.view.figure.choice import drawn_figure
from bmvis.view.figure.figure import Figure
from bmvis.view.figure.layout.checked_drawing import draw


class Block(nn.Module):
    """A block of a transformer that normalizes its inputs."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(4), nn.LayerNorm(4)
        self.attention, self.mlp = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, width), nn.Linear(width, 4))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Trunk(nn.Module):
    """Blocks in a row, between two layers. With `adds`, it adds their inputs to their results."""

    def __init__(self, *blocks: nn.Module, adds: bool = False) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(4, 4), nn.Linear(4, 2)
        self.blocks = nn.ModuleList(blocks)
        self.adds = adds

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x) if self.adds else block(x)
        return self.head(x)


def figure_of(model: nn.Module, *given: Any, level: int = 1) -> Figure:
    return figures(model, *(given or (torch.ones(2, 4),)), options={"operations": "none"}).at(level)


def assert_edges(figure: Figure, expected: str) -> None:
    assert sorted(edge_list(figure).split("; ")) == sorted(expected.split("; "))
    assert draw(figure) is not None
    assert not figure.tangled


def test_residual_around_equal_blocks_is_one_edge() -> None:
    figure = figure_of(Trunk(*(nn.Linear(4, 4) for _ in range(6)), adds=True))
    assert_edges(figure, "in:x > stem; stem > blocks.0..x6; stem > head; blocks.0..x6 > head; head > out:output")
    assert figure.frames == ()
    assert {box.label: box.repeats for box in figure.boxes if box.repeats > 1} == {"blocks.0-5": 6}


def test_blocks_that_normalize_their_inputs() -> None:
    figure = figure_of(Trunk(*(Block() for _ in range(6))), level=2)
    assert_edges(
        figure,
        "in:x > stem; stem > blocks.0.norm1; blocks.0.norm1 > blocks.0.attention; stem > blocks.0.norm2; "
        "blocks.0.attention > blocks.0.norm2; blocks.0.norm2 > blocks.0.mlp; stem > head; blocks.0.attention > head; "
        "blocks.0.mlp > head; head > out:output",
    )
    assert [frame.repeats for frame in figure.frames] == [6]


def test_residuals_of_a_resnet_lead_to_the_next_box() -> None:
    edges = edge_list(figure_of(ResNet18(), image(), level=3)).split("; ")
    assert {"maxpool > layer1.0.relu#2", "layer1.0.bn2 > layer1.0.relu#2", "layer2.0.downsample > layer2.0.relu#2"} <= {
        *edges
    }


def test_skip_connections_lead_to_the_next_box() -> None:
    edges = edge_list(figure_of(UNet(), image(), level=2)).split("; ")
    assert {"down3.conv > up1.conv", "up1.up > up1.conv", "inc.net > up4.conv"} <= {*edges}


def test_experts_stay_side_by_side() -> None:
    figure = figure_of(MixtureOfExperts(), torch.zeros(1, 8, dtype=torch.int64), level=2)
    assert_edges(
        figure,
        "in:x > emb; emb > layers.0.norm; layers.0.norm > layers.0.gate; layers.0.norm > layers.0.experts.0..x4; "
        "emb > head; layers.0.gate > head; layers.0.experts.0..x4 > head; head > out:output",
    )


def test_parameter_of_an_opened_module_is_not_drawn() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.cls = nn.Linear(4, 4), nn.Linear(4, 4), nn.Parameter(torch.ones(1, 4))

        def forward(self, x):
            return self.b(torch.cat([self.cls, self.a(x)]))

    assert_edges(figure_of(Tokens()), "in:x > a; a > b; b > out:output")


def test_output_that_an_operation_combines() -> None:
    class Twins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return self.a(x) - self.b(x) + x

    figure = figure_of(Twins())
    assert_edges(figure, "in:x > a; in:x > b; in:x > out:output; a > out:output; b > out:output")


def test_figure_with_more_edges_than_with_operations_has_fewer_levels() -> None:
    blocks = [Block(width) for width in range(1, 6)]
    made = figures(Trunk(*blocks), torch.ones(2, 4), options={"operations": "none", "similar": False})
    assert made.at(2).tangled
    model = made.model
    drawn, warnings = drawn_figure(model, Options(flow=2, flow_ops="none", fold="equal"))
    assert drawn is not None
    assert drawn.figure.level == 1
    assert [str(one).partition(";")[0] for one in warnings] == [
        "level 2 of the architecture figure has more edges without operations than with them"
    ]
    automatic, warnings = drawn_figure(model, Options(flow="auto", flow_ops="none", fold="equal"))
    assert automatic is not None
    assert automatic.figure.level == 1
    assert warnings == ()


def test_changes_of_a_comparison_are_kept() -> None:
    class Older(Trunk):
        def forward(self, x):
            x = self.stem(x)
            return self.head(self.blocks[0](x))

    base = figures(Older(nn.Linear(4, 4)), torch.ones(2, 4)).model
    options = {"operations": "none", "base": base}
    figure = figures(Trunk(nn.Linear(4, 4), adds=True), torch.ones(2, 4), options=options).at(1)
    assert {(edge.source, edge.target): edge.change for edge in figure.edges if edge.change} == {
        ("stem", "head"): "added"
    }


@pytest.mark.parametrize("operations", ["joins", "all", "none"])
def test_every_box_of_a_frame_is_in_the_figure(operations: str) -> None:
    made = figures(Trunk(*(Block() for _ in range(6)), adds=True), torch.ones(2, 4), options={"operations": operations})
    for level in (1, 2):
        figure = made.at(level)
        waiting = list(figure.frames)
        while waiting:
            frame = waiting.pop()
            assert frame.boxes or frame.frames
            assert {*frame.boxes} <= {*figure.box_of}
            waiting += frame.frames
