"""Inputs and outputs in data classes, dictionaries, objects and generators."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from drawn_networks import figures
from recorded_edges import BOTH, Net, edges_of, edges_of_code
from torch import nn

Pair = namedtuple("Pair", "left right")


@dataclass
class Output:
    logits: Any
    hidden: Any = None


class Holder:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


class Circle:
    def __init__(self, value: Any) -> None:
        self.own, self.value = self, [value]


class Slots:
    __slots__ = ("missing", "value")

    def __init__(self, value: Any) -> None:
        self.value = value


class PrivateSlot:
    __slots__ = "__value"

    def __init__(self, value: Any) -> None:
        self.__value = value


@dataclass(slots=True)
class SlotsOfDataClass:
    logits: Any
    hidden: Any = None


def yielding(net, x):
    x = net.a(x)
    yield x
    yield net.b(x)


CASES = {
    "dictionary": (lambda net, x: {"one": net.a(x), "two": net.b(x)}, BOTH + "a > out:one; b > out:two"),
    "dataclass": (lambda net, x: Output(net.a(x)), "in:x > a; a > out:logits"),
    "named tuple": (lambda net, x: Pair(net.a(x), net.b(x)), BOTH + "a > out:left; b > out:right"),
    "tuple": (lambda net, x: (net.a(x), net.b(x)), BOTH + "a > out:output 1; b > out:output 2"),
    "dictionaries in a dictionary": (
        lambda net, x: (
            {"text": {"last": net.a(x), "top": x}, "image": Output(net.b(x), net.c(torch.cat([x, x], 1)))}
            | {"both": {"last": net.a(x)}}
        ),
        "in:x > a#1; in:x > b; in:x > c; in:x > a#2; a#1 > out:text.last; in:x > out:top; b > out:logits; "
        "c > out:hidden; a#2 > out:both.last",
    ),
    "list in dictionary": (lambda net, x: {"all": [net.a(x), net.b(x)]}, BOTH + "a > out:all; b > out:all"),
    "input returned": (lambda net, x: (x, net.a(x)), "in:x > a; in:x > out:output 1; a > out:output 2"),
    "generator": (
        yielding,
        "in:x > a; a > b; a > out:output 1; b > out:output 2",
    ),
    "map": (
        lambda net, x: map(torch.relu, (net.a(x), net.b(x))),
        "in:x > a; in:x > b; a > out:output 1; b > out:output 2",
    ),
    "objects in a list": (
        lambda net, x: [Holder(left=net.a(x)), Holder(right=net.b(x))],
        "in:x > a; in:x > b; a > out:left; b > out:right",
    ),
    "object in an object": (lambda net, x: Holder(one=Holder(two=net.a(x))), "in:x > a; a > out:two"),
    "object that refers to itself": (lambda net, x: Circle(net.a(x)), "in:x > a; a > out:value"),
    "slots": (lambda net, x: Slots(net.a(x)), "in:x > a; a > out:value"),
    "private slot": (lambda net, x: PrivateSlot(net.a(x)), "in:x > a; a > out:_PrivateSlot__value"),
    "slots of a data class": (lambda net, x: SlotsOfDataClass(net.a(x)), "in:x > a; a > out:logits"),
    "slots of a data class in a list": (lambda net, x: [SlotsOfDataClass(net.a(x))], "in:x > a; a > out:logits"),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("case", CASES)
def test_edges(case: str, device: str) -> None:
    code, expected = CASES[case]
    assert edges_of_code(code, device) == sorted(expected.split("; "))


class Batches(nn.Module):
    """Uses the values of two data classes, of a dictionary and of a list."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Linear(4, 4) for _ in range(4))

    def forward(self, one, two, more):
        return self.a(one.logits) + self.b(two.logits) + self.c(more["x"]) + self.d(more["all"][0])


def test_inputs_in_data_classes_and_dictionaries() -> None:
    x = torch.ones(2, 4)
    edges = edges_of(Batches(), Output(x), Output(x + 1), {"x": x + 2, "all": [x + 3]})
    ends = ["in:one.logits > a", "in:two.logits > b", "in:x > c", "in:all > d"]
    assert [edge for edge in edges if edge.startswith("in:")] == sorted(ends)


def test_endless_generator_has_a_note() -> None:
    def forward(net, x):
        while True:
            x = net.a(x)
            yield x

    figure = figures(type("Made", (Net,), {"forward": forward})(), torch.ones(2, 4)).at(1)
    assert figure.unseen == ("what the model yields after the first 100 values",)
