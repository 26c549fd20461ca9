"""Values that code writes into tensors: in place, into slices and views, and on modules."""

from __future__ import annotations

import pytest
import torch
from drawn_networks import figures
from recorded_edges import BOTH, Net, edges_of, edges_of_code
from torch import nn


def slices(net, x):
    out = torch.zeros(2, 8)
    out[:, :4] = net.a(x)
    out[:, 4:] = net.b(x)
    return net.c(out)


def through_a_view(net, x):
    out = torch.empty(2, 8)
    left, right = out.chunk(2, dim=1)
    left.copy_(net.a(x))
    right.zero_().add_(net.b(x))
    return net.c(out)


def added_in_place(net, x):
    h = net.a(x)
    h += net.b(x)
    return h.relu_()


def in_place_before_view(net, x):
    h = net.a(x)
    view = h.view(8)
    h.mul_(net.b(x))
    return view


def kept_on_self(net, x):
    net.kept = net.a(x)
    result = net.b(x) + net.kept
    del net.kept
    return result


def overwritten(net, x):
    h = net.a(x)
    h.copy_(net.b(x))
    return h


def read_slices(net, x):
    out = torch.zeros(2, 8)
    out[:, :4], out[:, 4:] = net.a(x), net.b(x)
    return out[:, :4], out[1, 4:]


def slice_overwritten(net, x):
    out = torch.zeros(2, 4)
    out[:, :2] = net.a(x)[:, :2]
    out[:, :] = net.b(x)
    return out


def slice_of_output(net, x):
    out = net.a(x).clone()
    rest, row = out[:1], out[1]
    row.copy_(net.b(x)[0])
    return out, rest, row


def reversible(net, x):
    one, other = torch.cat([x, x], dim=1).split(4, dim=1)
    one, other = (whole := torch.cat([one, other], dim=1)).chunk(2, dim=1)
    one += net.a(other)
    other += net.b(one)
    return whole


def part_zeroed(net, x):
    out = net.a(x).clone()
    out[:, 0].zero_()
    return out, out[:, 0]


def written_to_argument(net, x):
    kept = net.a(x)
    out = net.c(torch.cat([x, x], dim=1)).repeat(1, 2)
    torch.add(kept, net.b(x), out=out)
    return out, kept


def data_assigned(net, x):
    h = net.a(x)
    h.data = net.b(x).data
    return h


def storage_replaced(net, x):
    h = net.a(x)
    h.set_(net.b(x))
    return h


def filled_with_a_value(net, x):
    return net.a(x).fill_(net.b(x).mean())


def filled_with_a_number(net, x):
    return net.a(x).clone().fill_(2.0) + net.b(x)


def random_in_place(net, x):
    return net.a(x).clone().exponential_() + net.b(x)


def interleaved_slices(net, x):
    out = torch.empty(2, 8)
    out[:, ::2], out[:, 1::2] = net.a(x), net.b(x)
    return out[:, ::2], out[:, 1::2], net.c(out)


CASES = {
    "data assigned": (data_assigned, "in:x > b; b > out:output"),
    "storage replaced": (storage_replaced, "in:x > b; b > out:output"),
    "filled with a value": (filled_with_a_value, "in:x > b; b > out:output"),
    "filled with a number": (filled_with_a_number, "in:x > b; b > out:output"),
    "random numbers in place": (random_in_place, "in:x > b; b > out:output"),
    "interleaved slices": (
        interleaved_slices,
        BOTH + "a > out:output 1; b > out:output 2; a > (assign)root; b > (assign)root; (assign)root > c; "
        "c > out:output 3",
    ),
    "kept on self": (kept_on_self, BOTH + "b > (+)root; a > (+)root; (+)root > out:output"),
    "slices written": (slices, BOTH + "a > (assign)root; b > (assign)root; (assign)root > c; c > out:output"),
    "views written": (through_a_view, BOTH + "a > (assign)root; b > (assign)root; (assign)root > c; c > out:output"),
    "slices written and read": (read_slices, BOTH + "a > out:output 1; b > out:output 2"),
    "slice overwritten": (slice_overwritten, "in:x > b; b > out:output"),
    "slice of an output written": (
        slice_of_output,
        BOTH + "a > (assign)root; b > (assign)root; (assign)root > out:output 1; a > out:output 2; b > out:output 3",
    ),
    "halves changed in turn": (
        reversible,
        "in:x > a; in:x > (+)root; a > (+)root; (+)root > b; in:x > (+)root~2; b > (+)root~2; "
        "(+)root > (assign)root; (+)root~2 > (assign)root; (assign)root > out:output",
    ),
    "part set to a constant": (part_zeroed, "in:x > a; a > out:output 1"),
    "result written to an argument": (
        written_to_argument,
        BOTH + "a > (+)root; b > (+)root; (+)root > out:output 1; a > out:output 2",
    ),
    "added in place": (added_in_place, BOTH + "a > (+)root; b > (+)root; (+)root > out:output"),
    "view made before the write": (in_place_before_view, BOTH + "a > (×)root; b > (×)root; (×)root > out:output"),
    "overwritten": (overwritten, "in:x > b; b > out:output"),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("case", CASES)
def test_edges(case: str, device: str) -> None:
    code, expected = CASES[case]
    assert edges_of_code(code, device) == sorted(expected.split("; "))


class LeftHalf(nn.Module):
    def forward(self, x):
        return x[:, :2]


@pytest.mark.parametrize("inplace", [False, True], ids=["new", "in place"])
@pytest.mark.parametrize(
    ("view", "last"),
    [(nn.Flatten(0), nn.Linear(8, 2)), (nn.Unflatten(1, (2, 2)), nn.Linear(2, 2)), (LeftHalf(), nn.Linear(2, 2))],
    ids=["flatten", "unflatten", "slice"],
)
def test_module_that_returns_a_view_stays(view: nn.Module, last: nn.Module, inplace: bool) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace), view, last)
    assert edges_of(model, torch.ones(2, 4)) == ["0 > 1", "1 > 2", "2 > 3", "3 > out:output", "in:input > 0"]


def test_view_of_a_part_that_another_module_wrote() -> None:
    class Filled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.head = nn.Linear(4, 2), nn.Linear(4, 2), nn.Linear(2, 2)
            self.left = LeftHalf()

        def forward(self, x):
            out = torch.empty(2, 4)
            out[:, :2], out[:, 2:] = self.a(x), self.b(x)
            left = self.left(out)
            result = self.head(left), left
            out[:, 2:] = 1.0
            return result

    expected = "in:x > a; a > left; left > head; head > out:output 1; left > out:output 2"
    assert edges_of(Filled(), torch.ones(2, 4)) == sorted(expected.split("; "))


def test_recording_changes_nothing_in_the_model() -> None:
    made = type("Made", (Net,), {"forward": slices})()
    before = {name: dict(vars(module)) for name, module in made.named_modules()}
    values = [tensor.clone() for tensor in made.state_dict().values()]
    figures(made, torch.ones(2, 4))
    assert {name: dict(vars(module)) for name, module in made.named_modules()} == before
    assert all(torch.equal(now, was) for now, was in zip(made.state_dict().values(), values, strict=True))
