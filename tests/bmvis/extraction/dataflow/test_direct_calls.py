"""Modules whose `forward` is called directly, and modules that run in several places."""

from __future__ import annotations

import warnings

import pytest
import torch
from drawn_networks import figures
from edge_lists import edge_list
from recorded_edges import edges_of, edges_of_code
from torch import nn


def direct_forward(net, x):
    return net.b.forward(torch.relu(net.a.forward(x)))


def forward_called_directly_twice(net, x):
    return net.a.forward(x) - net.a.forward(net.b.forward(net.b.forward(x)))


CASES = {
    "forward called directly": (direct_forward, "in:x > a; a > b; b > out:output"),
    "forward called directly twice": (
        forward_called_directly_twice,
        "in:x > a#1; in:x > b..x2; b..x2 > a#2; a#1 > (−)root; a#2 > (−)root; (−)root > out:output",
    ),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("case", CASES)
def test_edges(case: str, device: str) -> None:
    code, expected = CASES[case]
    assert edges_of_code(code, device) == sorted(expected.split("; "))


def test_scripted_child() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.inner = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
            self.last = nn.Linear(4, 4)

        def forward(self, x):
            return self.last(self.inner(x)) + x

    expected = "in:x > inner; in:x > (+)root; inner > last; last > (+)root; (+)root > out:output"
    assert edges_of(Outer(), torch.ones(2, 4)) == sorted(expected.split("; "))


def test_modules_of_a_model_whose_forward_is_called_directly_are_one_box() -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(4, 8), nn.Linear(8, 4)

        def forward(self, x):
            return self.down(torch.relu(self.up(x))) + x

    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.head = Inner(), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.model.forward(x))

    opened = (
        "in:x > model.up; model.up > model.down; model.down > (+)root; in:x > (+)root; (+)root > head; "
        "head > out:output"
    )
    assert edges_of(Wrapper(), torch.ones(2, 4), level=2) == sorted(opened.split("; "))
    assert "model > (+)root" in edges_of(Wrapper(), torch.ones(2, 4))


def test_code_between_the_calls_of_a_directly_called_forward_is_in_its_box() -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return self.down(self.up(x) + x)

    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = Inner()

        def forward(self, x):
            return self.model.forward(x)

    assert edges_of(Wrapper(), torch.ones(2, 4)) == ["in:x > model", "model > out:output"]


def test_directly_called_forward_of_a_model_that_runs_twice() -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(4, 4), nn.Linear(4, 4)
            self.scale, self.shift = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(4))

        def forward(self, x):
            return self.down(torch.relu(self.up(x * self.scale))) * self.scale + self.shift

    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(4))

        def forward(self, x):
            return torch.relu(x * self.weight) * self.weight + self.bias

    class Twins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.scale = Inner(), Scale()

        def forward(self, a, b):
            return self.scale.forward(self.inner.forward(a)) - self.inner.forward(b)

    expected = (
        "in:a > inner#1; inner#1 > scale; in:b > inner#2; scale > (−)root; inner#2 > (−)root; (−)root > out:output"
    )
    assert edges_of(Twins(), torch.ones(2, 4), torch.ones(2, 4)) == sorted(expected.split("; "))


def test_directly_called_forward_that_calls_the_one_of_its_base_class() -> None:
    class Scaled(nn.Linear):
        def forward(self, x):
            return super().forward(torch.relu(x) * self.bias) * self.bias

    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scaled, self.head = Scaled(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return self.head(self.scaled.forward(x))

    assert edges_of(Wrapper(), torch.ones(2, 4)) == ["head > out:output", "in:x > scaled", "scaled > head"]


def test_shared_module_has_the_path_of_its_caller() -> None:
    class Half(nn.Module):
        def __init__(self, embed: nn.Module) -> None:
            super().__init__()
            self.embed, self.last = embed, nn.Linear(4, 4)

        def forward(self, x):
            return self.last(self.embed(x))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared = nn.Linear(4, 4)
            self.encoder, self.decoder = Half(self.shared), Half(self.shared)

        def forward(self, x):
            return self.decoder(self.encoder(x))

    figure = figures(Model(), torch.ones(2, 4)).at(2)
    assert edge_list(figure) == (
        "in:x > encoder.embed; encoder.embed > encoder.last; encoder.last > decoder.embed; "
        "decoder.embed > decoder.last; decoder.last > out:output"
    )
