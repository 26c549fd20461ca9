"""A weight file against the model it was saved from: keys that libraries shorten or prefix are no differences."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from large_libraries import peft
from safetensors.torch import save_file, save_model
from small_models import bert
from torch import nn

from bmvis.comparison.changes import compare_models
from bmvis.extraction.modules import capture
from bmvis.model.preorder import child_path
from bmvis.model.tree import Model
from bmvis.source import checkpoint


def changes(before: Model, after: Model) -> dict[str, str]:
    """Return the paths and keys that were added or removed, and what modules were before."""
    compared = compare_models(before, after).model
    found = {}
    for path, module in zip(compared.paths, compared.modules, strict=True):
        if module.change:
            found[path] = ", ".join(module.change.details) or module.change.kind
        elif named := [p for p in module.parameters if p.change]:
            found |= {child_path(path, p.name): p.change.kind for p in named if p.change}
    return found


def layers() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 2))


def saved(model: nn.Module, path: Path, prefix: str = "") -> Model:
    save_file({prefix + key: tensor for key, tensor in model.state_dict().items()}, path / "model.safetensors")
    return checkpoint.read(path).model


def test_file_of_a_model_is_no_change(tmp_path: Path) -> None:
    file = saved(layers(), tmp_path)
    assert changes(file, capture(layers())) == changes(capture(layers()), file) == {}


def test_file_without_its_last_layer(tmp_path: Path) -> None:
    assert changes(saved(layers()[:-1], tmp_path), capture(layers())) == {"3": "added"}


def test_layer_of_the_file_is_not_another_one_of_its_position(tmp_path: Path) -> None:
    """The file has modules 0, 2 and 3; the model 0 to 3."""
    wider = layers()
    wider[0] = nn.Linear(5, 8)
    compared = compare_models(saved(wider, tmp_path), capture(layers())).model
    (weight,) = (p for m in compared.modules for p in m.parameters if p.change)
    assert weight.change is not None
    assert weight.change.details == ("[8, 5] → [8, 4]",)


@pytest.mark.parametrize("prefix", ["_orig_mod.module.", "module.", "model.backbone."])
def test_prefix_of_a_wrapper_is_a_move_of_the_root(tmp_path: Path, prefix: str) -> None:
    file = saved(layers(), tmp_path, prefix)
    assert changes(file, capture(layers())) == {"": f"moved from {prefix[:-1]}"}


def test_model_in_a_wrapper_has_the_file_inside(tmp_path: Path) -> None:
    found = changes(saved(layers(), tmp_path), capture(nn.DataParallel(layers())))
    assert set(found) == {"", "module"}
    assert "removed" not in found.values()


def test_tied_tensor_that_the_file_has_once(tmp_path: Path) -> None:
    def build() -> nn.Module:
        model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5, bias=False))
        model[1].weight = model[0].weight
        return model

    save_model(build(), str(tmp_path / "model.safetensors"))
    assert changes(checkpoint.read(tmp_path).model, capture(build())) == {}


def tuned(config: Any) -> Any:
    with torch.device("cpu"):
        return peft.get_peft_model(bert("BertForSequenceClassification", num_labels=2), config)


ADAPTERS: dict[str, Callable[[], Any]] = {
    "LoRA": lambda: peft.LoraConfig(r=2, target_modules=["query", "value"]),
    "LoRA of an embedding": lambda: peft.LoraConfig(r=2, target_modules=["word_embeddings"]),
    "LoRA with bias": lambda: peft.LoraConfig(r=2, target_modules=["query"], lora_bias=True),
    "DoRA": lambda: peft.LoraConfig(r=2, target_modules=["query"], use_dora=True),
    "a head": lambda: peft.LoraConfig(r=2, target_modules=["query"], modules_to_save=["classifier"]),
    "IA3": lambda: peft.IA3Config(target_modules=["query"], feedforward_modules=[]),
    "LoHa": lambda: peft.LoHaConfig(r=2, target_modules=["query"]),
    "OFT": lambda: peft.OFTConfig(r=2, oft_block_size=0, target_modules=["query"]),
}


@pytest.mark.parametrize("config", ADAPTERS.values(), ids=ADAPTERS)
def test_adapter_file_has_the_parameters_of_its_adapter(tmp_path: Path, config: Callable[[], Any]) -> None:
    model = tuned(config())
    model.save_pretrained(tmp_path)
    file, live = checkpoint.read(tmp_path / "adapter_model.safetensors").model, capture(model)
    deltas = {
        child_path(path, p.name)
        for path, m in zip(live.paths, live.modules, strict=True)
        for p in m.parameters
        if p.delta
    }
    for found in (changes(file, live), changes(live, file)):
        assert not deltas & set(found)
    assert "removed" not in changes(file, live).values()
    assert "added" not in changes(live, file).values()


def test_adapter_file_belongs_to_the_adapter_of_its_shape(tmp_path: Path) -> None:
    model = tuned(peft.LoraConfig(r=2, target_modules=["query"]))
    model.add_adapter("wide", peft.LoraConfig(r=4, target_modules=["query"]))
    model.save_pretrained(tmp_path, selected_adapters=["wide"])
    file = checkpoint.read(tmp_path / "wide/adapter_model.safetensors").model
    found = changes(file, capture(model))
    assert not [path for path in found if path.endswith("wide")]
    assert len([path for path in found if path.endswith("lora_A.default")]) == 2
