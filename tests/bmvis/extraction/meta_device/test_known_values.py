"""Small constants on the meta device have values; what is not certain has none."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bmvis.extraction.meta_device.known_values import KnownValues
from bmvis.extraction.modules import capture


def on_meta(make: Callable[[], Any]) -> Any:
    with torch.device("meta"), KnownValues():
        return make()


def written_in_place() -> list[float]:
    table = torch.zeros(2, 3)
    table[0] = torch.arange(3.0)
    row = table[1]
    row.fill_(7)
    row.data.mul_(2)
    table += 1
    return table.tolist()


def through_an_index() -> list[int]:
    grid = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij")).flatten(1)
    return (grid[:, :, None] - grid[:, None, :]).permute(1, 2, 0).sum(-1).unique().tolist()


@pytest.mark.parametrize(
    "read",
    [
        lambda: [x.item() for x in torch.linspace(0, 0.1, 5)],
        lambda: torch.linspace(0, 0.3, 7).tolist(),
        lambda: np.asarray(torch.arange(3)).tolist(),
        lambda: torch.arange(4).numpy().tolist(),
        lambda: [torch.full((2,), n).long() for n in torch.tensor([2, 3])][1].tolist(),
        lambda: list(range(torch.tensor([1, 2, 3]).sum())),
        lambda: bool((torch.ones(3) > 0).all()),
        lambda: f"{torch.tensor(0.5):.2f}",
        lambda: torch.arange(6)[torch.arange(6) % 2 == 0].tolist(),
        lambda: torch.arange(9).view(3, 3).split(torch.tensor([1, 2]).tolist())[1].tolist(),
        lambda: 3 in torch.arange(5),
        lambda: torch.eye(2).to("cpu").cpu().to(torch.float64).to(torch.ones(1, device="cpu")).tolist(),
        lambda: (torch.arange(2.0) + torch.ones(2, device="cpu")).tolist(),
        lambda: torch.zeros(2, device=torch.arange(1).device).tolist(),
        lambda: max(torch.tensor([4, 9, 2])).item(),
        written_in_place,
        through_an_index,
    ],
)
def test_constants_have_the_same_values_as_on_the_cpu(read: Callable[[], Any]) -> None:
    assert on_meta(read) == read()


def parameter_that_shares_memory(write: Callable[[torch.Tensor], object]) -> float:
    memory = torch.zeros(3)
    write(nn.Parameter(memory))
    return memory.sum().item()


def ones_after(write: Callable[[torch.Tensor], object]) -> list[float]:
    tensor = torch.ones(3)
    with torch.no_grad():
        write(tensor)
    return tensor.tolist()


def assigned_data(tensor: torch.Tensor) -> None:
    tensor.data = torch.ones(3, dtype=torch.float64, device="cpu")


def memory_of_another(write: Callable[[torch.Tensor], object]) -> list[float]:
    tensor, other = torch.ones(3), torch.zeros(3)
    other.data = tensor
    write(other)
    return tensor.tolist()


def replaced_data() -> list[float]:
    tensor = torch.zeros(3)
    tensor.data = nn.Parameter(torch.ones(3)).data
    return tensor.tolist()


def partly_written(tensor: torch.Tensor) -> list[float]:
    tensor[0] = nn.Linear(1, 1).bias[0]
    return tensor.tolist()


@pytest.mark.parametrize(
    "read",
    [
        lambda: torch.rand(3).tolist(),
        lambda: torch.zeros(3).normal_().tolist(),
        lambda: torch.bernoulli(torch.full((3,), 0.5)).tolist(),
        lambda: nn.functional.dropout(torch.ones(8), 0.5).tolist(),
        lambda: torch.zeros(3).uniform_(generator=torch.Generator("cpu")).tolist(),
        lambda: torch.empty(3).tolist(),
        lambda: torch.empty_like(torch.zeros(3)).tolist(),
        lambda: torch.zeros(3).resize_(4).tolist(),
        lambda: nn.Parameter(torch.zeros(3)).tolist(),
        lambda: nn.Linear(2, 2).weight.sum().item(),
        lambda: (torch.ones(2) * nn.Linear(2, 2).weight).sum().item(),
        lambda: parameter_that_shares_memory(nn.init.normal_),
        lambda: parameter_that_shares_memory(lambda p: p.data.fill_(2)),
        lambda: parameter_that_shares_memory(lambda p: p.data.mul_(2)),
        lambda: parameter_that_shares_memory(lambda p: p.detach().__setitem__(0, 4.0)),
        lambda: partly_written(torch.zeros(3)),
        lambda: partly_written(torch.zeros(4)[1:]),
        lambda: torch.zeros(1000, 1000).sum().item(),
        lambda: ones_after(nn.init.normal_),
        lambda: ones_after(nn.init.trunc_normal_),
        lambda: ones_after(lambda tensor: nn.init.orthogonal_(tensor.view(1, 3))),
        lambda: ones_after(lambda tensor: torch.randn(3, out=tensor)),
        lambda: ones_after(lambda tensor: torch.add(nn.Linear(3, 1).weight[0], 1, out=tensor.data)),
        lambda: ones_after(lambda tensor: nn.functional.dropout(tensor, 0.5, inplace=True)),
        lambda: ones_after(assigned_data),
        lambda: memory_of_another(lambda other: nn.init.constant_(other, 4)),
        lambda: memory_of_another(lambda other: nn.functional.dropout(other, inplace=True)),
        lambda: ones_after(lambda tensor: torch.utils.swap_tensors(tensor, torch.rand(3))),
        replaced_data,
    ],
)
def test_uncertain_tensors_have_no_known_value(read: Callable[[], Any]) -> None:
    with pytest.raises((RuntimeError, NotImplementedError)):
        on_meta(read)


def test_untracked_write_to_a_view_discards_the_value_of_its_base() -> None:
    def read() -> list[float]:
        base = torch.zeros(4)
        base[1:].normal_()
        return base.tolist()

    with pytest.raises(NotImplementedError):
        on_meta(read)


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        rates = [rate.item() for rate in torch.linspace(0, 0.2, 3)]
        self.layers = nn.ModuleList(nn.Sequential(nn.Dropout(rate), nn.Linear(4, 4)) for rate in rates)
        self.register_buffer("index", torch.arange(5)[torch.tensor([True, False, True, True, False])])
        self.copy = copy.deepcopy(self.layers[0])
        self.tied = nn.Linear(4, 4)
        self.tied.weight = self.copy[1].weight
        self.to("cpu").cpu()
        self.last = nn.Linear(int(self.index.sum()), 2).to(self.tied.weight.device)


def test_known_values_build_the_same_module_as_the_cpu() -> None:
    meta, cpu = on_meta(Masked), Masked()
    assert all(tensor.is_meta for tensor in (*meta.parameters(), *meta.buffers()))

    def facts(model: nn.Module) -> list[object]:
        return [
            (one.name, one.type, one.extra_repr, [(p.name, p.shape, p.dtype, p.tied_to) for p in one.parameters])
            for one in capture(model).modules
        ]

    assert facts(meta) == facts(cpu)
    assert meta.index.shape == cpu.index.shape


def test_random_numbers_on_the_cpu_are_not_drawn() -> None:
    state = torch.get_rng_state()
    on_meta(lambda: torch.bernoulli(torch.full((3,), 0.5)))
    assert torch.equal(state, torch.get_rng_state())


def test_cuda_returns_another_tensor() -> None:
    parameter = on_meta(lambda: nn.Parameter(torch.zeros(2)).cuda())
    assert not isinstance(parameter, nn.Parameter)
    assert parameter.is_meta
    module = on_meta(lambda: nn.Linear(2, 2).cuda())
    assert [name for name, _ in module.named_parameters()] == ["weight", "bias"]
