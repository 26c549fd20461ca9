"""Modules that run in other threads: each is one box."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import torch
from drawn_networks import figures
from edge_lists import edge_list
from torch import nn

UNSEEN = ("operations between modules in other threads",)


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = (nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)) for _ in range(2))
        self.head = nn.Linear(4, 4)


def side_by_side(net, x):
    with ThreadPoolExecutor(2) as pool:
        a, b = pool.map(lambda branch: branch(x), [net.a, net.b])
    return net.head(a + b)


def last_one_first(net, x):
    done = Event()

    def first():
        done.wait(60)
        return net.a(x)

    def last():
        found = net.b(x)
        done.set()
        return found

    with ThreadPoolExecutor(2) as pool:
        a, b = pool.submit(first), pool.submit(last)
    return net.head(a.result() + b.result())


def one_after_the_other(net, x):
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(net.a, pool.submit(net.b, x).result())
    return net.head(found.result() + x)


def by_keyword(net, x):
    with ThreadPoolExecutor(2) as pool:
        a, b = (pool.submit(branch, input=x) for branch in (net.a, net.b))
    return net.head(a.result() + b.result())


def failing_branch(net, x):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(net.a, x[:, :2]).exception()
        found = pool.submit(net.b, net.a(x))
    return net.head(found.result())


PARALLEL = "in:x > a; in:x > b; a > (+)root; b > (+)root; (+)root > head; head > out:output"
CASES: dict[str, tuple[Any, str]] = {
    "side by side": (side_by_side, PARALLEL),
    "last one first": (last_one_first, PARALLEL),
    "by keyword": (by_keyword, PARALLEL),
    "one after the other": (
        one_after_the_other,
        "in:x > b; b > a; in:x > (+)root; a > (+)root; (+)root > head; head > out:output",
    ),
    "failing": (failing_branch, "in:x > a; a > b; b > head; head > out:output"),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("case", CASES)
def test_edges(case: str, device: str) -> None:
    code, expected = CASES[case]
    with torch.device(device):
        figure = figures(type("Made", (Branches,), {"forward": code})(), torch.ones(2, 4)).at(1)
    assert edge_list(figure) == expected
    assert figure.unseen == UNSEEN


def test_operations_without_a_module_are_unseen() -> None:
    def forward(net, x):
        with ThreadPoolExecutor(1) as pool:
            return net.head(pool.submit(torch.relu, x).result())

    figure = figures(type("Made", (Branches,), {"forward": forward})(), torch.ones(2, 4)).at(1)
    assert edge_list(figure) == "head > out:output"
    assert figure.unseen == UNSEEN


def test_module_in_another_thread_is_not_opened() -> None:
    net = type("Made", (Branches,), {"forward": side_by_side})()
    assert edge_list(figures(net, torch.ones(2, 4)).at(2)) == PARALLEL
