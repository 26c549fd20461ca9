"""The verdict on old checkpoints agrees with `load_state_dict`."""

from collections.abc import Callable

import pytest
import torch
from state_dicts import Build, loads
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm

from bmvis.comparison.checkpoint import checkpoint_verdict
from bmvis.extraction.modules import capture

seq = nn.Sequential


class Own(nn.Module):
    """A module with parameters and buffers of given shapes."""

    def __init__(self, is_saved: bool = True, buffers: dict[str, int] | None = None, **shapes: tuple[int, ...]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))
        for name, size in (buffers or {}).items():
            self.register_buffer(name, torch.zeros(size), persistent=is_saved)


def shared(count: int) -> nn.Module:
    one = seq(nn.Linear(2, 2))
    return seq(*[one] * count)


def tied(is_tied: bool) -> nn.Module:
    model = seq(nn.Embedding(5, 4), nn.Linear(4, 5, bias=False))
    if is_tied:
        model[1].weight = model[0].weight
    return model


def norm_like() -> nn.Module:
    return Own(weight=(3,), bias=(3,), buffers={"running_mean": 3, "running_var": 3})


def normed(wrap: Callable[[nn.Module], nn.Module]) -> Build:
    return lambda: seq(wrap(nn.Linear(3, 3)))


def linear(*sizes: int, **options: object) -> Build:
    return lambda: seq(nn.Linear(*sizes, **options))


def norm(**options: object) -> Build:
    return lambda: seq(nn.BatchNorm1d(3, **options))


PAIRS: dict[str, tuple[Build, Build]] = {
    "nothing": (linear(2, 3), linear(2, 3)),
    "wider": (linear(2, 3), linear(2, 4)),
    "no bias": (linear(2, 3), linear(2, 3, bias=False)),
    "a bias": (linear(2, 3, bias=False), linear(2, 3)),
    "half precision": (linear(2, 3), linear(2, 3, dtype=torch.bfloat16)),
    "frozen": (linear(2, 3), lambda: linear(2, 3)().requires_grad_(False)),
    "another type, the same names": (lambda: seq(nn.LayerNorm(3)), norm()),
    "a type with other shapes": (linear(2, 3), norm()),
    "no parameters any more": (linear(2, 3), lambda: seq(nn.ReLU())),
    "appended": (linear(2, 3), lambda: seq(nn.Linear(2, 3), nn.Linear(3, 3))),
    "inserted without parameters": (
        lambda: seq(nn.Linear(2, 2), nn.Linear(2, 2)),
        lambda: seq(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)),
    ),
    "wrapped": (linear(2, 3), lambda: seq(linear(2, 3)())),
    "DataParallel": (linear(2, 3), lambda: nn.DataParallel(linear(2, 3)())),
    "[1] into a scalar": (lambda: Own(scale=(1,)), lambda: Own(scale=())),
    "[2] into a scalar": (lambda: Own(scale=(2,)), lambda: Own(scale=())),
    "a scalar into [1]": (lambda: Own(scale=()), lambda: Own(scale=(1,))),
    "a parameter becomes a buffer": (lambda: Own(a=(2,)), lambda: Own(buffers={"a": 2})),
    "a buffer becomes temporary": (lambda: Own(buffers={"a": 2}), lambda: Own(False, {"a": 2})),
    "a temporary buffer is saved": (lambda: Own(False, {"a": 2}), lambda: Own(buffers={"a": 2})),
    "a temporary buffer is resized": (lambda: Own(False, {"a": 2}), lambda: Own(False, {"a": 3})),
    "a saved buffer is resized": (lambda: Own(buffers={"a": 2}), lambda: Own(buffers={"a": 3})),
    "tied": (lambda: tied(False), lambda: tied(True)),
    "untied": (lambda: tied(True), lambda: tied(False)),
    "shared once more": (lambda: shared(2), lambda: shared(3)),
    "no longer shared": (lambda: shared(2), lambda: seq(*(seq(nn.Linear(2, 2)) for _ in range(2)))),
    "no statistics": (norm(), norm(track_running_stats=False)),
    "with statistics": (norm(track_running_stats=False), norm()),
    "not affine": (norm(), norm(affine=False)),
    "instance norm": (norm(), lambda: seq(nn.InstanceNorm1d(3, affine=True))),
    "instance norm with statistics": (norm(), lambda: seq(nn.InstanceNorm1d(3, True, track_running_stats=True))),
    "a norm of one's own": (lambda: seq(norm_like()), norm()),
    "a norm of one's own is the root": (norm_like, lambda: nn.BatchNorm1d(3)),
    "to a norm of one's own": (norm(), lambda: seq(norm_like())),
    "old weight_norm": (normed(old_weight_norm), normed(parametrizations.weight_norm)),
    "old weight_norm of the root": (
        lambda: old_weight_norm(nn.Linear(3, 3)),
        lambda: parametrizations.weight_norm(nn.Linear(3, 3)),
    ),
    "old weight_norm, wider": (
        normed(old_weight_norm),
        lambda: seq(parametrizations.weight_norm(nn.Linear(3, 4))),
    ),
    "back to the old weight_norm": (normed(parametrizations.weight_norm), normed(old_weight_norm)),
    "weight_norm added": (linear(3, 3), normed(parametrizations.weight_norm)),
    "weight_norm removed": (normed(parametrizations.weight_norm), linear(3, 3)),
    "old spectral_norm": (normed(old_spectral_norm), normed(parametrizations.spectral_norm)),
    "spectral_norm added": (linear(3, 3), normed(parametrizations.spectral_norm)),
    "spectral_norm to weight_norm": (normed(parametrizations.spectral_norm), normed(parametrizations.weight_norm)),
    "into a lazy layer": (linear(2, 3), lambda: seq(nn.LazyLinear(3))),
    "into a lazy layer of another size": (linear(2, 3), lambda: seq(nn.LazyLinear(4))),
    "lazy into a layer": (lambda: seq(nn.LazyLinear(3)), linear(2, 3)),
    "lazy into lazy": (lambda: seq(nn.LazyLinear(3)), lambda: seq(nn.LazyLinear(3))),
    "lazy norm": (lambda: seq(nn.LazyBatchNorm1d()), norm()),
    "LSTM, one layer more": (lambda: nn.LSTM(2, 3), lambda: nn.LSTM(2, 3, 2)),
    "LSTM, both directions": (lambda: nn.LSTM(2, 3), lambda: nn.LSTM(2, 3, bidirectional=True)),
    "LSTM to GRU": (lambda: nn.LSTM(2, 3), lambda: nn.GRU(2, 3)),
    "LSTM with projections": (lambda: nn.LSTM(2, 3), lambda: nn.LSTM(2, 3, proj_size=1)),
    "attention, more heads": (lambda: nn.MultiheadAttention(8, 2), lambda: nn.MultiheadAttention(8, 4)),
    "attention with other keys": (lambda: nn.MultiheadAttention(8, 2), lambda: nn.MultiheadAttention(8, 2, kdim=4)),
    "attention without bias": (lambda: nn.MultiheadAttention(8, 2), lambda: nn.MultiheadAttention(8, 2, bias=False)),
    "transformer layer, norm first": (
        lambda: nn.TransformerEncoderLayer(8, 2, 8),
        lambda: nn.TransformerEncoderLayer(8, 2, 8, norm_first=True),
    ),
    "ParameterList grows": (
        lambda: nn.ParameterList([torch.zeros(2)]),
        lambda: nn.ParameterList([torch.zeros(2), torch.zeros(2)]),
    ),
    "ParameterDict renamed": (
        lambda: nn.ParameterDict({"a": torch.zeros(2)}),
        lambda: nn.ParameterDict({"b": torch.zeros(2)}),
    ),
    "ModuleList to Sequential": (lambda: nn.ModuleList([nn.Linear(2, 2)]), linear(2, 2)),
    "Bilinear to Linear": (lambda: seq(nn.Bilinear(2, 2, 3)), linear(2, 3)),
    "convolution in groups": (lambda: seq(nn.Conv1d(4, 4, 3)), lambda: seq(nn.Conv1d(4, 4, 3, groups=2))),
    "convolution with stride": (lambda: seq(nn.Conv1d(4, 4, 3)), lambda: seq(nn.Conv1d(4, 4, 3, stride=2))),
    "transposed convolution": (lambda: seq(nn.Conv1d(4, 4, 3)), lambda: seq(nn.ConvTranspose1d(4, 4, 3))),
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("before", "after"), PAIRS.values(), ids=PAIRS)
def test_verdict_agrees_with_load_state_dict(before: Build, after: Build) -> None:
    verdict = checkpoint_verdict(capture(before()), capture(after()))
    found = (verdict.loads, verdict.loads_loosely)
    assert found == (loads(before, after, strict=True), loads(before, after, strict=False))
