"""The edges between modules, whatever the code between them does."""

from __future__ import annotations

import warnings
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from drawn_networks import figures
from edge_lists import edge_list
from torch import nn
from torch.utils.checkpoint import checkpoint

Pair = namedtuple("Pair", "left right")


@dataclass
class Output:
    logits: Any
    hidden: Any = None


class Net(nn.Module):
    """Two layers of one size, and a third one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(8, 2)
        self.drop, self.same, self.norm = nn.Dropout(0.5), nn.Identity(), nn.LayerNorm(4)
        self.table = nn.Embedding(3, 4)
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("shift", torch.ones(4))


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return x * y

    @staticmethod
    def backward(ctx, grad):
        return grad, grad


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


def direct_forward(net, x):
    return net.b.forward(torch.relu(net.a.forward(x)))


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


def one_input_twice(net, x):
    return net.a(x) * torch.sigmoid(net.a(x))


def detached(net, x):
    return net.b(net.a(x).data.detach().clone())


def constant_tensor(net, x):
    return net.a(x) + torch.tensor([1.0, 2, 3, 4])


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


def forward_called_directly_twice(net, x):
    return net.a.forward(x) - net.a.forward(net.b.forward(net.b.forward(x)))


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


BOTH = "in:x > a; in:x > b; "
TWINS = BOTH + "a > (−)root; b > (−)root; (−)root > out:output"
CASES = {
    "dictionary": (lambda net, x: {"one": net.a(x), "two": net.b(x)}, BOTH + "a > out:one; b > out:two"),
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
    "keyword": (lambda net, x: net.b(input=net.a(input=x)), "in:x > a; a > b; b > out:output"),
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
    "forward called directly": (direct_forward, "in:x > a; a > b; b > out:output"),
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
    "module called twice": (
        one_input_twice,
        "in:x > a#1; in:x > a#2; a#1 > (×)root; a#2 > (×)root; (×)root > out:output",
    ),
    "detached": (detached, "in:x > a; a > b; b > out:output"),
    "constant": (constant_tensor, "in:x > a; a > out:output"),
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
    "forward called directly twice": (
        forward_called_directly_twice,
        "in:x > a#1; in:x > b..x2; b..x2 > a#2; a#1 > (−)root; a#2 > (−)root; (−)root > out:output",
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
    "concat": (
        lambda net, x: net.c(torch.cat([net.a(x), x], 1)),
        "in:x > a; in:x > (concat)root; a > (concat)root; (concat)root > c; c > out:output",
    ),
}


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


def edges_of(model: nn.Module, *given: Any, level: int = 1, **named: Any) -> list[str]:
    return sorted(edge_list(figures(model, *given, **named).at(level)).split("; "))


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("case", CASES)
def test_edges(case: str, device: str) -> None:
    code, expected = CASES[case]
    made = type("Made", (Net,), {"forward": code})
    with torch.device(device):
        assert edges_of(made(), torch.ones(2, 4)) == sorted(expected.split("; "))


def test_endless_generator_has_a_note() -> None:
    def forward(net, x):
        while True:
            x = net.a(x)
            yield x

    figure = figures(type("Made", (Net,), {"forward": forward})(), torch.ones(2, 4)).at(1)
    assert figure.unseen == ("what the model yields after the first 100 values",)


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


def test_recording_changes_nothing_in_the_model() -> None:
    made = type("Made", (Net,), {"forward": slices})()
    before = {name: dict(vars(module)) for name, module in made.named_modules()}
    values = [tensor.clone() for tensor in made.state_dict().values()]
    figures(made, torch.ones(2, 4))
    assert {name: dict(vars(module)) for name, module in made.named_modules()} == before
    assert all(torch.equal(now, was) for now, was in zip(made.state_dict().values(), values, strict=True))
