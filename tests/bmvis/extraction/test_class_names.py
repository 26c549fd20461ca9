"""Modules have the names of the classes that people wrote, not of those that PyTorch generates."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from bmvis.extraction.modules import capture


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 4)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.dense(x))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(), Block())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x)


def exported() -> nn.Module:
    return torch.export.export(Net(), (torch.zeros(1, 4),)).module()


def traced() -> nn.Module:
    return torch.fx.symbolic_trace(Net())


def inside_a_model() -> nn.Module:
    return nn.ModuleDict({"net": exported()})


def parametrized() -> nn.Module:
    block = Block()
    parametrize.register_parametrization(block.dense, "weight", nn.Tanh())
    return nn.ModuleDict({"block": block})


def types(model: nn.Module) -> dict[str, str]:
    tree = capture(model)
    return {path: module.type for path, module in zip(tree.paths, tree.modules, strict=True)}


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (exported, {"": "GraphModule", "blocks": "Sequential", "blocks.0": "Block", "blocks.0.dense": "Linear"}),
        (traced, {"": "Net", "blocks": "Sequential", "blocks.0": "Block", "blocks.0.dense": "Linear"}),
        (inside_a_model, {"net": "GraphModule", "net.blocks": "Sequential", "net.blocks.1.dense": "Linear"}),
        (parametrized, {"block": "Block", "block.dense": "Linear"}),
    ],
)
def test_types_are_the_ones_people_know(make, expected):
    found = types(make())
    assert {path: found[path] for path in expected} == expected


@pytest.mark.parametrize("make", [exported, traced])
def test_graph_modules_link_to_the_documented_class(make):
    assert capture(make()).root.import_path == "torch.fx.GraphModule"


def test_broken_graphs_leave_the_types_alone():
    model = traced()
    for node in model.graph.nodes:
        node.meta["nn_module_stack"] = {"a": ("blocks", 3), "b": 1, "c": (2, nn.Linear), "d": ("", nn.Linear)}
    assert types(model)["blocks"] == "Module"
