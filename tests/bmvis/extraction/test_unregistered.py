"""A note names modules and trainable tensors that PyTorch does not register."""

from __future__ import annotations

import functools
from collections import ChainMap, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from bmvis.extraction.call.forward import trace_call
from bmvis.extraction.modules import capture, capture_live
from bmvis.model.totals import subtree_totals


class Holder(nn.Module):
    """Has a registered layer, and the given attributes."""

    def __init__(self, **contained: Any) -> None:
        super().__init__()
        self.out = nn.Linear(10, 2)
        for name, value in contained.items():
            self.__dict__[name] = value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.out(x)

    @property
    def broken(self) -> None:
        raise AssertionError("a property must not run")


class Layers(list[nn.Module]):
    def __iter__(self) -> Any:
        raise AssertionError("the code of a container must not run")


class Pair(NamedTuple):
    layer: nn.Module
    width: int


@dataclass
class Bag:
    layer: nn.Module


class Plain:
    def __init__(self, layer: object) -> None:
        self.layer = layer
        self.again = self

    @property
    def broken(self) -> None:
        raise AssertionError("a property must not run")


class Slotted:
    __slots__ = ("empty", "layer")

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer


LAYER, SMALL = nn.Linear(10, 10), nn.Linear(2, 2)


def calling(layer: nn.Module) -> Callable[[torch.Tensor], object]:
    return lambda x: layer(x)


class Shared(nn.Module):
    """Has layers in an attribute of the class, which is a common mistake."""

    layers = (nn.Linear(2, 2),)


def three() -> list[nn.Module]:
    return [nn.Linear(10, 10) for _ in range(3)]


@pytest.mark.parametrize(
    ("contained", "noted"),
    [
        (three(), "holder.contained is a list with 3 modules (330 parameters)"),
        (tuple(three()), "holder.contained is a tuple with 3 modules (330 parameters)"),
        (dict(enumerate(three())), "holder.contained is a dict with 3 modules (330 parameters)"),
        (OrderedDict(a=nn.Linear(2, 2)), "holder.contained is an OrderedDict with 1 module (6 parameters)"),
        (deque(three()), "holder.contained is a deque with 3 modules (330 parameters)"),
        ([three(), {"more": three()}], "holder.contained is a list with 6 modules (660 parameters)"),
        (Layers(three()), "holder.contained is a Layers with 3 modules (330 parameters)"),
        (Pair(nn.Linear(2, 2), 2), "holder.contained is a Pair with 1 module (6 parameters)"),
        (nn.Linear(2, 2).forward, "holder.contained is a method with 1 module (6 parameters)"),
        (calling(nn.Linear(2, 2)), "holder.contained is a function with 1 module (6 parameters)"),
        (lambda x, layer=SMALL: layer(x), "holder.contained is a function with 1 module (6 parameters)"),
        (functools.partial(nn.Linear(2, 2)), "holder.contained is a partial with 1 module (6 parameters)"),
        (Plain(nn.Linear(2, 2)), "holder.contained is a Plain with 1 module (6 parameters)"),
        (Plain({"a": [nn.Linear(2, 2)]}), "holder.contained is a Plain with 1 module (6 parameters)"),
        (Slotted(nn.Linear(2, 2)), "holder.contained is a Slotted with 1 module (6 parameters)"),
        (ChainMap({"a": nn.Linear(2, 2)}), "holder.contained is a ChainMap with 1 module (6 parameters)"),
        ({nn.Linear(2, 2): "a"}, "holder.contained is a dict with 1 module (6 parameters)"),
        ([[[[[nn.Linear(2, 2)]]]]], "holder.contained is a list with 1 module (6 parameters)"),
        (Bag(nn.Linear(2, 2)), "holder.contained is a Bag with 1 module (6 parameters)"),
        (SimpleNamespace(a=nn.Linear(2, 2)), "holder.contained is a SimpleNamespace with 1 module (6 parameters)"),
        (
            functools.partial(nn.functional.linear, weight=nn.Parameter(torch.zeros(3, 3))),
            "holder.contained is a partial with 1 trainable tensor (9 parameters)",
        ),
        (nn.Sequential(*three()), "holder.contained is 1 module (330 parameters)"),
        ([nn.Linear(10, 10)] * 4, "holder.contained is a list with 1 module (110 parameters)"),
        ([nn.Parameter(torch.zeros(5))], "holder.contained is a list with 1 trainable tensor (5 parameters)"),
        (torch.zeros(5, requires_grad=True), "holder.contained is 1 trainable tensor (5 parameters)"),
        ([nn.LazyLinear(3)], "holder.contained is a list with 1 module (0 parameters)"),
        (
            [nn.ReLU(), nn.Parameter(torch.zeros(1))],
            "holder.contained is a list with 1 module and 1 trainable tensor (1 parameter)",
        ),
    ],
)
def test_unregistered_modules_have_a_note(contained: Any, noted: str) -> None:
    model = nn.ModuleDict({"holder": Holder(contained=contained)})
    captured = capture(model)
    assert captured.notes == (
        f"{noted} that PyTorch doesn't register: not in the tree, in parameters(), or in the state dict",
    )
    assert [module.name for module in captured.modules] == ["", "holder", "out"]


def reference_to_parent() -> nn.Module:
    model = nn.Sequential(Holder())
    model[0].__dict__["parent"] = [model]
    return model


def references_to_siblings() -> nn.Module:
    model = Holder()
    model.__dict__["all"] = {"out": model.out, "weight": model.out.weight}
    return model


def held_by_itself() -> nn.Module:
    contained: list[Any] = [1, "text", None]
    contained.append(contained)
    return Holder(contained=contained)


@pytest.mark.parametrize(
    "make",
    [
        reference_to_parent,
        references_to_siblings,
        held_by_itself,
        lambda: Holder(contained=[torch.zeros(3)], step=torch.zeros(2)),
        lambda: Holder(contained=(nn.Linear(2, 2).weight * 2,)),
        lambda: Holder(contained=[nn.Linear, lambda: nn.Linear(1, 1)]),
        lambda: nn.LSTM(4, 4, 2),
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)),
        lambda: nn.TransformerEncoderLayer(8, 2),
        lambda: torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)),
        lambda: Holder(contained=functools.partial(print, 1), more=Pair(nn.Linear, 1)),
    ],
)
def test_registered_or_frozen_tensors_have_no_note(make: Any) -> None:
    assert capture(make()).notes == ()


def test_unregistered_modules_of_a_class_have_one_note() -> None:
    (note,) = capture(nn.Sequential(Shared(), Shared())).notes
    assert note.startswith("0.layers is a tuple with 1 module (6 parameters)")


def test_frozen_torchscript_has_a_note() -> None:
    frozen = torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Linear(2, 2)).eval()))
    assert capture(nn.Sequential(frozen)).notes == (
        "0 is frozen TorchScript: its weights are constants, which are not counted",
    )


def test_unregistered_modules_in_two_attributes_count_once() -> None:
    layers = three()
    notes = capture(Holder(layers=layers, again=tuple(layers))).notes
    assert [note.partition(" ")[0] for note in notes] == ["layers"]


@pytest.mark.parametrize("spare", [0, 2])
def test_forward_notes_unregistered_modules_that_ran(spare: int) -> None:
    model = Holder(layers=three(), spare=[nn.ReLU()] * spare)
    notes = trace_call(capture_live(model), [torch.zeros(2, 10)], {}).notes
    assert "layers: with these inputs, 3 of 3 modules ran" in notes
    assert ("spare: with these inputs, 0 of 1 module ran" in notes) == bool(spare)


class Hidden(nn.Module):
    """Calls layers that no attribute of it has."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.Softmax(-1)(nn.Linear(10, 1)(LAYER(LAYER(x))))


def test_forward_notes_modules_that_it_cannot_find() -> None:
    notes = trace_call(capture_live(Hidden()), [torch.zeros(2, 10)], {}).notes
    assert notes == (
        "with these inputs, 2 modules ran that the model doesn't contain (Linear, 121 parameters): not in the tree, in "
        "parameters(), or in the state dict",
    )


class Grows(nn.Module):
    """Adds a layer in its first call, as code did before PyTorch had lazy modules."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not hasattr(self, "layer"):
            self.layer = nn.Linear(x.shape[-1], 3)
        return self.layer(x)


def test_modules_that_the_call_adds_are_in_the_tree() -> None:
    tree = trace_call(capture_live(nn.Sequential(Grows())), [torch.zeros(2, 10)], {})
    assert list(tree.paths) == ["", "0", "0.layer"]
    assert tree.notes == ("the call added modules to the model: 1 of them ran",)
    assert [module.call.macs for module in tree.modules if module.call] == [60, 60, 60]


class Changes(nn.Module):
    """Changes itself in its first call."""

    def __init__(self, change: Callable[[nn.Module], object]) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.change = change

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.change(self)
        return x


CHANGES: dict[str, tuple[Callable[[nn.Module], object], int, list[str]]] = {
    "parameter": (lambda model: model.register_parameter("late", nn.Parameter(torch.zeros(3))), 23, ["", "layer"]),
    "module that does not run": (lambda model: model.add_module("late", nn.Linear(4, 1)), 25, ["", "layer", "late"]),
    "other size": (lambda model: setattr(model.layer, "bias", nn.Parameter(torch.zeros(9))), 25, ["", "layer"]),
    "frozen": (lambda model: setattr(model.layer, "bias", nn.Parameter(torch.zeros(4), False)), 20, ["", "layer"]),
    "removed module": (lambda model: delattr(model, "layer"), 0, [""]),
    "replaced module": (lambda model: setattr(model, "layer", nn.Linear(4, 1)), 5, ["", "layer"]),
}


def test_lazy_buffers_have_the_shapes_of_the_call() -> None:
    tree = trace_call(capture_live(nn.Sequential(nn.LazyBatchNorm1d(affine=False))), [torch.zeros(2, 4)], {})
    assert tree.modules[1].type == "BatchNorm1d"
    assert [one.shape for one in tree.modules[1].buffers] == [(4,), (4,), ()]
    assert tree.notes == ("lazy modules inferred their shapes from `inputs`",)


@pytest.mark.parametrize("change", CHANGES)
def test_tree_has_what_the_call_changed(change: str) -> None:
    function, count, paths = CHANGES[change]
    tree = trace_call(capture_live(Changes(function)), [torch.zeros(2, 4)], {})
    assert (subtree_totals(tree)[0].count, list(tree.paths)) == (count, paths)
    assert tree.notes == ("the call changed modules or parameters of the model: the tree shows it after the call",)
    trainable = [one.trainable for module in tree.modules for one in module.parameters]
    assert all(trainable) == (change != "frozen")


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model.layer, "bias", nn.Parameter(torch.ones(4))),
        lambda model: model.register_buffer("cache", torch.zeros(2)),
        lambda model: setattr(model, "steps", 1),
    ],
    ids=["equal parameter", "buffer", "setting"],
)
def test_call_that_changes_no_size_leaves_the_tree(change: Callable[[nn.Module], object]) -> None:
    live = capture_live(Changes(change))
    tree = trace_call(live, [torch.zeros(2, 4)], {})
    assert (tree.notes, tree.paths) == ((), live.tree.paths)
    assert [module.buffers for module in tree.modules] == [module.buffers for module in live.tree.modules]
