"""The mode of the traced call gives the modes of its caller back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bmvis.extraction.call.forward import trace_call
from bmvis.extraction.modules import capture_live


@pytest.mark.parametrize("dataflow", [False, True], ids=["tree", "figure"])
def test_all_devices_of_the_caller_are_restored(dataflow: bool) -> None:
    with torch.device("cpu"):
        with torch.device("meta"):
            with torch.device("meta"):
                trace_call(capture_live(nn.Linear(4, 4)), [torch.ones(2, 4)], {}, dataflow=dataflow)
                assert torch.ones(1).device.type == "meta"
            assert torch.ones(1).device.type == "meta"
        assert torch.ones(1).device.type == "cpu"
    assert torch.ones(1).device.type == "cpu"
