"""Which values of a configuration are recorded."""

from typing import Any

import pytest
from small_models import Named
from torch import nn

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
