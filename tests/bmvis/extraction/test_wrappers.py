"""Wrappers: their own row, the model inside without change, and the counts of PyTorch."""

import pytest
import torch
from captured import captured_parameters
from torch import nn

from bmvis import capture
from bmvis.model.totals import subtree_totals
from bmvis.options.definitions import Options
from bmvis.render.text import to_text
from bmvis.view.layout import layout

INSIDE = ["0 (Linear) weight:[3, 2] bias:[3]", "1 (Sequential)", "0 (BatchNorm1d) weight:[3] bias:[3]"]


def inside() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3)))


def drawn(model: nn.Module) -> list[str]:
    text = to_text(layout(capture(model), Options()), marks=False)
    return [line.lstrip("│├└─ ") for line in text.splitlines()]


@pytest.fixture(scope="module")
def one_process():
    """Make a process group of this process alone."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def fsdp1(use_orig_params):
    from torch.distributed.fsdp import FullyShardedDataParallel

    return FullyShardedDataParallel(inside(), use_orig_params=use_orig_params, device_id=torch.device("cpu"))


def fsdp2():
    from torch.distributed.fsdp import fully_shard

    model = inside()
    fully_shard(model[1])
    fully_shard(model)
    return model


def shards():
    from torch.distributed.tensor import DTensor
    from torch.distributed.tensor.placement_types import Shard

    mesh = torch.distributed.init_device_mesh("cpu", (1,))
    model = nn.Linear(2, 3)
    local = torch.zeros(3, 2)
    model.weight = nn.Parameter(DTensor.from_local(local, mesh, [Shard(0)], shape=(12, 2), stride=(2, 1)))
    return model


WRAPPED = {
    "torch.compile": (lambda: torch.compile(inside()), "OptimizedModule", ["_orig_mod (Sequential)", *INSIDE]),
    "DataParallel": (lambda: nn.DataParallel(inside()), "DataParallel", ["module (Sequential)", *INSIDE]),
    "DDP": (
        lambda: nn.parallel.DistributedDataParallel(inside()),
        "DistributedDataParallel",
        ["module (Sequential)", *INSIDE],
    ),
    "compiled DDP": (
        lambda: torch.compile(nn.parallel.DistributedDataParallel(inside())),
        "OptimizedModule",
        ["_orig_mod (DistributedDataParallel)", "module (Sequential)", *INSIDE],
    ),
    "FSDP": (lambda: fsdp1(True), "FullyShardedDataParallel", ["_fsdp_wrapped_module (Sequential)", *INSIDE]),
    "FSDP, flat": (
        lambda: fsdp1(False),
        "FullyShardedDataParallel",
        ["_fsdp_wrapped_module (Sequential) _flat_param:[15]"],
    ),
    "fully_shard": (
        fsdp2,
        "FSDPSequential",
        [INSIDE[0], "1 (FSDPSequential)", INSIDE[2]],
    ),
    "scripted": (lambda: torch.jit.script(inside()), "Sequential", INSIDE),
    "traced": (lambda: torch.jit.trace(inside().eval(), torch.zeros(1, 2)), "Sequential", INSIDE),
    "scripted inside": (
        lambda: nn.Sequential(torch.jit.script(inside())),
        "Sequential",
        ["0 (Sequential)", *INSIDE],
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("factory", "root", "lines"), WRAPPED.values(), ids=WRAPPED)
def test_wrapper_is_a_row_above_the_wrapped_model(one_process, factory, root, lines):
    model = factory()
    tree = capture(model)
    assert tree.root.type == root
    assert drawn(model) == ["root", *lines]
    assert subtree_totals(tree)[0].count == sum(p.numel() for p in model.parameters()) == 15


def test_compiled_module_keeps_paths_of_state_dict_keys():
    model = nn.Sequential(torch.compile(nn.Linear(2, 2)))
    assert list(captured_parameters(model)) == list(model.state_dict()) == ["0._orig_mod.weight", "0._orig_mod.bias"]


def test_sharded_parameter_has_whole_count_and_local_bytes(one_process):
    weight = capture(shards()).root.parameters[0]
    assert (weight.shape, weight.count, weight.stored_bytes) == ((12, 2), 24, 24)
    assert weight.quantization == ""


@pytest.mark.filterwarnings("ignore")
def test_scripted_module_keeps_ties():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
            self.b.weight = self.a.weight
            self.c = self.a

        def forward(self, x):
            return self.b(self.a(x))

    tree = capture(torch.jit.script(Tied()))
    assert [(m.name, m.type, m.shared_with) for m in tree.modules[1:]] == [
        ("a", "Linear", None), ("b", "Linear", None), ("c", "Linear", None)
    ]  # fmt: skip
    assert [p.tied_to for p in (*tree.modules[2].parameters, *tree.modules[3].parameters)] == [
        "a.weight", "", "a.weight", "a.bias"
    ]  # fmt: skip
    assert subtree_totals(tree)[0].count == 4 + 2 + 2
    assert tree.modules[1].import_path == "torch.nn.modules.linear.Linear"
