"""Weights that code uses outside of the module that has them."""

from __future__ import annotations

import pytest
import torch
from recorded_edges import BOTH, edges_of, edges_of_code
from torch import nn


def weight_of_other(net, x):
    return torch.nn.functional.linear(net.b(x), net.a.weight.t())


def own_buffer(net, x):
    return net.a(x) * net.shift


def own_parameter(net, x):
    return net.a(x) * net.scale


def parameter_passed(net, x):
    return net.a(x) * net.scale + net.b(net.scale)


def weight_passed(net, x):
    return net.norm(net.c.weight.view(4, 4)) @ net.a(x).t()


def embedding_added(net, x):
    return net.b(net.a(x) + net.table.weight[: len(x)])


def functions_with_own_names(net, x):
    functional = torch.nn.functional
    one = functional.layer_norm(net.a(x), (4,), net.scale, net.scale)
    return functional.batch_norm(one, net.shift, net.shift, net.scale, net.scale)


def averaged_weights(net, x):
    with torch.no_grad():
        for mine, other in zip(net.a.parameters(), net.b.parameters(), strict=True):
            other.mul_(0.9).add_(mine, alpha=0.1)
    return net.a(x) - net.b(x)


def averaged_data(net, x):
    for mine, other in zip(net.a.parameters(), net.b.parameters(), strict=True):
        other.data.copy_(0.9 * other.data + 0.1 * mine.data)
    torch._foreach_lerp_([net.b.weight.data], [net.a.weight.data], 0.1)
    return net.a(x) - net.b(x)


def parameter_set_to_a_value(net, x):
    net.scale.data.copy_(net.a(x)[0])
    return net.scale * net.b(x)


def bias_added_apart(net, x):
    h = net.a.weight.half().float() @ net.b(x).t()
    gate = torch.relu(x)
    return (h.t() + net.a.bias[None, :].double().float()) * gate


def bias_added_after_a_module(net, x):
    return net.norm(torch.nn.functional.linear(x, net.a.weight)) + net.a.bias


def normalized_by_hand(net, x):
    y = (x - x.mean(-1, keepdim=True)) * net.norm.weight
    kept = torch.relu(net.a(x))
    return y + net.norm.bias.double() + kept


def packed_projection(net, x):
    parts = zip(net.c.weight.view(4, 4).chunk(2), net.c.bias.chunk(2), strict=True)
    return torch.cat([torch.nn.functional.linear(x, weight, bias[:1]) for weight, bias in parts], dim=1)


def weight_used_twice(net, x):
    return torch.nn.functional.linear(torch.nn.functional.linear(x, net.a.weight), net.a.weight)


def weight_used_for_two_values(net, x):
    one = torch.nn.functional.linear(x, net.a.weight)
    return one - torch.nn.functional.linear(net.b(x), net.a.weight, net.a.bias)


def changed_weights(net, x):
    changed = {name: 2 * parameter for name, parameter in net.a.named_parameters()}
    return net.b(torch.func.functional_call(net.a, changed, (x,)))


def changed_weights_of_two_calls(net, x):
    changed = {name: 2 * parameter for name, parameter in net.a.named_parameters()}
    return torch.func.functional_call(net.a, changed, (torch.func.functional_call(net.a, changed, (x,)) * x,))


def predicted_weights(net, x):
    delta = net.b(x).mean()
    changed = {name: parameter + delta for name, parameter in net.a.named_parameters()}
    return torch.func.functional_call(net.a, changed, (net.norm(x),))


def predicted_weight(net, x):
    weight = net.a.weight + net.b(x).mean()
    return torch.nn.functional.linear(net.norm(x), weight, net.a.bias)


def predicted_weight_passed(net, x):
    weight = net.a.weight + net.b(x).mean()
    return torch.nn.functional.linear(net.norm(weight), weight, net.a.bias)


def weight_normalized_by_hand(net, x):
    size = net.a.weight.norm()
    h = net.norm(x)
    return torch.nn.functional.linear(h, net.a.weight / size, net.a.bias)


def weights_changed_by_a_module(net, x):
    changed = {name: parameter + net.b(parameter) for name, parameter in net.a.named_parameters()}
    return net.norm(torch.func.functional_call(net.a, changed, (x,)))


def weight_of_a_called_module_passed(net, x):
    return net.a(x) * net.norm(net.a.weight[0])


def part_of_a_weight_copied(net, x):
    half = net.a.weight[2:].clone()
    return torch.nn.functional.linear(torch.nn.functional.linear(x, half), net.a.weight[2:, :2])


TWINS = BOTH + "a > (−)root; b > (−)root; (−)root > out:output"


CASES = {
    "weight of another module": (weight_of_other, "in:x > b; b > a; a > out:output"),
    "buffer of an opened module": (own_buffer, "in:x > a; a > out:output"),
    "parameter of an opened module": (own_parameter, "in:x > a; a > (× scale)root; (× scale)root > out:output"),
    "parameter passed to a module": (
        parameter_passed,
        "in:x > a; (scale)root > b; (scale)root > (× +)root; a > (× +)root; b > (× +)root; (× +)root > out:output",
    ),
    "weight of another module passed to a module": (
        weight_passed,
        "in:x > a; c > norm; norm > (matmul)root; a > (matmul)root; (matmul)root > out:output",
    ),
    "weight of an embedding added": (
        embedding_added,
        "in:x > a; a > (+)root; table > (+)root; (+)root > b; b > out:output",
    ),
    "names of functions": (
        functions_with_own_names,
        "in:x > a; a > (layer_norm batch_norm scale)root; (layer_norm batch_norm scale)root > out:output",
    ),
    "weights changed by other weights": (averaged_weights, TWINS),
    "weights overwritten by other weights": (averaged_data, TWINS),
    "parameter overwritten by a value": (
        parameter_set_to_a_value,
        BOTH + "a > (×)root; b > (×)root; (×)root > out:output",
    ),
    "weight and bias used apart": (
        bias_added_apart,
        "in:x > b; b > a; in:x > (×)root; a > (×)root; (×)root > out:output",
    ),
    "weight and bias used apart around a module": (
        bias_added_after_a_module,
        "in:x > a#1; a#1 > norm; norm > a#2; a#2 > out:output",
    ),
    "weight and bias of a norm used apart": (
        normalized_by_hand,
        "in:x > norm; in:x > a; norm > (+)root; a > (+)root; (+)root > out:output",
    ),
    "parts of one weight": (packed_projection, "in:x > c; c > out:output"),
    "weight used twice": (weight_used_twice, "in:x > a..x2; a..x2 > out:output"),
    "weight used for two values": (
        weight_used_for_two_values,
        "in:x > a#1; in:x > b; b > a#2; a#1 > (−)root; a#2 > (−)root; (−)root > out:output",
    ),
    "changed weights": (changed_weights, "in:x > a; a > b; b > out:output"),
    "changed weights of two calls": (
        changed_weights_of_two_calls,
        "in:x > a#1; in:x > (×)root; a#1 > (×)root; (×)root > a#2; a#2 > out:output",
    ),
    "predicted weights": (predicted_weights, "in:x > b; in:x > norm; b > a; norm > a; a > out:output"),
    "predicted weight": (predicted_weight, "in:x > b; in:x > norm; b > a; norm > a; a > out:output"),
    "predicted weight passed to a module": (
        predicted_weight_passed,
        "in:x > b; b > a#1; a#1 > norm; norm > a#2; a#1 > a#2; a#2 > out:output",
    ),
    "weight normalized by hand": (weight_normalized_by_hand, "in:x > norm; norm > a; a > out:output"),
    "weights changed by a module": (
        weights_changed_by_a_module,
        "(a.weight)root > b#1; (a.bias)root > b#2; in:x > a; b#1 > a; b#2 > a; a > norm; norm > out:output",
    ),
    "weight of a called module passed to a module": (
        weight_of_a_called_module_passed,
        "in:x > a; (a.weight)root > norm; a > (×)root; norm > (×)root; (×)root > out:output",
    ),
    "part of a weight copied, and used again": (part_of_a_weight_copied, "in:x > a..x2; a..x2 > out:output"),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("case", CASES)
def test_edges(case: str, device: str) -> None:
    code, expected = CASES[case]
    assert edges_of_code(code, device) == sorted(expected.split("; "))


def test_weights_of_several_modules_that_other_code_combines() -> None:
    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return self.head(torch.nn.functional.linear(x, self.b.weight @ self.a.weight))

    expected = "in:x > (J)root; a > (J)root; b > (J)root; (J)root > head; head > out:output"
    assert edges_of(Wrapper(), torch.ones(2, 4)) == sorted(expected.replace("J", "matmul linear").split("; "))


def test_weights_of_a_module_that_another_one_uses_are_one_box() -> None:
    class Borrower(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return self.head(torch.func.functional_call(self.a, dict(self.b.named_parameters()), (x,)))

    assert edges_of(Borrower(), torch.ones(2, 4)) == ["a > head", "b > a", "head > out:output", "in:x > a"]


def test_rotary_embedding_has_buffers_alone_and_stays() -> None:
    class Rotary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("frequencies", torch.ones(4))

        def forward(self, length):
            return torch.outer(torch.arange(length).float(), self.frequencies).cos()

    class Mask(nn.Module):
        def forward(self, length):
            return torch.ones(length, 4)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rotary, self.mask, self.linear = Rotary(), Mask(), nn.Linear(4, 4)

        def forward(self, x):
            return self.linear(x) * self.rotary(len(x)) * self.mask(len(x))

    expected = "in:x > linear; linear > (×)root; rotary > (×)root; (×)root > out:output"
    assert edges_of(Model(), torch.ones(2, 4)) == sorted(expected.split("; "))
