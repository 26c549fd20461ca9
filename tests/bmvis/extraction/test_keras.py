"""Keras 3 on its PyTorch backend: a row for each layer. The first tests use layers like those of Keras."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from torch import nn

from bmvis.extraction.call.forward import trace_call
from bmvis.extraction.modules import capture, capture_live
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model


class Layer(nn.Module):
    """What Keras keeps in a layer: sublayers and variables in lists, and all parameters in one dictionary."""

    __module__ = "keras.src.layers.layer"

    def __init__(self, name: str, *layers: Any, built: bool = True, **shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.name, self.built, self._layers = name, built, list(layers)
        self._trainable_variables = [variable(name, shape) for name, shape in shapes.items()]
        self._non_trainable_variables: list[Any] = []
        self._seed_generators: list[Any] = []
        self.track()

    def track(self) -> None:
        self._torch_params = nn.ParameterDict(
            {f"{self.name}/{key}".replace(".", "_"): tensor for key, tensor in self.tensors().items()}
        )

    def tensors(self) -> dict[str, nn.Parameter]:
        own = {one.name: one._value for one in (*self._trainable_variables, *self._non_trainable_variables)}
        inside = [(f"{layer.name}/{key}", value) for layer in self._layers for key, value in layer.tensors().items()]
        return own | dict(inside)

    def build(self) -> None:
        """Create no variables."""

    build.__module__ = "keras.src.layers.layer"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self._layers:
            x = layer(x)
        return x


class Dense(Layer):
    """As a layer of a user, in a module of its own."""

    __module__ = "project.layers"

    def __init__(self, name: str, given: int, made: int, built: bool = True) -> None:
        super().__init__(name, built=built, **({"kernel": (given, made), "bias": (made,)} if built else {}))
        self.sizes = given, made

    def build(self) -> None:
        given, made = self.sizes
        self._trainable_variables = [variable("kernel", (given, made)), variable("bias", (made,))]
        self.built = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.built:
            self.build()
        kernel, bias = self._trainable_variables
        return x @ kernel._value + bias._value


class Variable:
    def __init__(self, name: str, value: nn.Parameter) -> None:
        self.name, self._value = name, value


def variable(name: str, shape: tuple[int, ...], *, trainable: bool = True) -> Variable:
    return Variable(name, nn.Parameter(torch.zeros(shape), requires_grad=trainable))


def rows(tree: Model) -> dict[str, list[str]]:
    return {
        path: [f"{p.name}{list(p.shape) if p.shape else '?'}" for p in module.parameters]
        for path, module in zip(tree.paths, tree.modules, strict=True)
    }


def test_each_layer_is_a_module_with_its_variables() -> None:
    block = Layer("block", Dense("dense", 8, 8), Dense("dense", 8, 3))
    model = Layer("net", Dense("first", 4, 8), block)
    model._non_trainable_variables = [variable("moving.mean", (8,), trainable=False)]
    model.track()
    tree = capture(nn.Sequential(model))
    assert rows(tree) == {
        "": [],
        "0": ["moving_mean[8]"],
        "0.first": ["kernel[4, 8]", "bias[8]"],
        "0.block": [],
        "0.block.dense": ["kernel[8, 8]", "bias[8]"],
        "0.block.dense_2": ["kernel[8, 3]", "bias[3]"],
    }
    assert subtree_totals(tree)[0].count == 8 + 40 + 72 + 27
    assert not tree.notes


def test_layer_that_occurs_twice_is_shared() -> None:
    dense = Dense("dense", 4, 4)
    tree = capture(Layer("net", dense, Layer("inner", dense)))
    assert [module.shared_with for module in tree.modules] == [None, None, None, "dense"]
    assert subtree_totals(tree)[0].count == 20


def test_layer_that_is_not_built_has_variables_of_unknown_shape() -> None:
    model = Layer("net", Dense("dense", 4, 8, built=False), Layer("activation", built=False))
    assert rows(capture(model)) == {"": [], "dense": ["variables?"], "activation": []}
    tree = trace_call(capture_live(model), [torch.zeros(2, 4)], {})
    assert rows(tree) == {"": [], "dense": ["kernel[4, 8]", "bias[8]"], "activation": []}
    assert tree.root.call is not None
    assert tree.root.call.macs == 64


def test_torch_module_inside_a_layer_is_a_module() -> None:
    model = Layer("wrapper")
    model.module = nn.Linear(4, 3)
    model._trainable_variables = [Variable("weight", model.module.weight)]
    model.track()
    assert rows(capture(model)) == {"": [], "module": ["weight[3, 4]", "bias[3]"]}


@pytest.fixture
def keras() -> Any:
    os.environ["KERAS_BACKEND"] = "torch"
    return pytest.importorskip("keras", reason="keras is not installed: `make test-libraries` brings it")


def test_keras_layers_have_shapes_and_macs(keras: Any) -> None:
    layers = keras.layers
    given = keras.Input((8, 8, 3))
    features = layers.Flatten(name="flat")(
        layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, name="conv")(given))
    )
    model = keras.Model(given, layers.Dense(2, name="head")(features))
    tree = trace_call(capture_live(model), [torch.zeros(1, 8, 8, 3)], {})
    found = {path.rpartition(".")[2]: facts for path, facts in rows(tree).items() if facts}
    assert found == {
        "conv": ["kernel[3, 3, 3, 4]", "bias[4]"],
        "norm": ["gamma[4]", "beta[4]", "moving_mean[4]", "moving_variance[4]"],
        "head": ["kernel[144, 2]", "bias[2]"],
    }
    assert subtree_totals(tree)[0].count == sum(p.numel() for p in model.parameters()) == 418
    assert tree.root.call is not None
    assert tree.root.call.macs == 6 * 6 * 4 * 27 + 288
    assert not tree.notes


def test_unbuilt_model_of_keras_is_built_by_a_call(keras: Any) -> None:
    model = keras.Sequential([keras.layers.Dense(8, name="one"), keras.layers.Dense(3, name="two")])
    assert rows(capture(model)) == {"": [], "one": ["variables?"], "two": ["variables?"]}
    tree = trace_call(capture_live(model), [torch.zeros(2, 4)], {})
    found = {path: facts for path, facts in rows(tree).items() if facts}
    assert found == {"one": ["kernel[4, 8]", "bias[8]"], "two": ["kernel[8, 3]", "bias[3]"]}
