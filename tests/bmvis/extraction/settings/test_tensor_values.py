"""Which values of constant tensors are recorded, on the meta device and on the CPU, and when they count as changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from bmvis.child.building.device_comparison import is_same_tree
from bmvis.comparison.drift import find_drift
from bmvis.extraction.meta_device.known_values import KnownValues
from bmvis.extraction.modules import capture_live
from bmvis.extraction.settings import tensor_values
from bmvis.model.snapshot import Snapshot, dump, load
from bmvis.model.tree import Model


class Schedule:
    def __init__(self, high: float, steps: int) -> None:
        self.betas = torch.linspace(1e-4, high, steps)


class Loss:
    def __init__(self, weight: float) -> None:
        self.weights = torch.tensor([1.0, weight])

    def __call__(self, x: torch.Tensor, margin: float = 0.5) -> torch.Tensor:
        return x * self.weights - margin


class Holder(nn.Module):
    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__()
        self.value = make()


class Scaled(nn.Module):
    def __init__(self, mean: tuple[float, ...], *, persistent: bool = False) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean), persistent=persistent)


def on_meta(make: Callable[[], nn.Module]) -> Model:
    known = KnownValues()
    with torch.device("meta"), known:
        model = make()
    return capture_live(model, known.value).tree


def on_cpu(make: Callable[[], nn.Module]) -> Model:
    return capture_live(make()).tree


CASES: dict[str, tuple[Callable[[], Any], str, str]] = {
    "written numbers": (lambda: torch.tensor([0.485, 2.0]), "(float32[2], 0.485, 2)", "(float32[2], 0.485, 2)"),
    "computed number": (lambda: torch.tensor(math.pi), "(float32[], 3.14159)", "(float32[])"),
    "integers": (lambda: torch.arange(3), "(int64[3], 0, 1, 2)", "(int64[3])"),
    "truth values": (lambda: torch.tensor([True]), "(bool[1], True)", "(bool[1])"),
    "complex numbers": (lambda: torch.tensor([1 + 2j]), "(complex64[1], 1+2j)", "(complex64[1])"),
    "short floats": (lambda: torch.tensor(0.5).half(), "(float16[], 0.5)", "(float16[])"),
    "many": (
        lambda: torch.linspace(0.1, 0.9, 40),
        "(float32[40], 0.1, …, 0.9, checksum=8.7677725)",
        "(float32[40], 0.1, …, 0.9)",
    ),
    "many integers": (lambda: torch.arange(20), "(int64[20], 0, …, 19, #a6bb999d)", "(int64[20])"),
    "many written numbers": (
        lambda: torch.tensor([0.5, 1.0, -2.0] * 3),
        "(float32[9], 0.5, …, -2, checksum=12.215496, #de653e54)",
        "(float32[9], 0.5, …, -2, checksum=12.215496, #de653e54)",
    ),
    "more than are summed": (lambda: torch.ones(70_000), "(float32[70000])", "(float32[70000], 1, …, 1)"),
    "none": (lambda: torch.zeros(0), "(float32[0])", "(float32[0])"),
    "random": (lambda: torch.randn(3), "(float32[3])", "(float32[3])"),
    "random order": (lambda: torch.randperm(3), "(int64[3])", "(int64[3])"),
    "from random": (lambda: torch.ones(2) * torch.rand(2), "(float32[2])", "(float32[2])"),
    "tiny": (lambda: torch.tensor(1e-30), "(float32[], 1e-30)", "(float32[])"),
    "on the CPU in any case": (lambda: torch.rand(2, device="cpu"), "(float32[2])", "(float32[2])"),
}


@pytest.mark.parametrize("case", CASES)
def test_values_that_are_the_same_in_each_build_are_recorded(case: str) -> None:
    make, meta, cpu = CASES[case]
    found = [capture(lambda: Holder(make)).modules[0].settings for capture in (on_meta, on_cpu)]
    assert found == [{"value": f"torch.Tensor{meta}"}, {"value": f"torch.Tensor{cpu}"}]


def test_values_of_library_modules_and_saved_buffers_are_not_recorded() -> None:
    of_library = type("OfLibrary", (Holder,), {"__module__": "transformers.models.bert"})
    assert on_cpu(lambda: of_library(lambda: torch.tensor(0.5))).modules[0].settings == {
        "value": "torch.Tensor(float32[])"
    }
    assert on_cpu(lambda: Scaled((0.5,), persistent=True)).modules[0].settings is None
    assert on_cpu(lambda: Scaled((0.5,))).modules[0].settings == {"mean": "torch.Tensor(float32[1], 0.5)"}


CHANGES: dict[str, tuple[Callable[[float], Any], str]] = {
    "distribution": (lambda x: Normal(0.0, x), "value: Normal(loc=0, scale=1) → Normal(loc=0, scale=2)"),
    "tensor": (lambda x: torch.tensor([0.5, x]), "value: [0.5, 1] → [0.5, 2]"),
    "tensors in a list": (lambda x: [torch.tensor(x)], "value: (1,) → (2,)"),
    "object": (lambda x: Schedule(x, 20), "value.betas: [0.0001, …, 1] → [0.0001, …, 2]"),
    "called object": (Loss, "value: Loss(weights=[1, 1], margin=0.5) → Loss(weights=[1, 2], margin=0.5)"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_changed_values_are_reported(case: str) -> None:
    make, line = CHANGES[case]
    one, two = (lambda: Holder(lambda: make(1.0))), (lambda: Holder(lambda: make(2.0)))
    for capture in (on_meta, on_cpu):
        before, after = load(dump(Snapshot("m:f", capture(one)))).model, capture(two)
        drift = find_drift(before, after)
        assert [str(change) for change in drift.changes] == [f"~ the root  {line}"]
        assert drift.headline == "old checkpoints load, but outputs differ"
        assert not find_drift(before, capture(one))


def table(base: float, shift: int = 0) -> torch.Tensor:
    rates = torch.exp(torch.arange(8) * -math.log(base) / 8)
    angles = torch.arange(32)[:, None] * rates
    return torch.cat((angles.sin(), angles.cos()), 1).roll(shift, 0)


def anchors(width: float) -> torch.Tensor:
    return torch.tensor([[10, 13], [16, 30], [33, width], [30, 61], [62, 45]], dtype=torch.float32)


def mask(length: int, *, is_causal: bool = True) -> torch.Tensor:
    full = torch.full((length, length), float("-inf"))
    return full.triu(1) if is_causal else full.tril(-1)


INSIDE: dict[str, tuple[Callable[[], Any], Callable[[], Any], str, int]] = {
    "anchors": (lambda: anchors(23), lambda: anchors(25), "[10, …, 45]", 2),
    "sines": (lambda: table(1e4), lambda: table(5e4), "[0, …, 0.", 1),
    "mask": (lambda: mask(6), lambda: mask(6, is_causal=False), "[0, …, 0]", 2),
    "integers": (lambda: torch.arange(9) ** 2 % 8, lambda: torch.arange(9) % 2 * 0, "[0, …, 0]", 1),
    "order": (lambda: torch.tensor([0, 1, 2.0] * 3 + [0]), lambda: torch.tensor([0, 2, 1.0] * 3 + [0]), "[0, …, 0]", 2),
    "signs": (lambda: torch.tensor([1.0, 3] * 5 + [1]), lambda: torch.tensor([1.0, -3] * 5 + [1]), "[1, …, 1]", 2),
    "zeros": (lambda: torch.zeros(9), lambda: torch.tensor([0.0] * 4 + [1] + [0] * 4), "[0, …, 0]", 2),
}


@pytest.mark.parametrize("case", INSIDE)
def test_changed_values_inside_a_table_are_reported(case: str) -> None:
    make, changed, shown, devices = INSIDE[case]
    for capture in (on_meta, on_cpu)[:devices]:
        before = load(dump(Snapshot("m:f", capture(lambda: Holder(make))))).model
        assert not find_drift(before, capture(lambda: Holder(make)))
        changes = find_drift(before, capture(lambda: Holder(changed))).changes
        line = str(changes[0])
        assert len(changes) == 1
        assert line.startswith(f"~ the root  value: {shown}")
        assert (" with other values between them" in line) == (case != "sines")
        assert "checksum" not in line
        assert "#" not in line


def test_rounding_inside_a_table_is_no_change() -> None:
    def made(factor: float) -> Model:
        return on_meta(lambda: Holder(lambda: table(1e4) * factor))

    assert not find_drift(made(1), made(1 + 2e-7))
    assert find_drift(made(1), made(1.001))
    written = on_meta(lambda: Holder(lambda: torch.tensor([0.5, 0.3] * 5)))
    rounded = on_meta(lambda: Holder(lambda: torch.tensor([0.5, 0.30000004] * 5)))
    assert "#" in str(written.modules[0].settings)
    assert "#" not in str(rounded.modules[0].settings)
    assert not find_drift(written, rounded)


def test_changed_values_of_an_unsaved_buffer_are_reported_once() -> None:
    before = on_cpu(lambda: Scaled((0.5, 1.0)))
    assert [str(one) for one in find_drift(before, on_cpu(lambda: Scaled((0.5, 2.0)))).changes] == [
        "~ the root  mean: [0.5, 1] → [0.5, 2]"
    ]
    assert [str(one) for one in find_drift(before, on_cpu(lambda: Scaled((0.5,)))).changes] == [
        "~ the root  mean: [2] → [1]"
    ]
    assert [str(one) for one in find_drift(before, on_cpu(lambda: Scaled((0.5, 1.0), persistent=True))).changes] == [
        "~ whole model  now in the state dict (1 tensor)"
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Holder(lambda: torch.tensor(math.pi)),
        lambda: Holder(lambda: [torch.arange(3), torch.arange(4)] * 6),
        lambda: Holder(lambda: [Normal(math.pi, 1.0), torch.tensor(math.e)]),
        lambda: Scaled((1 / 3, 0.5)),
    ],
    ids=["tensor", "long list", "nested", "buffer"],
)
def test_values_that_one_device_does_not_know_are_no_change(make: Callable[[], nn.Module]) -> None:
    meta, cpu = on_meta(make), on_cpu(make)
    assert not find_drift(meta, cpu)
    assert not find_drift(cpu, meta)
    assert is_same_tree(meta, cpu)


def test_rounding_of_other_machines_is_no_change() -> None:
    one = on_meta(lambda: Holder(lambda: torch.tensor([0.1234564999, 1e-9])))
    assert not find_drift(one, on_meta(lambda: Holder(lambda: torch.tensor([0.1234565001, 0.0]))))
    assert find_drift(one, on_meta(lambda: Holder(lambda: torch.tensor([0.1235, 1e-9]))))


def test_equal_masks_of_many_layers_are_summed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    summed: list[int] = []
    compute = tensor_values._checksum
    monkeypatch.setattr(tensor_values, "_checksum", lambda numbers: summed.append(len(numbers)) or compute(numbers))
    tensor_values._summary_of.cache_clear()
    model = on_meta(lambda: nn.Sequential(*(Holder(lambda: mask(6)) for _ in range(5))))
    assert summed == [36]
    assert len({str(module.settings) for module in model.modules[1:]}) == 1
