"""The settings of a module are what its class and its tensors do not imply."""

from __future__ import annotations

import enum
import functools
import math
from typing import Any, NamedTuple

import pytest
from torch import nn

from bmvis import capture, compare
from bmvis.comparison.drift import find_drift


def settings(module: nn.Module) -> dict[str, str]:
    return capture(nn.Sequential(module)).modules[1].settings or {}


def test_attributes_that_a_class_implies_are_no_settings() -> None:
    assert settings(nn.LSTM(4, 8, num_layers=2)).keys().isdisjoint({"mode", "hidden_size"})
    assert settings(nn.ConvTranspose2d(4, 8, 3, stride=2)).keys().isdisjoint({"transposed"})


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden_size, self.head_dim, self.mode, self.transposed = 64, 16, "fused", False


def test_attributes_with_the_same_names_in_other_classes_are_settings() -> None:
    expected = {"hidden_size": "64", "head_dim": "16", "mode": "fused", "transposed": "False"}
    assert settings(Attention()) == expected


class Holder(nn.Module):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value, self.layer = value, nn.Linear(1, 1)


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        (0.0, -0.0, ("0.0", "-0.0")),
        (-0.0, 0.0, ("-0.0", "0.0")),
        ((0.0, 1), (-0.0, 1), ("(0.0, 1)", "(-0.0, 1)")),
        (1, True, ("1", "True")),
        (1.0, 1, ("1.0", "1")),
        ((1, 0), (True, 0), ("(1, 0)", "(True, 0)")),
        (math.nan, float("nan"), ("nan", "nan")),
        ("nan", math.nan, ("'nan'", "nan")),
    ],
    ids=repr,
)
def test_equal_values_that_read_differently_have_their_own_texts(
    first: Any, second: Any, texts: tuple[str, str]
) -> None:
    model = capture(nn.Sequential(Holder(first), Holder(second)))
    assert tuple((model.modules[index].settings or {})["value"] for index in (1, 3)) == texts


@pytest.mark.parametrize(
    ("before", "after", "is_drift"),
    [
        (100_000_000, 100_000_001, True),
        (123_456_788.0, 123_456_789, True),
        (-123_456_788, -123_456_789, True),
        ("(1, 2)", (1, 2), True),
        ("[]", (), True),
        (0.0, -0.0, True),
        (100_000_000, 1e8, False),
        (2**60, 2.0**60, False),
        (16, 16.0, False),
        (0.1, 0.1 + 1e-17, False),
        (10**400, 10**400, False),
    ],
    ids=repr,
)
def test_values_are_compared_exactly_up_to_the_digits_of_floats(before: Any, after: Any, is_drift: bool) -> None:
    assert bool(find_drift(capture(Holder(before)), capture(Holder(after)))) is is_drift


def test_hooks_of_lazy_modules_are_no_settings() -> None:
    """A lazy module registers them until it is called: its tensors show that."""
    layer = nn.LazyLinear(2)
    assert layer._forward_pre_hooks
    assert "forward_pre_hooks" not in settings(layer)
    layer.register_forward_pre_hook(print)
    assert settings(layer)["forward_pre_hooks"] == "builtins.print()"


def test_hooks_of_parameters_are_settings_of_the_module() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight.register_hook(print)
    model[1].bias.register_post_accumulate_grad_hook(repr)
    hooks = {
        "weight.backward_hooks": "builtins.print()",
        "bias.post_accumulate_grad_hooks": "builtins.repr()",
    }
    assert [module.settings for module in capture(model).modules] == [None, None, hooks]


def test_attributes_of_parameters_are_settings_of_the_module() -> None:
    def made(factor: float) -> nn.Module:
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        model[1].weight.lr_mult, model[1].weight.note, model[1].bias.owner = factor, "tied", model  # type: ignore[union-attr]
        model[1].weight._is_ready = True  # type: ignore[union-attr]
        return model

    found = [module.settings for module in capture(made(2.0)).modules]
    assert found == [None, None, {"weight.lr_mult": "2.0", "weight.note": "tied"}]
    drift = compare(made(2.0), made(0.5))
    assert (str(drift), drift.impact) == ("~ 1  weight.lr_mult: 2.0 → 0.5", "training")


class NetConfig(NamedTuple):
    width: int = 4


class NormOptions(enum.Enum):
    LAYER = 1
    GROUP = 2


class DepthArgs(list[int]):
    """A list that is named as a configuration."""


@pytest.mark.parametrize(
    ("before", "after"),
    [(NetConfig(4), NetConfig(5)), (NormOptions.LAYER, NormOptions.GROUP), (DepthArgs([1]), DepthArgs([2]))],
    ids=["named tuple", "enum", "list"],
)
def test_value_with_the_name_of_a_configuration_is_recorded(before: object, after: object) -> None:
    def made(value: object) -> nn.Module:
        model = nn.Linear(2, 2)
        model.given = value  # type: ignore[assignment]
        return model

    assert "given: " in str(compare(made(before), made(after)))
    assert not compare(made(before), made(before))


class Slotted(nn.Module):
    __slots__ = ("layers", "power")

    def __init__(self, power: int, layers: int = 0) -> None:
        super().__init__()
        self.power = power
        self.layers = [nn.Linear(1, 1) for _ in range(layers)]


def test_slots_of_a_module_are_attributes() -> None:
    model = capture(nn.Sequential(Slotted(2), Slotted(3), Slotted(3, layers=2)))
    assert [(module.settings or {}).get("power") for module in model.modules] == [None, "2", "3", "3"]
    assert [note.partition(" that")[0] for note in model.notes] == ["2.layers is a list with 2 modules (4 parameters)"]


class Mentions(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(1, 1), nn.Linear(1, 1)
        module = getattr(self, name)
        self.order, self.chosen = [module], {"a": module}
        self.method, self.partial, self.closure = module.forward, functools.partial(module), lambda x: module(x)
        self.own = lambda x: self.first(x)


def test_values_name_the_modules_that_they_mention() -> None:
    blocks = nn.Sequential(Mentions("first"), Mentions("first"), Mentions("second"))
    found = [module.settings for module in capture(blocks).modules if module.settings]
    closure = f"{__name__}.Mentions.__init__.<locals>.<lambda>"
    assert found[0] == {
        "order": "(<first>,)",
        "chosen.a": "<first>",
        "method": "torch.nn.modules.linear.Linear.forward(<first>)",
        "partial": "<first>()",
        "closure": f"{closure}(module=<first>)",
        "own": f"{closure}()",
    }
    assert found[1] == found[0]
    assert found[2] == {name: text.replace("<first>", "<second>") for name, text in found[0].items()}


def test_values_name_modules_elsewhere_in_the_model() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(1, 1)), Holder(None), nn.Linear(1, 1))
    model[1].value = [model[0][0], model[1], nn.ReLU()]
    (found,) = (module.settings for module in capture(model).modules if module.settings)
    assert found["value"] == "(<.0.0>, <self>, torch.nn.modules.activation.ReLU())"
