"""Calls of models on the meta device with fake tensors, for code that reads the device."""

from __future__ import annotations

import torch
from torch import nn

from bmvis.extraction.call.forward import trace_call
from bmvis.extraction.meta_device.fake_tensors import with_fake_tensors
from bmvis.extraction.modules import capture_live


def test_dataflow_of_a_call_with_fake_tensors() -> None:
    class Sliced(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)

        def forward(self, x):
            rows = self.a(x)[:, :2]
            return rows.sum() if bool((x == 0).sum().device.type == "cpu") else rows

    live = capture_live(Sliced().to("meta"))
    with with_fake_tensors(live) as fake, torch.device("cpu"):
        traced = trace_call(fake, [torch.zeros(2, 4)], {}, dataflow=True)
    assert traced.dataflow is not None
    assert traced.root.call is not None
    assert traced.root.call.uncounted == ()


def test_changes_by_a_call_with_fake_tensors_leave_the_facts_of_the_other_tensors() -> None:
    class Switches(nn.Module):
        """Replaces its attention if the input is short, as BigBird does."""

        def __init__(self) -> None:
            super().__init__()
            self.long = nn.Linear(4, 4)
            self.frozen = nn.Linear(4, 4).requires_grad_(False)
            self.used = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if hasattr(self, "long"):
                self.short = nn.Sequential(self.long, nn.Linear(4, 4))
                del self.long
            return self.short(x) + self.frozen(x) @ self.used.weight

    live = capture_live(Switches().to("meta"))
    with with_fake_tensors(live) as fake, torch.device("cpu"):
        tree = trace_call(fake, [torch.zeros(2, 4)], {})
    parameters = {path: module.parameters for path, module in zip(tree.paths, tree.modules, strict=True)}
    assert {path: own[0].trainable for path, own in parameters.items() if own} == {
        "frozen": False, "used": True, "short.0": True, "short.1": True,
    }  # fmt: skip
    assert {own[0].device for path, own in parameters.items() if own and path != "short.1"} == {"meta"}
    assert [module.name for module in tree.modules if module.call and not module.call.calls] == []
