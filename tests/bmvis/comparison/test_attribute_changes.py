"""What is reported of attributes that changed, by the kinds of their values."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable

import pytest
import torch
from changed_settings import assert_checkpoints_load, assert_reported, made
from small_models import Plain
from torch import nn
from torch.nn import functional

from bmvis.comparison.changes import compare_models
from bmvis.comparison.drift import find_drift
from bmvis.extraction.modules import capture
from bmvis.model.snapshot import Snapshot, dump, load


class Moe(nn.Module):
    def __init__(self, top_k: int) -> None:
        super().__init__()
        self.top_k = top_k
        self.experts = nn.ModuleList(nn.Linear(2, 2) for _ in range(4))


class Scheme(enum.Enum):
    FAST = 1
    EXACT = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


RENUMBERED = enum.IntEnum("Level", {"LOW": 1, "HIGH": 3})


def blocks(rates: list[float]) -> nn.Module:
    return nn.Sequential(*(Plain(rate=rate, inner=nn.Linear(2, 2)) for rate in rates))


CHANGES: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module], str, list[str]]] = {
    "a function": (
        made(Plain, act=functional.relu),
        made(Plain, act=functional.gelu),
        "numerics",
        ["~ the root  act: relu → gelu"],
    ),
    "a partial function": (
        made(Plain, act=functools.partial(functional.gelu, approximate="none")),
        made(Plain, act=functools.partial(functional.gelu, approximate="tanh")),
        "numerics",
        ["~ the root  act: gelu(approximate=none) → gelu(approximate=tanh)"],
    ),
    "an enum": (
        made(Plain, mode=Scheme.FAST),
        made(Plain, mode=Scheme.EXACT),
        "numerics",
        ["~ the root  mode: Scheme.FAST → Scheme.EXACT"],
    ),
    "a data type": (
        made(Plain, kept_in=torch.float32),
        made(Plain, kept_in=torch.bfloat16),
        "numerics",
        ["~ the root  kept_in: torch.float32 → torch.bfloat16"],
    ),
    "top_k": (made(Moe, 1), made(Moe, 2), "numerics", ["~ the root  top_k: 1 → 2"]),
    "a rate": (
        made(Plain, drop_prob=0.1),
        made(Plain, drop_prob=0.2),
        "training",
        ["~ the root  drop_prob: 0.1 → 0.2"],
    ),
    "rates that grow": (
        made(blocks, [0.0, 0.1, 0.2, 0.3]),
        made(blocks, [0.0, 0.2, 0.4, 0.6]),
        "numerics",
        ["~ 1-3  rate: 0.1 to 0.3 → 0.2 to 0.6"],
    ),
    "one of many blocks": (
        made(blocks, [0.1] * 6),
        made(blocks, [0.1] * 4 + [0.5] + [0.1]),
        "numerics",
        ["~ 4  rate: 0.1 → 0.5"],
    ),
    "number of an enum": (
        made(Moe, Level.HIGH),
        made(Moe, RENUMBERED["HIGH"]),
        "numerics",
        ["~ the root  top_k: Level.HIGH (2) → Level.HIGH (3)"],
    ),
    "a dictionary": (
        made(Plain, scales={"low": 1, "high": 2}),
        made(Plain, scales={"low": 1, "high": 3}),
        "numerics",
        ["~ the root  scales.high: 2 → 3"],
    ),
    "a setting that is new": (Plain, made(Plain, window=4), "numerics", ["~ the root  window: none → 4"]),
    "True and 1": (made(Plain, flag=True), made(Plain, flag=1), "numerics", ["~ the root  flag: True → 1"]),
    "a string and a number": (made(Plain, v="1"), made(Plain, v=1), "numerics", ["~ the root  v: '1' → 1"]),
    "a list of dictionaries": (
        made(Plain, stages=[{"width": 8, "kind": "a"}]),
        made(Plain, stages=[{"width": 9, "kind": "a"}]),
        "numerics",
        ["~ the root  stages: ({kind: a, width: 8},) → ({kind: a, width: 9},)"],
    ),
    "a large dictionary": (
        made(Plain, table={f"k{i}": i for i in range(70)}),
        made(Plain, table={f"k{i}": i + i // 69 for i in range(70)}),
        "numerics",
        ["~ the root  table: 70 values → 70 other values"],
    ),
    "a dictionary of many settings": (
        made(Plain, options={f"k{i}": i for i in range(30)}),
        made(Plain, options={f"k{i}": i + i // 29 for i in range(30)}),
        "numerics",
        ["~ the root  options.k29: 29 → 30"],
    ),
    "a deep dictionary": (
        made(Plain, options={"a": {"b": {"c": {"d": 1}}}}),
        made(Plain, options={"a": {"b": {"c": {"d": 2}}}}),
        "numerics",
        ["~ the root  options.a.b.c: {d: 1} → {d: 2}"],
    ),
    "a deep list": (
        made(Plain, v=[[[[1]]]]),
        made(Plain, v=[[[[2]]]]),
        "numerics",
        ["~ the root  v: ((((1,),),),) → ((((2,),),),)"],
    ),
    "a dictionary with other keys": (
        made(Plain, rates={0.5: 1, (1, 2): 3, None: 4, Scheme.FAST: 5}),
        made(Plain, rates={0.5: 2, (1, 2): 4, None: 5, Scheme.FAST: 6}),
        "numerics",
        ["~ the root  rates.0.5: 1 → 2, rates.(1, 2): 3 → 4, rates.None: 4 → 5, rates.Scheme.FAST: 5 → 6"],
    ),
    "a dictionary in a partial function": (
        made(Plain, act=functools.partial(functional.gelu, mode={"a": 1})),
        made(Plain, act=functools.partial(functional.gelu, mode={"a": 2})),
        "numerics",
        ["~ the root  act: gelu(mode={a: 1}) → gelu(mode={a: 2})"],
    ),
    "the length of equal items": (
        made(Plain, rates=(8, 8)),
        made(Plain, rates=(8, 8, 8)),
        "numerics",
        ["~ the root  rates: (8, 8) → (8, 8, 8)"],
    ),
    "a string None": (
        made(Plain, kind="None"),
        made(Plain, kind=None),
        "numerics",
        ["~ the root  kind: 'None' → None"],
    ),
    "a range": (
        made(Plain, taken=range(3)),
        made(Plain, taken=range(4)),
        "numerics",
        ["~ the root  taken: range(0, 3) → range(0, 4)"],
    ),
    "a complex number": (made(Plain, phase=1j), made(Plain, phase=2j), "numerics", ["~ the root  phase: 1j → 2j"]),
    "methods of one name": (
        lambda: Plain(rule=nn.Identity().forward),
        lambda: Plain(rule=nn.Tanh().forward),
        "numerics",
        ["~ the root  rule: Identity.forward → Tanh.forward"],
    ),
    "activations in a list": (
        lambda: Plain(acts=[nn.ReLU()]),
        lambda: Plain(acts=[nn.GELU()]),
        "numerics",
        ["~ the root  acts: (ReLU(),) → (GELU(),)"],
    ),
    "a dictionary named config": (
        made(Plain, config={"heads": 4, "kind": "a"}),
        made(Plain, config={"heads": 8, "kind": "a"}),
        "numerics",
        ["~ the root  config.heads: 4 → 8"],
    ),
    **{
        f"an attribute named {name}": (
            made(Plain, **{name: "fast"}),
            made(Plain, **{name: "exact"}),
            "numerics",
            [f"~ the root  {name}: fast → exact"],
        )
        for name in ("config", "kwargs", "kernel_config", "token_mixer", "key_norm", "active_adapter")
    },
    "a loss by name": (
        made(Plain, loss_type="l1"),
        made(Plain, loss_type="l2"),
        "training",
        ["~ the root  loss_type: l1 → l2"],
    ),
    "a long sequence": (
        made(Plain, rates=[i / 97 for i in range(100)]),
        made(Plain, rates=[i / 97 for i in range(99)] + [2]),
        "numerics",
        ["~ the root  rates: 100 values → 100 other values"],
    ),
}


@pytest.mark.parametrize(("before", "after", "impact", "lines"), CHANGES.values(), ids=CHANGES)
def test_change_of_a_setting_is_reported(before, after, impact, lines):
    assert_reported(before, after, impact, lines)


@pytest.mark.parametrize(("before", "after"), [case[:2] for case in CHANGES.values()], ids=CHANGES)
def test_change_of_a_setting_keeps_checkpoints_loading(before, after):
    assert_checkpoints_load(before, after)


def test_settings_that_were_not_recorded_are_not_compared():
    text = dump(Snapshot("zoo:build", capture(Plain(top_k=1)))).replace('"bmvis-snapshot": 3', '"bmvis-snapshot": 2')
    older = load(text.replace(', "settings": {"top_k": "1"}', "")).model
    assert not find_drift(older, capture(Plain(top_k=2)))
    assert load(dump(Snapshot("zoo:build", older))).model == older


def test_comparison_on_a_page_shows_settings():
    compared = compare_models(capture(nn.Sequential(Plain(top_k=1))), capture(nn.Sequential(Plain(top_k=2)))).model
    assert compared.modules[1].change.details == ("top_k: 1 → 2",)
    assert compared.root.change is None
