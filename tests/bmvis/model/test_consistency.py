"""A model with impossible values is reported, such as a snapshot edited by hand."""

from __future__ import annotations

import msgspec
import pytest
import torch
from torch import nn

from bmvis.extraction.modules import capture
from bmvis.model.consistency import inconsistency
from bmvis.model.optimizer import Optimizer, ParameterGroup


@pytest.mark.parametrize(
    ("order", "is_wrong"),
    [((), False), ((1, 0), False), ((1, -1), False), ((2, 0), True), ((0, -2), True), ((0,), True)],
)
def test_order_of_a_parameter_group_names_its_tensors(order: tuple[int, ...], is_wrong: bool) -> None:
    with torch.device("meta"):
        model = capture(nn.Linear(2, 2))
    group = ParameterGroup(tensors=2, foreign=order.count(-1), order=order)
    found = inconsistency(msgspec.structs.replace(model, optimizers=(Optimizer("SGD", (group,)),)))
    assert bool(found) is is_wrong
    assert not is_wrong or "order of other tensors" in found
