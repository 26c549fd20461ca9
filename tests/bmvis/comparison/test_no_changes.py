"""What is no change: models that compute and train the same are not reported."""

from __future__ import annotations

import functools
import math
import sys
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from small_models import Plain
from torch import nn
from torch.nn import functional

from bmvis.comparison.drift import find_drift
from bmvis.extraction.modules import capture
from bmvis.model.snapshot import Snapshot, dump, load


class Private(Plain):
    @property
    def heads(self) -> int:
        raise RuntimeError("no property runs")


class Described(Plain):
    def extra_repr(self) -> str:
        return f"heads={self.heads}, rate={self.rate:.2f}"


def plain(**attributes: Any) -> Callable[[], nn.Module]:
    return functools.partial(Plain, **attributes)


def layer(kind: type, *arguments: Any, **named: Any) -> Callable[[], nn.Module]:
    return functools.partial(kind, *arguments, **named)


def numbered(first: int, count: int) -> nn.Module:
    """Return blocks that know their numbers, of which the first ones are another kind."""
    blocks = [nn.Linear(2, 2), *(Plain(layer_idx=index, inner=nn.Linear(3, 3)) for index in range(first, count))]
    return nn.ModuleDict({"layers": nn.ModuleList(blocks)})


def moved() -> Callable[[int], int]:
    def rule(value: int) -> int:
        return value

    rule.__module__ = "elsewhere"
    return rule


def stays() -> Callable[[int], int]:
    def rule(value: int) -> int:
        return value

    return rule


def called(model: nn.Module) -> nn.Module:
    model(torch.zeros(1, 2))
    return model


def lora(targets: Any) -> nn.Module:
    import peft

    return peft.get_peft_model(nn.Sequential(OrderedDict(a=nn.Linear(2, 2), b=nn.Linear(2, 2))), config(targets, peft))


def config(targets: Any, peft: Any) -> Any:
    return peft.LoraConfig(target_modules=targets)


def bert(**values: Any) -> nn.Module:
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig(num_hidden_layers=2, hidden_size=16, num_attention_heads=4, **values))


MARK = object()
NO_CHANGES: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module]]] = {
    "kernel of a pool": (layer(nn.MaxPool2d, 2), layer(nn.MaxPool2d, (2, 2))),
    "stride of a pool": (layer(nn.AvgPool2d, 2), layer(nn.AvgPool2d, 2, stride=2)),
    "kernel of a convolution": (layer(nn.Conv2d, 3, 4, 3), layer(nn.Conv2d, 3, 4, (3, 3))),
    "padding of a convolution": (layer(nn.Conv2d, 3, 4, 3, padding=1), layer(nn.Conv2d, 3, 4, 3, padding=(1, 1))),
    "default of a convolution": (layer(nn.Conv2d, 3, 4, 3), layer(nn.Conv2d, 3, 4, 3, groups=1, dilation=1)),
    "default of a norm": (layer(nn.BatchNorm1d, 3), layer(nn.BatchNorm1d, 3, eps=1e-5, momentum=0.1)),
    "shape of a norm": (layer(nn.LayerNorm, 3), layer(nn.LayerNorm, [3])),
    "default of an embedding": (layer(nn.Embedding, 3, 2), layer(nn.Embedding, 3, 2, max_norm=None)),
    "default of attention": (layer(nn.MultiheadAttention, 4, 2), layer(nn.MultiheadAttention, 4, 2, dropout=0.0)),
    "activation by name": (
        layer(nn.TransformerEncoderLayer, 4, 2, 4),
        layer(nn.TransformerEncoderLayer, 4, 2, 4, activation="relu"),
    ),
    "activation as a function": (
        layer(nn.TransformerEncoderLayer, 4, 2, 4, activation="gelu"),
        layer(nn.TransformerEncoderLayer, 4, 2, 4, activation=functional.gelu),
    ),
    "nonlinearity": (layer(nn.RNN, 2, 3), layer(nn.RNN, 2, 3, nonlinearity="tanh")),
    "default of an LSTM": (layer(nn.LSTM, 2, 3), layer(nn.LSTM, 2, 3, 1, batch_first=False, dropout=0)),
    "reduction": (layer(nn.MSELoss), layer(nn.MSELoss, reduction="mean")),
    "dim": (layer(nn.Softmax, 1), layer(nn.Softmax, dim=1)),
    "upsampling": (layer(nn.Upsample, scale_factor=2), layer(nn.Upsample, scale_factor=2.0)),
    "list and tuple": (plain(sizes=[1, 2]), plain(sizes=(1, 2))),
    "torch.Size and tuple": (plain(shape=torch.Size([2, 3])), plain(shape=(2, 3))),
    "one number for two": (plain(stride=2), plain(stride=(2, 2))),
    "integer and float": (plain(factor=2), plain(factor=2.0)),
    "order of a set": (plain(kinds={"a", "b", "c", "d"}), plain(kinds={"d", "c", "b", "a"})),
    "set and frozenset": (plain(kinds={1, 2}), plain(kinds=frozenset((2, 1)))),
    "order of a dictionary": (plain(scale={"a": 1, "b": 2}), plain(scale={"b": 2, "a": 1})),
    "dictionary and OrderedDict": (plain(scale={"a": 1}), plain(scale=OrderedDict(a=1))),
    "order of attributes": (plain(a=1, b=2), plain(b=2, a=1)),
    "rounding": (plain(scale=1 / math.sqrt(64)), plain(scale=math.sqrt(1 / 64))),
    "last digits": (plain(scale=0.1 + 0.2), plain(scale=0.3)),
    "function that moved": (lambda: Plain(rule=stays()), lambda: Plain(rule=moved())),
    "equal lambdas": (lambda: Plain(rule=lambda x: x), lambda: Plain(rule=lambda x: x)),
    "private attribute": (plain(_cache=1), plain(_cache=2)),
    "property": (layer(Private), layer(Private)),
    "device": (plain(device="cpu"), plain(device="cuda:0")),
    "torch.device": (plain(device=torch.device("cpu")), plain(device=torch.device("meta"))),
    "devices": (plain(device_ids=[0]), plain(device_ids=[0, 1])),
    "time": (plain(started=time.time()), plain(started=time.time() + 100)),
    "time in nanoseconds": (plain(started=time.time_ns()), plain(started=time.time_ns() + 10**9)),
    "identity": (plain(key_of=id(object())), plain(key_of=id(MARK))),
    "hash": (plain(digest=hash("a")), plain(digest=hash("b"))),
    "uuid": (plain(run=str(uuid.uuid4())), plain(run=str(uuid.uuid4()))),
    "date": (plain(run="2026-01-02 10:20"), plain(run="2026-01-03 11:20:30")),
    "absolute path": (plain(cache="/home/a/cache"), plain(cache="/home/b/cache")),
    "pathlib path": (plain(cache=Path("/home/a")), plain(cache=Path("/home/b"))),
    "Windows path": (plain(cache=r"C:\Users\a"), plain(cache=r"D:\b")),
    "home folder": (plain(cache="~/a"), plain(cache="~/b")),
    "address": (plain(shown=repr(object())), plain(shown=repr(MARK))),
    "token": (plain(api_token="abc"), plain(api_token="def")),
    "password": (plain(password="abc"), plain(password="def")),
    "secret in a dictionary": (plain(login={"secret_key": "abc"}), plain(login={"secret_key": "def"})),
    "object": (lambda: Plain(helper=object()), lambda: Plain(helper=object())),
    "array": (lambda: Plain(table=torch.rand(2)), lambda: Plain(table=torch.rand(2))),
    "mode of the whole model": (layer(nn.Dropout), lambda: nn.Dropout().eval()),
    "mode of the whole nested model": (
        lambda: nn.Sequential(nn.Sequential(nn.Dropout())),
        lambda: nn.Sequential(nn.Sequential(nn.Dropout())).eval(),
    ),
    "dtype written twice": (layer(nn.Linear, 2, 2), lambda: nn.Linear(2, 2).to(torch.float32)),
    "shown by extra_repr": (layer(Described, heads=2, rate=0.5), layer(Described, heads=2, rate=0.5)),
    "frozen and trained again": (
        layer(nn.Linear, 2, 2),
        lambda: nn.Linear(2, 2).requires_grad_(False).requires_grad_(True),
    ),
    "called": (lambda: nn.Sequential(nn.Linear(2, 2)), lambda: called(nn.Sequential(nn.Linear(2, 2)))),
    "weights": (layer(nn.Linear, 2, 2), layer(nn.Linear, 2, 2)),
    "order of LoRA's targets": (lambda: lora(["a", "b"]), lambda: lora({"b", "a"})),
    "default of a configuration": (bert, lambda: bert(hidden_act="gelu", layer_norm_eps=1e-12)),
    "labels of a configuration": (bert, lambda: bert(id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1})),
    "name of a configuration": (bert, lambda: bert(name_or_path="a/b")),
    "removed hook": (layer(nn.Linear, 2, 2), lambda: removed_hook(nn.Linear(2, 2))),
    "namespace of equal values": (
        lambda: Plain(config=SimpleNamespace(rate=0.1, heads=2)),
        lambda: Plain(config=SimpleNamespace(heads=2, rate=0.1)),
    ),
    "sys.maxsize": (plain(limit=sys.maxsize), plain(limit=2**63 - 1)),
}


def removed_hook(model: nn.Module) -> nn.Module:
    model.register_forward_hook(print).remove()
    return model


def test_there_are_at_least_fifty_cases():
    assert len(NO_CHANGES) >= 50


@pytest.mark.parametrize(("before", "after"), NO_CHANGES.values(), ids=NO_CHANGES)
def test_equal_models_have_no_changes(before, after):
    recorded = load(dump(Snapshot("zoo:build", capture(before())))).model
    drift = find_drift(recorded, capture(after()))
    assert [str(change) for change in drift.changes] == []
    assert not drift


def test_number_of_a_block_follows_its_place():
    before, after = capture(numbered(1, 5)), capture(numbered(1, 6))
    assert [str(change) for change in find_drift(before, after).changes] == ["+ layers.5  Plain, 12 parameters"]


def test_numbers_of_blocks_after_an_inserted_one_are_no_changes():
    blocks = [Plain(layer_idx=index, inner=nn.Linear(3, 3)) for index in range(2, 6)]
    after = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(2, 2), nn.Linear(5, 5), *blocks])})
    changes = find_drift(capture(numbered(1, 5)), capture(after)).changes
    assert not [change for change in changes if "layer_idx" in change.text]
    assert [change.text for change in changes if change.kind == "added"] == ["Linear, 30 parameters"]


def test_numbers_of_blocks_are_no_changes_in_a_wrapper():
    blocks = [Plain(layer_idx=index, inner=nn.Linear(3, 3)) for index in range(2, 6)]
    after = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(2, 2), nn.Linear(5, 5), *blocks])})
    changes = find_drift(capture(numbered(1, 5)), capture(nn.ModuleDict({"model": after}))).changes
    assert sorted(change.topic for change in changes) == ["added", "moved", "wrapped"]


def test_block_that_knows_another_number_is_reported():
    before, after = numbered(1, 5), numbered(1, 5)
    after["layers"][2].layer_idx = 7
    found = find_drift(capture(before), capture(after)).changes
    assert [str(change) for change in found] == ["~ layers.2  layer_idx: 2 → 7"]


def test_blocks_that_differ_in_settings_are_one_row():
    text = dump(Snapshot("zoo:build", capture(nn.Sequential(*(Plain(layer_idx=i, i=nn.ReLU()) for i in range(12))))))
    assert text.count("Plain") == 1
    assert '"varies": {"layer_idx": "0..11"}' in text


@pytest.mark.parametrize("name", ["num_key_value_heads", "pad_token_id", "max_tokens", "key_dim"])
def test_number_with_the_name_of_a_secret_is_recorded(name):
    assert capture(Plain(**{name: 4})).root.settings == {name: "4"}


@pytest.mark.parametrize("flags", [(True, 1, 1.0), (1.0, True, 1), ((1, 1), (True, True), (1.0, 1.0))])
def test_equal_values_of_other_types_are_not_mixed_up(flags):
    model = nn.Sequential(*(Plain(flag=flag) for flag in flags))
    assert [module.settings["flag"] for module in capture(model).modules[1:]] == [str(flag) for flag in flags]
