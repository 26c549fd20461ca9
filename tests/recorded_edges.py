"""Edges of small models with given code, in the notation of `edge_lists`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from drawn_networks import figures
from edge_lists import edge_list
from torch import nn

BOTH = "in:x > a; in:x > b; "


class Net(nn.Module):
    """Two layers of one size, and a third one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(8, 2)
        self.drop, self.same, self.norm = nn.Dropout(0.5), nn.Identity(), nn.LayerNorm(4)
        self.table = nn.Embedding(3, 4)
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("shift", torch.ones(4))


def edges_of(model: nn.Module, *given: Any, level: int = 1, **named: Any) -> list[str]:
    """Return the edges of the figure of a model after a call."""
    return sorted(edge_list(figures(model, *given, **named).at(level)).split("; "))


def edges_of_code(code: Callable[..., Any], device: str) -> list[str]:
    """Return the edges of a `Net` with this `forward`."""
    made = type("Made", (Net,), {"forward": code})
    with torch.device(device):
        return edges_of(made(), torch.ones(2, 4))
