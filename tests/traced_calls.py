"""Models that are called once, as the option `inputs` does."""

from __future__ import annotations

import torch
from torch import nn

from bmvis.extraction.call.forward import make_tensors, trace_call
from bmvis.extraction.modules import capture_live
from bmvis.model.tree import Model
from bmvis.options.inputs import parse_inputs
from bmvis.options.parsing import parse_options
from bmvis.view.layout import layout
from bmvis.view.page import Page


def traced(model: nn.Module, inputs: str, device: str = "meta") -> Model:
    """Return the record of a model after one call with the inputs of a page."""
    written = parse_inputs(inputs)
    assert isinstance(written, tuple)
    positional, named = make_tensors(written, device)
    with torch.device(device):
        return trace_call(capture_live(model), positional, named)


def page_of(model: nn.Module, inputs: str, **options: str) -> Page:
    """Return the layout of a model after such a call."""
    return layout(traced(model, inputs), parse_options({"inputs": inputs, **options}))


class Odd(nn.Module):
    """Calls its modules in another order, one of them twice with different sizes, and one never."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(4, 2)
        self.first = nn.Linear(4, 4)
        self.spare = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor | None]:
        x = self.first(self.first(x)[:1])
        return {"logits": self.last(x), "hidden": x, "loss": None}


def odd() -> nn.Module:
    with torch.device("meta"):
        return Odd()
