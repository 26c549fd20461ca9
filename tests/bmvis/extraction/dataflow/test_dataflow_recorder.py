"""The edges between modules, whatever the code between them does."""

from __future__ import annotations

import pytest
import torch
from drawn_networks import figures
from recorded_edges import BOTH, edges_of_code
from torch import nn
from torch.utils.checkpoint import checkpoint


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return x * y

    @staticmethod
    def backward(ctx, grad):
        return grad, grad


def checkpointed(net, x):
    return checkpoint(net.a, x, use_reentrant=True) + checkpoint(net.b, x, use_reentrant=False)


def mapped(net, x):
    return torch.vmap(lambda one, two: one * two)(net.a(x), net.b(x))


def gathered(net, x):
    order = net.a(x).argsort(dim=1)
    return net.b(x).gather(1, order)


def unused_branch(net, x):
    net.b(x)
    return net.a(x)


def masked(net, x):
    mask = torch.ones(2, 4).tril()[:, torch.arange(4)]
    return net.a(x).masked_fill(mask == 0, 0.0) * torch.zeros_like(net.b(x)).add(1)


def dropout_in_residual(net, x):
    return net.same(x) + net.drop(net.a(x))


def one_input_twice(net, x):
    return net.a(x) * torch.sigmoid(net.a(x))


def detached(net, x):
    return net.b(net.a(x).data.detach().clone())


def constant_tensor(net, x):
    return net.a(x) + torch.tensor([1.0, 2, 3, 4])


CASES = {
    "keyword": (lambda net, x: net.b(input=net.a(input=x)), "in:x > a; a > b; b > out:output"),
    "checkpoint": (checkpointed, BOTH + "a > (+)root; b > (+)root; (+)root > out:output"),
    "autograd function": (
        lambda net, x: Square.apply(net.a(x), net.b(x)),
        BOTH + "a > (×)root; b > (×)root; (×)root > out:output",
    ),
    "vmap": (mapped, BOTH + "a > (×)root; b > (×)root; (×)root > out:output"),
    "gather": (gathered, BOTH + "b > (gather)root; a > (gather)root; (gather)root > out:output"),
    "unused branch": (unused_branch, "in:x > a; a > out:output"),
    "masks and zeros": (masked, "in:x > a; a > out:output"),
    "dropout and identity in a residual": (
        dropout_in_residual,
        "in:x > a; in:x > (+)root; a > (+)root; (+)root > out:output",
    ),
    "module called twice": (
        one_input_twice,
        "in:x > a#1; in:x > a#2; a#1 > (×)root; a#2 > (×)root; (×)root > out:output",
    ),
    "detached": (detached, "in:x > a; a > b; b > out:output"),
    "constant": (constant_tensor, "in:x > a; a > out:output"),
    "concat": (
        lambda net, x: net.c(torch.cat([net.a(x), x], 1)),
        "in:x > a; in:x > (concat)root; a > (concat)root; (concat)root > c; c > out:output",
    ),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("case", CASES)
def test_edges(case: str, device: str) -> None:
    code, expected = CASES[case]
    assert edges_of_code(code, device) == sorted(expected.split("; "))


def conditional(net, x):
    return net.norm(torch.cond(net.a(x).sum() > 1e9, lambda y: net.b(y) * 2, lambda y: y + 1, (x,)))


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cpu", "in:x > a; a > (cond)root; in:x > (cond)root; (cond)root > norm; norm > out:output"),
        (
            "meta",
            BOTH + "a > (cond)root; b > (cond)root; in:x > (cond)root; (cond)root > norm; norm > out:output",
        ),
    ],
)
def test_condition_and_branches_of_cond(device: str, expected: str) -> None:
    """On meta, where the condition has no value, both branches count; else the one that runs."""
    assert edges_of_code(conditional, device) == sorted(expected.split("; "))


def test_branch_that_returns_its_operand_changes_no_other_edge() -> None:
    def code(net, x):
        h = net.a(x)
        chosen = torch.cond(net.b(x).sum() > 0, lambda y: y, lambda y: y, (h,))
        return net.norm(h), chosen

    assert "a > norm" in edges_of_code(code, "meta")


def test_what_runs_inside_a_loop_operator_has_a_note() -> None:
    from torch._higher_order_ops.while_loop import while_loop

    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            start = torch.zeros((), dtype=torch.int64)
            for _ in range(2):
                _, x = while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, self.step(y)), (start, x))
            return self.head(x)

    assert figures(Loop(), torch.ones(2, 4)).at(1).unseen == ("operations inside while_loop",)


def test_custom_operation_has_its_own_name() -> None:
    with torch.library._scoped_library("bmvis_figures", "FRAGMENT") as library:
        library.define("mix(Tensor a, Tensor b) -> Tensor")
        library.impl("mix", lambda a, b: a * b, "CPU")
        edges = edges_of_code(lambda net, x: torch.ops.bmvis_figures.mix.default(net.a(x), net.b(x)), "cpu")
    assert "a > (mix)root" in edges
