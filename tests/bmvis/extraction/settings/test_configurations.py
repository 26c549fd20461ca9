"""Which values of a configuration are recorded."""

import argparse
import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from small_models import Named, llama
from torch import nn

import bmvis
from bmvis.extraction.modules import capture


class PretrainedConfig:
    """The base class of transformers 4: its constructor takes the common values from its keyword arguments."""

    __module__ = "transformers.configuration_utils"

    def __init__(self, **values: Any) -> None:
        self.return_dict = values.pop("return_dict", True)
        self.pruned_heads = values.pop("pruned_heads", {})
        self.is_decoder = values.pop("is_decoder", False)


class BertConfig(PretrainedConfig):
    __module__ = "transformers.models.bert.configuration_bert"

    def __init__(self, hidden_act: str = "gelu", **values: Any) -> None:
        super().__init__(**values)
        self.hidden_act = hidden_act


def configured(config: Any) -> nn.Module:
    model = Named()
    model.config = config
    return model


@pytest.mark.parametrize(
    ("values", "recorded"),
    [
        ({}, {}),
        ({"hidden_act": "relu"}, {"hidden_act": "relu"}),
        ({"is_decoder": True, "return_dict": True}, {"is_decoder": "True"}),
    ],
    ids=["defaults", "of the class", "of the base class"],
)
def test_defaults_of_transformers_4_are_not_recorded(values, recorded):
    (found,) = capture(configured(BertConfig(**values))).configurations
    assert found.values == recorded


def test_all_values_are_recorded_if_the_base_class_cannot_be_made(monkeypatch):
    config = BertConfig()
    monkeypatch.setattr(PretrainedConfig, "__init__", lambda self, required: None)
    (found,) = capture(configured(config)).configurations
    assert found.values == {"return_dict": "True", "is_decoder": "False"}


@dataclasses.dataclass
class Head:
    width: int = 3
    dtype: str = "float16"


@dataclasses.dataclass(slots=True)
class Slotted:
    width: int = 3


@dataclasses.dataclass(slots=True)
class SlottedBelow(Slotted):
    depth: int = 4


@dataclasses.dataclass(slots=True)
class PartlySet:
    depth: int = dataclasses.field(init=False)
    width: int = 3


class DictConfig:
    """A dictionary of OmegaConf: its entries are nodes."""

    __module__ = "omegaconf.dictconfig"

    def __init__(self, content: Any) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no code of a configuration runs")


class AnyNode:
    __module__ = "omegaconf.nodes"

    def __init__(self, value: Any) -> None:
        self._val = value


def of_attrs() -> Any:
    attrs = pytest.importorskip("attrs")
    return attrs.make_class("Given", {"width": attrs.field(default=3)}, slots=True)()


def of_pydantic() -> Any:
    pydantic = pytest.importorskip("pydantic")
    return pydantic.create_model("Given", width=(int, 3))()


@pytest.mark.parametrize(
    ("make", "recorded"),
    [
        (Head, {"width": "3", "dtype": "float16"}),
        (Slotted, {"width": "3"}),
        (SlottedBelow, {"width": "3", "depth": "4"}),
        (PartlySet, {"width": "3"}),
        (lambda: SimpleNamespace(width=3), {"width": "3"}),
        (lambda: argparse.Namespace(width=3), {"width": "3"}),
        (of_attrs, {"width": "3"}),
        (of_pydantic, {"width": "3"}),
        (
            lambda: DictConfig({"width": AnyNode(3), "inner": DictConfig({"act": AnyNode("relu")})}),
            {"width": "3", "inner.act": "relu"},
        ),
        (
            lambda: SimpleNamespace(heads=[Head(1), Head(2)]),
            {"heads": "({dtype: float16, width: 1}, {dtype: float16, width: 2})"},
        ),
    ],
    ids=[
        "data class",
        "slots",
        "slots of a base class",
        "slot not set",
        "namespace",
        "argparse",
        "attrs",
        "pydantic",
        "OmegaConf",
        "in a list",
    ],
)
@pytest.mark.parametrize("attribute", ["config", "args", "options"])
def test_configuration_of_any_attribute_is_recorded(make, recorded, attribute):
    model = Named()
    setattr(model, attribute, make())
    (found,) = capture(model).configurations
    assert found.values == recorded
    assert not capture(model).root.settings


def test_hyperparameters_of_lightning_are_recorded():
    model = Named()
    model._hparams = type("AttributeDict", (dict,), {})(width=3)
    (found,) = capture(model).configurations
    assert (found.type, found.values) == ("AttributeDict", {"width": "3"})


def test_configurations_and_values_beyond_the_limits_count():
    def captured(last: int) -> Any:
        blocks = [configured(SimpleNamespace(number=number)) for number in (*range(39), last)]
        wide = configured(SimpleNamespace(**{f"k{number}": number for number in range(1_100)}, last=last))
        return capture(nn.Sequential(wide, *blocks)).configurations

    found = captured(1)
    assert len(found) == 33
    assert list(found[0].values)[-1] == "more values"
    assert found[-1].values["more configurations"].startswith("9 values #")
    assert found == captured(1)
    other = captured(2)
    assert [before == after for before, after in zip(found, other, strict=True)] == [False, *[True] * 31, False]


def test_configuration_of_generation_is_recorded_where_it_differs_from_the_library() -> None:
    def made(**values: object) -> bmvis.Model:
        model = llama()
        for name, value in values.items():
            setattr(model.generation_config, name, value)
        return bmvis.capture(model)

    assert [found.type for found in made().configurations] == ["LlamaConfig"]
    assert made(temperature=0.5, do_sample=True).configurations[1].values == {"temperature": "0.5", "do_sample": "True"}
    assert str(bmvis.compare(made(), made(temperature=0.5))) == "~ GenerationConfig  temperature: default → 0.5"
    assert str(bmvis.compare(made(temperature=0.7), made())) == "~ GenerationConfig  temperature: 0.7 → default"
    assert not bmvis.compare(made(temperature=0.7), made(temperature=0.7))
