"""Values that leave PyTorch as numbers, lists or arrays, and come back: their edges, or a note in their place."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch
from drawn_networks import figures
from edge_lists import edge_list
from torch import nn

from bmvis.extraction.dataflow.host_values import HostValues
from bmvis.render.connections import called_with
from bmvis.view.figure.figure import Figure

CHAIN = "in:x > a; a > b; b > out:output"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)


def drawn(code: Any) -> Figure:
    return figures(type("Made", (Net,), {"forward": code})(), torch.ones(2, 4)).at(1)


def memory_of_a_view(net, x):
    return net.b(torch.from_numpy(net.a(x).detach().numpy()[:1]))


def number_in_a_list(net, x):
    first = float(net.a(x).sum())
    return net.b(torch.tensor([[first, 1.0, 2.0, 3.0]]))


CASES: dict[str, tuple[Any, str]] = {
    "from_numpy": (lambda net, x: net.b(torch.from_numpy(net.a(x).detach().numpy())), CHAIN),
    "part of an array": (memory_of_a_view, CHAIN),
    "array copied": (lambda net, x: net.b(torch.tensor(net.a(x).detach().numpy())), CHAIN),
    "asarray": (lambda net, x: net.b(torch.as_tensor(numpy.asarray(net.a(x)))), CHAIN),
    "tolist": (lambda net, x: net.b(torch.tensor(net.a(x).tolist())), CHAIN),
    "one row of a list": (lambda net, x: net.b(torch.tensor(net.a(x).tolist()[0])), CHAIN),
    "number in a list": (number_in_a_list, CHAIN),
    "full": (lambda net, x: net.b(torch.full((2, 4), net.a(x).sum().item())), CHAIN),
    "fill": (lambda net, x: net.b(torch.empty(2, 4).fill_(net.a(x).sum().item())), CHAIN),
    "number times a tensor": (
        lambda net, x: net.b(x) * net.a(x).sum().item(),
        "in:x > b; in:x > a; b > (×)root; a > (×)root; (×)root > out:output",
    ),
    "array as output": (lambda net, x: net.b(net.a(x)).detach().numpy(), CHAIN),
    "numbers as output": (lambda net, x: {"score": net.b(net.a(x)).sum().item()}, CHAIN),
}


@pytest.mark.parametrize("case", CASES)
def test_edges(case: str) -> None:
    code, expected = CASES[case]
    figure = drawn(code)
    assert sorted(edge_list(figure).split("; ")) == sorted(expected.split("; "))
    assert figure.unseen == ()


def token_by_token(net, x):
    best = int(net.a(x).argmax())
    return net.b(torch.tensor([[best, 0, 0, 0]]).float())


def as_many_rows(net, x):
    rows = int(net.a(x).argmax(1)[0]) * 0 + 2
    return net.b(net.a(x) + torch.zeros(rows, 4))


UNSEEN = {
    "array computed": (lambda net, x: net.b(torch.from_numpy(net.a(x).detach().numpy() * 2)), "root"),
    "number computed": (lambda net, x: net.b(x * (2 * net.a(x).sum().item())), "root"),
    "index of the best": (token_by_token, "root"),
    "bool": (lambda net, x: net.b(net.a(x)) if net.a(x).sum() > 9 else net.b(net.a(x) + 1), None),
    "size": (as_many_rows, None),
    "of a constant": (lambda net, x: net.b(net.a(x) * torch.ones(3).sum().item() * 2), None),
}


@pytest.mark.parametrize("case", UNSEEN)
def test_what_is_not_seen_has_a_note(case: str) -> None:
    code, path = UNSEEN[case]
    note = f"values that code reads as Python numbers or NumPy arrays in {path}"
    figure = drawn(code)
    assert figure.unseen == ((note,) if path else ())
    assert called_with(figure).endswith(f". Not drawn: {note}." if path else "float32[2, 4].")


def test_list_in_itself_is_read_once() -> None:
    values: list[Any] = [0.5]
    values.append(values)
    host = HostValues(lambda tensor: 7, lambda: "a")
    host.add(torch.ones(1), values)
    assert host.references([values]) == [7]
