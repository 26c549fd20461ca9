"""The code of TorchScript and of graphs is a part of the model: its changes are reported."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from bmvis import capture
from bmvis.comparison.drift import find_drift


class Scaled(nn.Module):
    def __init__(self, factor: int, *, squashes: bool = False) -> None:
        super().__init__()
        self.factor, self.squashes = factor, squashes
        self.layer = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.layer(x) * self.factor
        return torch.tanh(found) if self.squashes else torch.relu(found)


def exported(model: nn.Module) -> nn.Module:
    return torch.export.export(model, (torch.zeros(1, 2),)).module()


CHANGES: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module]]] = {
    "stride of a script": (
        lambda: torch.jit.script(nn.Conv2d(4, 4, 1)),
        lambda: torch.jit.script(nn.Conv2d(4, 4, 1, stride=2)),
    ),
    "rate of a script": (
        lambda: torch.jit.script(nn.Sequential(nn.Dropout(0.1))),
        lambda: torch.jit.script(nn.Sequential(nn.Dropout(0.2))),
    ),
    "attribute of a script": (lambda: torch.jit.script(Scaled(2)), lambda: torch.jit.script(Scaled(3))),
    "operation of a graph": (
        lambda: torch.fx.symbolic_trace(Scaled(2)),
        lambda: torch.fx.symbolic_trace(Scaled(2, squashes=True)),
    ),
    "number in a graph": (lambda: torch.fx.symbolic_trace(Scaled(2)), lambda: torch.fx.symbolic_trace(Scaled(3))),
    "operation of an export": (lambda: exported(Scaled(2)), lambda: exported(Scaled(2, squashes=True))),
    "value in the closure of a library": (
        lambda: AveragedModel(nn.Linear(2, 2), avg_fn=get_ema_avg_fn(0.9)),
        lambda: AveragedModel(nn.Linear(2, 2), avg_fn=get_ema_avg_fn(0.99)),
    ),
}


@pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)
def test_change_of_code_is_reported(before: Callable[[], nn.Module], after: Callable[[], nn.Module]) -> None:
    assert find_drift(capture(before()), capture(after()))
    assert not find_drift(capture(before()), capture(before()))


def test_constants_of_a_script_are_settings() -> None:
    found = capture(torch.jit.script(Scaled(2))).root.settings or {}
    assert found["factor"] == "2"
    assert found["code"].partition(" #")[0].endswith(" characters")


def test_code_that_only_one_model_has_is_no_change() -> None:
    drift = find_drift(capture(nn.Sequential(nn.ReLU())), capture(torch.fx.symbolic_trace(nn.Sequential(nn.ReLU()))))
    assert "code" not in str(drift)
