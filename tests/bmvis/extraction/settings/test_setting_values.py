"""The text of values of many kinds: a change is one in the text, and no code of a class of the project runs."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import functools
import json
import operator
import os
import random
import re
import subprocess
import sys
import time
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy
import pytest
import torch
from torch import nn
from torch.nn import functional

from bmvis import capture
from bmvis.comparison.drift import find_drift


class Holder(nn.Module):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value, self.layer = value, nn.Linear(1, 1)


class Step:
    """A plain object of the project."""

    kind = "fixed"

    def __init__(self, size: Any, name: str = "a") -> None:
        self.size, self.name, self._seen = size, name, object()


class SlottedStep:
    __slots__ = ("_seen", "size")

    def __init__(self, size: int) -> None:
        self.size = size


class Width(enum.Enum):
    SMALL = 64
    LARGE = 128


class Wider(enum.Enum):
    SMALL = 96
    LARGE = 128


class Precision(str, enum.Enum):
    FAST = "bf16"
    FULL_RANGE = "full-range"


class Order(enum.Enum):
    FIRST = enum.auto()
    LAST = enum.auto()


class Ratio(enum.Enum):
    HALF = (1, 2)


@functools.lru_cache
def cached(x: int, scale: int = 2) -> int:
    return x * scale


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def contains_itself() -> Step:
    step = Step(1)
    step.size = [step]
    return step


STEP = f"{__name__}.Step"
VALUES: dict[str, tuple[Any, dict[str, str]]] = {
    "set of texts": (set("hgfedcba"), {"value": "(a, b, c, d, e, f, g, h)"}),
    "deque": (collections.deque([1, 2]), {"value": "collections.deque(1, 2)"}),
    "length of a deque": (collections.deque([1], maxlen=3), {"value": "collections.deque(1, maxlen=3)"}),
    "chain map": (collections.ChainMap({"a": 1}, {}), {"value": "collections.ChainMap({a: 1}, {})"}),
    "user dictionary": (collections.UserDict(a=1), {"value.a": "1"}),
    "user list": (collections.UserList([1]), {"value": "(1,)"}),
    "user string": (collections.UserString("a"), {"value": "a"}),
    "mapping proxy": (MappingProxyType({"a": 1}), {"value.a": "1"}),
    "pattern": (re.compile("a+"), {"value": "re.compile(a+)"}),
    "flags of a pattern": (re.compile("a", re.IGNORECASE), {"value": "re.compile(a, flags=2)"}),
    "path": (PurePosixPath("a/b"), {"value": "a/b"}),
    "absolute path": (PurePosixPath("/a/b"), {}),
    "array": (numpy.array([1.0, 0.1]), {"value": "numpy.ndarray(float64[2], (1.0, 0.1))"}),
    "matrix": (numpy.zeros((1, 2)), {"value": "numpy.ndarray(float64[1, 2], ((0.0, 0.0),))"}),
    "empty array": (numpy.zeros((0, 3)), {"value": "numpy.ndarray(float64[0, 3], ())"}),
    "array of texts": (numpy.array(["a"]), {"value": "numpy.ndarray(str32[1], ?)"}),
    "array of objects": (numpy.array([None]), {"value": "numpy.ndarray(object[1], ?)"}),
    "large array": (numpy.zeros(70_000), {"value": "numpy.ndarray(float64[70000], ?)"}),
    "number of NumPy": (numpy.uint8(1), {"value": "1"}),
    "complex number of NumPy": (numpy.complex64(2j), {"value": "2j"}),
    "data type of NumPy": (numpy.dtype("f4"), {"value": "numpy.dtype(float32)"}),
    "function of NumPy": (numpy.exp, {"value": "numpy.exp()"}),
    "wrapped function of NumPy": (numpy.dot, {"value": "numpy.dot()"}),
    "random numbers": (random.Random(1), {"value": "random.Random(?)"}),
    "random numbers of PyTorch": (generator(3), {"value": "torch.Generator(seed=3)"}),
    "random numbers of PyTorch without a seed": (torch.Generator(), {"value": "torch.Generator()"}),
    "distribution": (
        torch.distributions.Beta(0.5, 0.5),
        {
            "value": "torch.distributions.beta.Beta(_dirichlet=torch.distributions.dirichlet.Dirichlet("
            "concentration=torch.Tensor(float32[2], 0.5, 0.5)))"
        },
    ),
    "tensor": (torch.zeros(2, 3), {"value": "torch.Tensor(float32[2, 3], 0, 0, 0, 0, 0, 0)"}),
    "tensors": ([torch.zeros(2)], {"value": "(torch.Tensor(float32[2], 0, 0),)"}),
    "trainable tensor": (
        torch.zeros(2, requires_grad=True),
        {"value (not registered)": "1 trainable tensor (2 parameters)"},
    ),
    "time span": (datetime.timedelta(2), {"value": "datetime.timedelta(days=2)"}),
    "date": (datetime.date(2020, 1, 1), {"value": "datetime.date(?)"}),
    "attribute getter": (operator.attrgetter("a", "b"), {"value": "operator.attrgetter(a, b)"}),
    "method caller": (operator.methodcaller("f", 1, a=2), {"value": "operator.methodcaller(f, 1, a=2)"}),
    "cached function": (cached, {"value": f"{__name__}.cached(scale=2)"}),
    "method of a tensor": (torch.Tensor.relu, {"value": "torch._C.TensorBase.relu()"}),
    "operation": (torch.ops.aten.relu.default, {"value": "torch.ops.aten::relu()"}),
    "module of Python": (functional, {"value": "module(torch.nn.functional)"}),
    "numbers": (array.array("f", [1]), {"value": "array.array(f, (1.0,))"}),
    "bytes": (bytearray(b"a"), {"value": "b'a'"}),
    "long text": ("a" * 81, {"value": "81 characters"}),
    "long text with a path": ("a" * 81 + " /home/me", {}),
    "device": (torch.device("cpu"), {}),
    "object": (Step(2), {"value": f"{STEP}()", "value.kind": "fixed", "value.name": "a", "value.size": "2"}),
    "object with slots": (SlottedStep(2), {"value": f"{__name__}.SlottedStep()", "value.size": "2"}),
    "objects": ([Step(2)], {"value": f"({STEP}(kind=fixed, name=a, size=2),)"}),
    "object that contains itself": (
        contains_itself(),
        {
            "value": f"{STEP}()",
            "value.kind": "fixed",
            "value.name": "a",
            "value.size": f"({STEP}(kind=fixed, name=a, size=({STEP}(?),)),)",
        },
    ),
    "object of a library": (json.JSONDecoder(), {"value": "json.decoder.JSONDecoder(?)"}),
    "member with a number": (Width.SMALL, {"value": "Width.SMALL (64)"}),
    "member that is counted": (Order.LAST, {"value": "Order.LAST"}),
    "member with a string": (Precision.FAST, {"value": "Precision.FAST (bf16)"}),
    "member with its name": (Precision.FULL_RANGE, {"value": "Precision.FULL_RANGE"}),
    "member with several values": (Ratio.HALF, {"value": "Ratio.HALF ((1, 2))"}),
}


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_text_of_a_value(value: Any, expected: dict[str, str]) -> None:
    found = capture(Holder(value)).root.settings or {}
    assert {name: text.partition(" #")[0] for name, text in found.items()} == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (collections.deque([1, 2]), collections.deque([1, 3])),
        (MappingProxyType({"a": 1}), MappingProxyType({"a": 2})),
        (re.compile("a"), re.compile("a", re.IGNORECASE)),
        (numpy.arange(10_000), numpy.arange(10_000)[::-1]),
        (numpy.zeros((2, 3)), numpy.zeros((3, 2))),
        (numpy.float16(1.5), numpy.float16(2.5)),
        (torch.distributions.Normal(0.0, 1.0), torch.distributions.Laplace(0.0, 1.0)),
        (functools.partial(print, numpy.array([1])), functools.partial(print, numpy.array([2]))),
        (Step(1), Step(2)),
        (Step(Step(1)), Step(Step(2))),
        ({"a": [Step(1)]}, {"a": [Step(2)]}),
        ([Step(index) for index in range(99)], [Step(index) for index in range(98, -1, -1)]),
        (Width.SMALL, Wider.SMALL),
        ("M-" * 50, "M*" * 50),
        (torch.zeros(2, dtype=torch.float64), torch.zeros(2)),
        (decimal.Decimal(1), decimal.Decimal(2)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_change_of_a_value_is_reported(before: Any, after: Any) -> None:
    assert find_drift(capture(Holder(before)), capture(Holder(after)))
    assert not find_drift(capture(Holder(after)), capture(Holder(after)))


@pytest.mark.parametrize(
    ("name", "is_recorded"),
    {
        "mask_token": True,
        "in_keys": True,
        "query_key": True,
        "api_key": False,
        "hub_token": False,
        "keys": False,
    }.items(),
)
def test_strings_with_names_of_secrets_are_not_recorded(name: str, is_recorded: bool) -> None:
    model = nn.Module()
    setattr(model, name, "abc")
    assert (name in (capture(model).root.settings or {})) is is_recorded


class Timer:
    def __init__(self, scale: float) -> None:
        self.start, self.scale = time.perf_counter(), scale


def test_states_of_clocks_are_not_recorded() -> None:
    text = f"{__name__}.Timer"
    assert capture(Holder(Timer(0.5))).root.settings == {"value": f"{text}()", "value.scale": "0.5"}
    assert capture(Holder([Timer(0.5)])).root.settings == {"value": f"({text}(scale=0.5),)"}


class Hostile:
    """A class of which each method that Python knows ends the process."""

    def __init__(self) -> None:
        self.size = 1

    def end(self, *_: Any) -> Any:
        os._exit(3)

    __repr__ = __str__ = __eq__ = __hash__ = __len__ = __iter__ = __bool__ = __getattr__ = __format__ = end  # type: ignore[assignment]
    __getitem__ = __contains__ = __int__ = __float__ = __index__ = __reduce__ = __dir__ = __sizeof__ = end  # type: ignore[assignment]


class HostileArray(numpy.ndarray):
    dtype = shape = size = property(Hostile.end)  # type: ignore[assignment]
    tolist = ravel = view = __iter__ = Hostile.end  # type: ignore[assignment]


class HostileDeque(collections.deque):  # type: ignore[type-arg]
    __iter__ = __len__ = copy = Hostile.end  # type: ignore[assignment]


class HostileUserDict(collections.UserDict):  # type: ignore[type-arg]
    __iter__ = __len__ = items = keys = Hostile.end  # type: ignore[assignment]


def test_no_code_of_a_value_runs() -> None:
    values = [Hostile(), HostileArray(2), HostileDeque([1]), HostileUserDict({"a": 1}), [Hostile()], {"a": Hostile()}]
    texts = [capture(Holder(value)).root.settings for value in values]
    assert texts[0] == {"value": f"{__name__}.Hostile()", "value.size": "1"}
    assert texts[3] == {"value.a": "1"}


BUILD = """
import sys; sys.path.insert(0, sys.argv[1])
import test_setting_values as cases
for name, (value, _) in cases.VALUES.items():
    print(name, cases.capture(cases.Holder(value)).root.settings)
"""


def test_texts_are_the_same_in_two_processes() -> None:
    """The hashes of texts differ in both: this process has a random seed."""
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-W", "ignore", "-c", BUILD, os.path.dirname(__file__)]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    texts = [f"{name} {capture(Holder(value)).root.settings}" for name, (value, _) in VALUES.items()]
    assert printed.replace("test_setting_values.", f"{__name__}.").splitlines() == texts


SETTINGS = Step(3)


class Reads(nn.Module):
    step = Step(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.step.size * SETTINGS.size  # type: ignore[no-any-return]


def test_objects_that_forward_reads_are_recorded() -> None:
    found = capture(Reads()).root.settings or {}
    assert found == {
        "step": f"{STEP}()",
        "step.kind": "fixed",
        "step.name": "a",
        "step.size": "2",
        "forward.SETTINGS.size": "3",
    }


def test_weights_that_a_normalization_computes_are_no_settings() -> None:
    layer = nn.utils.weight_norm(nn.Linear(2, 2))
    assert set(capture(layer).root.settings or {}) == {"forward_pre_hooks"}
