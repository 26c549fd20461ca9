"""`config:path`: models from the configuration files of transformers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from large_libraries import transformers
from torch import nn

from bmvis import capture
from bmvis.child.transformers_config import build_from_config
from bmvis.errors import BmvisError, InvalidReferenceError
from bmvis.options.definitions import Options
from bmvis.source.source import Source
from bmvis.view.layout import layout


@pytest.fixture(scope="module")
def source(saved: Path) -> Iterator[Source]:
    with Source(saved) as made:
        yield made


def test_configuration_is_built_without_weights(source: Source, saved: Path) -> None:
    built = source.resolve("config:config")
    assert built.model.device == "meta"
    assert built.model.root.type == "BertForMaskedLM"
    with torch.device("meta"):
        expected = transformers.BertForMaskedLM(transformers.BertConfig.from_pretrained(saved / "config"))
    assert layout(built.model, Options()).totals.count == sum(p.numel() for p in expected.parameters())
    assert built.sources == (str(saved / "config/config.json"),)


def test_configuration_sets_the_dtype_and_without_a_class_is_the_base_model(saved: Path) -> None:
    config = json.loads((saved / "config/config.json").read_text())
    (saved / "bare.json").write_text(json.dumps({**config, "architectures": None, "dtype": "bfloat16"}))
    with torch.device("meta"):
        model = capture(build_from_config(str(saved / "bare.json")))
    assert model.root.type == "BertModel"
    assert layout(model, Options()).dtypes == ("bfloat16",)


def test_class_of_a_configuration_is_imported_with_unchanged_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template imports it ahead only then: the next models of transformers take a tenth of the time."""
    sizes = dict.fromkeys(("n_embd", "n_head", "n_layer", "n_positions", "vocab_size"), 2)
    config = {"model_type": "openai-gpt", "architectures": ["OpenAIGPTLMHeadModel"], **sizes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = []

    class Spy:
        def find_spec(self, name: str, *_: object) -> None:
            if name.endswith(".modeling_openai"):
                found.append(constants.HF_HUB_OFFLINE)

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(sys, "meta_path", [Spy(), *sys.meta_path])
    with torch.device("meta"):
        assert type(build_from_config(str(tmp_path))).__name__ == "OpenAIGPTLMHeadModel"
    assert found == [False]
    assert constants.HF_HUB_OFFLINE is False


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "configuration file 'odd.json' not found"),
        ("{", "transformers cannot read the configuration"),
        ('{"a": 1}', "transformers cannot read the configuration"),
        ('{"model_type": "no-such"}', "transformers cannot read the configuration"),
        (
            '{"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}',
            "transformers cannot read the configuration",
        ),
    ],
    ids=["missing", "no json", "no type", "unknown type", "custom code"],
)
def test_unreadable_configuration_is_reported(content: str | None, message: str, source: Source, saved: Path) -> None:
    (saved / "mine.py").write_text("open('exploded', 'w').close()")
    if content is not None:
        (saved / "odd.json").write_text(content)
    try:
        with pytest.raises(BmvisError, match=message) as raised:
            source.resolve("config:odd.json")
    finally:
        (saved / "odd.json").unlink(missing_ok=True)
        source._known.clear()
    assert isinstance(raised.value, InvalidReferenceError)
    assert not (saved / "exploded").exists()


def test_module_named_config_is_reachable_with_a_call(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("from torch import nn\ndef build(): return nn.Linear(2, 3)\n")
    with Source(tmp_path, path=(".",)) as other:
        assert other.resolve("config:build()").model.root.type == nn.Linear.__name__
