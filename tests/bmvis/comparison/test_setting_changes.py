"""What is reported of settings of PyTorch's layers and of libraries that changed, and of which class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import torch
from changed_settings import assert_checkpoints_load, assert_reported, made
from torch import nn
from torch.nn.utils import prune

from bmvis.comparison.drift import find_drift
from bmvis.extraction.modules import capture


class OwnHeads(nn.MultiheadAttention):
    def __init__(self, head_dim: int) -> None:
        super().__init__(8, 2)
        self.head_dim = head_dim


def observed(most: int) -> nn.Module:
    """Return a model with limits of its observers for quantization."""
    from torch.ao.quantization import MinMaxObserver, QConfig

    model: Any = nn.Linear(2, 2)
    model.qconfig = QConfig(MinMaxObserver.with_args(quant_max=most), weight=True)
    return model


BERT = {"num_hidden_layers": 3, "hidden_size": 16, "num_attention_heads": 4, "vocab_size": 99, "intermediate_size": 32}


def bert(**config: Any) -> nn.Module:
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig(**BERT | config))


def with_list(model: nn.Sequential) -> nn.Module:
    model[0]._layers = [nn.Linear(2, 2)]
    return model


def llama(**config: Any) -> nn.Module:
    from transformers import LlamaConfig, LlamaModel

    sizes = {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 4, "intermediate_size": 8}
    return LlamaModel(LlamaConfig(**sizes | {"vocab_size": 32} | config))


def lora(**config: Any) -> nn.Module:
    import peft

    return peft.get_peft_model(bert(), peft.LoraConfig(**{"target_modules": ["query", "value"]} | config))


def checkpointing() -> nn.Module:
    model = bert()
    model.gradient_checkpointing_enable()
    return model


def evaluated() -> nn.Module:
    model = nn.ModuleDict({"body": nn.Sequential(nn.Linear(2, 2), nn.Dropout()), "head": nn.Linear(2, 2)})
    model["body"].eval()
    return model


def hook(*_: Any) -> None:
    """Do nothing."""


def hooked(register: str) -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 2))
    getattr(model[0], register)(hook)
    return model


def pruned(amount: float) -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4))
    prune.l1_unstructured(model[0], "weight", amount)
    return model


def spectral(steps: int, *, parametrized: bool) -> nn.Module:
    norm = torch.nn.utils.parametrizations.spectral_norm if parametrized else torch.nn.utils.spectral_norm
    return nn.Sequential(norm(nn.Linear(4, 4), n_power_iterations=steps))


def layer(**settings: Any) -> nn.Module:
    return nn.TransformerEncoderLayer(8, **{"nhead": 2, "dim_feedforward": 8} | settings)


def attention(**settings: Any) -> nn.Module:
    return nn.MultiheadAttention(8, **{"num_heads": 2} | settings)


CHANGES: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module], str, list[str]]] = {
    "BERT's heads": (
        bert,
        made(bert, num_attention_heads=2),
        "numerics",
        [
            "~ encoder.layer.0-2.attention.self  num_attention_heads: 4 → 2, attention_head_size: 4 → 8, "
            "scaling: 0.5 → 0.35355339"
        ],
    ),
    "RoPE theta": (
        llama,
        made(llama, rope_parameters={"rope_type": "default", "rope_theta": 5e5}),
        "numerics",
        ["~ LlamaConfig  rope_parameters.rope_theta: 10000.0 → 500000.0"],
    ),
    "RoPE scaling": (
        llama,
        made(llama, rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}),
        "numerics",
        [
            "~ rotary_emb  rope_type: default → linear",
            "~ LlamaConfig  rope_parameters.factor: default → 2.0",
        ],
    ),
    "RNN's nonlinearity": (
        made(nn.RNN, 2, 3),
        made(nn.RNN, 2, 3, nonlinearity="relu"),
        "numerics",
        ["~ the root  nonlinearity: default → relu"],
    ),
    "LSTM's dropout": (
        made(nn.LSTM, 2, 3, 2),
        made(nn.LSTM, 2, 3, 2, dropout=0.5),
        "training",
        ["~ the root  dropout: default → 0.5"],
    ),
    "batch_first": (
        made(nn.GRU, 2, 3),
        made(nn.GRU, 2, 3, batch_first=True),
        "numerics",
        ["~ the root  batch_first: default → True"],
    ),
    "lora_alpha": (
        lora,
        made(lora, lora_alpha=32),
        "numerics",
        [
            "~ base_model.model.encoder.layer.0-2.attention.self.query,value  lora_alpha: 8 → 32, scaling: 1.0 → 4.0",
        ],
    ),
    "rank-stabilized LoRA": (
        lora,
        made(lora, use_rslora=True),
        "numerics",
        [
            "~ base_model.model.encoder.layer.0-2.attention.self.query,value  scaling: 1.0 → 2.8284271, "
            "use_rslora: False → True",
        ],
    ),
    "own size of heads": (made(OwnHeads, 4), made(OwnHeads, 2), "numerics", ["~ the root  head_dim: 4 → 2"]),
    "limits of observers": (
        made(observed, 127),
        made(observed, 255),
        "numerics",
        ["~ the root  qconfig: (MinMaxObserver(quant_max=127), True) → (MinMaxObserver(quant_max=255), True)"],
    ),
    "spectral norm": (
        made(spectral, 1, parametrized=True),
        made(spectral, 3, parametrized=True),
        "training",
        ["~ 0.parametrizations.weight.0  n_power_iterations: default → 3"],
    ),
    "spectral norm by a hook": (
        made(spectral, 1, parametrized=False),
        made(spectral, 3, parametrized=False),
        "training",
        [
            "~ 0  forward pre hooks: SpectralNorm(name=weight, dim=0, n_power_iterations=1, eps=1e-12) → "
            "SpectralNorm(name=weight, dim=0, n_power_iterations=3, eps=1e-12)"
        ],
    ),
    "the amount that is pruned": (
        made(pruned, 0.25),
        made(pruned, 0.5),
        "training",
        ["~ 0  forward pre hooks: L1Unstructured(amount=0.25) → L1Unstructured(amount=0.5)"],
    ),
    "heads of MultiheadAttention": (
        attention,
        made(attention, num_heads=4),
        "numerics",
        ["~ the root  num_heads: 2 → 4"],
    ),
    "dropout of MultiheadAttention": (
        attention,
        made(attention, dropout=0.5),
        "training",
        ["~ the root  dropout: default → 0.5"],
    ),
    "batch_first of MultiheadAttention": (
        attention,
        made(attention, batch_first=True),
        "numerics",
        ["~ the root  batch_first: default → True"],
    ),
    "norm_first": (layer, made(layer, norm_first=True), "numerics", ["~ the root  norm_first: default → True"]),
    "activation": (layer, made(layer, activation="gelu"), "numerics", ["~ the root  activation: default → gelu"]),
    "nhead": (layer, made(layer, nhead=4), "numerics", ["~ self_attn  num_heads: 2 → 4"]),
    "a module in eval mode": (
        lambda: evaluated().train(),
        evaluated,
        "training",
        ["~ body  now in eval mode"],
    ),
    "a forward hook": (
        lambda: nn.Sequential(nn.Linear(2, 2)),
        made(hooked, "register_forward_hook"),
        "numerics",
        ["~ 0  forward hooks: none → hook"],
    ),
    "a backward hook": (
        lambda: nn.Sequential(nn.Linear(2, 2)),
        made(hooked, "register_full_backward_hook"),
        "training",
        ["~ 0  backward hooks: none → hook"],
    ),
    "a module of PyTorch that gets a plain list": (
        lambda: nn.Sequential(nn.Linear(2, 2)),
        lambda: with_list(nn.Sequential(nn.Linear(2, 2))),
        "numerics",
        ["~ 0  _layers (not registered): none → 1 module (6 parameters)"],
    ),
    "attn_implementation": (
        bert,
        made(bert, attn_implementation="eager"),
        "numerics",
        ["~ BertConfig  attn_implementation: sdpa → eager"],
    ),
    "gradient checkpointing": (
        bert,
        checkpointing,
        "training",
        [
            "~ the root  gradient_checkpointing: False → True (4 modules)",
            "~ embeddings.word_embeddings  forward hooks: none → make_inputs_require_grads",
        ],
    ),
    "BERT's dropout": (
        bert,
        made(bert, hidden_dropout_prob=0.2),
        "training",
        ["~ the root  p: 0.1 → 0.2 (7 Dropout modules)"],
    ),
    "BERT's eps": (
        bert,
        made(bert, layer_norm_eps=1e-6),
        "numerics",
        ["~ the root  eps: 1e-12 → 1e-06 (7 LayerNorm modules)"],
    ),
    "a loss": (
        made(nn.CrossEntropyLoss),
        made(nn.CrossEntropyLoss, label_smoothing=0.1),
        "training",
        ["~ the root  label_smoothing: default → 0.1"],
    ),
    "align_corners": (
        made(nn.Upsample, scale_factor=2, mode="bilinear"),
        made(nn.Upsample, scale_factor=2, mode="bilinear", align_corners=True),
        "numerics",
        ["~ the root  align_corners: default → True"],
    ),
    "the norm of a loss": (
        made(nn.TripletMarginLoss),
        made(nn.TripletMarginLoss, p=1.0),
        "numerics",
        ["~ the root  p: default → 1.0"],
    ),
    **{
        f"padding {before} to {after} of a kernel of {size} and dilation {step}": (
            made(nn.Conv2d, 2, 2, size, padding=before, dilation=step),
            made(nn.Conv2d, 2, 2, size, padding=after, dilation=step),
            impact,
            [f"~ the root  padding: {before} → {text}"],
        )
        for before, after, size, step, impact, text in (
            ("same", 1, 3, 1, "cosmetic", "(1, 1)"),
            ("same", 2, 3, 2, "cosmetic", "(2, 2)"),
            ("valid", 0, 3, 1, "cosmetic", "default"),
            ("same", "valid", 1, 1, "cosmetic", "valid"),
            ("same", 0, 3, 1, "numerics", "default"),
            ("same", 1, 3, 2, "numerics", "(1, 1)"),
            ("same", 2, 4, 1, "numerics", "(2, 2)"),
            ("same", (1, 2), (3, 5), 1, "cosmetic", "(1, 2)"),
            ("same", (2, 1), (3, 5), 1, "numerics", "(2, 1)"),
            ("valid", "same", 3, 1, "numerics", "same"),
        )
    },
}


@pytest.mark.parametrize(("before", "after", "impact", "lines"), CHANGES.values(), ids=CHANGES)
def test_change_of_a_setting_is_reported(before, after, impact, lines):
    assert_reported(before, after, impact, lines)


@pytest.mark.parametrize(("before", "after"), [case[:2] for case in CHANGES.values()], ids=CHANGES)
def test_change_of_a_setting_keeps_checkpoints_loading(before, after):
    assert_checkpoints_load(before, after)


IDS = {"input_ids": torch.arange(10).reshape(2, 5)}


ROWS = {"input": torch.linspace(-1, 1, 8).reshape(2, 4)}


STEPS = {"input": torch.linspace(-2, 2, 20).reshape(5, 2, 2)}


TOKENS = torch.linspace(-2, 2, 80).reshape(5, 2, 8) ** 3


SRC = {"src": TOKENS}


QUERIES = {"query": TOKENS, "key": TOKENS.flip(0), "value": TOKENS.flip(1)}


IMAGE = {"input": torch.arange(16.0).reshape(1, 1, 4, 4)}


CALLED = {
    "BERT's heads": IDS,
    "RoPE theta": IDS,
    "RoPE scaling": IDS,
    "lora_alpha": IDS,
    "rank-stabilized LoRA": IDS,
    "BERT's dropout": IDS,
    "BERT's eps": IDS,
    "gradient checkpointing": IDS,
    "RNN's nonlinearity": STEPS,
    "LSTM's dropout": STEPS,
    "batch_first": STEPS,
    "spectral norm": ROWS,
    "spectral norm by a hook": ROWS,
    "the amount that is pruned": ROWS,
    "heads of MultiheadAttention": QUERIES,
    "dropout of MultiheadAttention": QUERIES,
    "batch_first of MultiheadAttention": QUERIES,
    "norm_first": SRC,
    "activation": SRC,
    "nhead": SRC,
    "align_corners": IMAGE,
}


def randomized(build: Callable[[], nn.Module]) -> dict[str, torch.Tensor]:
    """Return a state dict with other values than those of the initialization, which can be zero."""
    torch.manual_seed(0)
    state = build().state_dict()
    return {
        key: tensor + torch.randn_like(tensor) if tensor.is_floating_point() and "mask" not in key else tensor
        for key, tensor in state.items()
    }


def outputs(build: Callable[[], nn.Module], state: dict[str, torch.Tensor], inputs: dict[str, Any]) -> list[Any]:
    model = build().eval()
    model.load_state_dict(state)
    with torch.no_grad():
        found = model(*inputs.values()) if "input" in inputs else model(**inputs)
    values = [found] if isinstance(found, torch.Tensor) else found.values() if isinstance(found, dict) else found
    return [value for value in values if isinstance(value, torch.Tensor)]


@pytest.mark.parametrize(("name", "inputs"), CALLED.items(), ids=CALLED)
def test_class_agrees_with_what_a_loaded_checkpoint_computes(name, inputs):
    before, after, impact, _ = CHANGES[name]
    state = randomized(before)
    pairs = zip(outputs(before, state, inputs), outputs(after, state, inputs), strict=True)
    is_same = all(torch.equal(was, is_now) for was, is_now in pairs)
    assert is_same == (impact == "training")


def test_other_versions_are_named_only_if_something_else_differs():
    before, after = capture(nn.Dropout(0.1)), capture(nn.Dropout(0.2))
    older = msgspec.structs.replace(before, versions={"torch": "2.2.0", "gone": "1.0"})
    assert find_drift(older, after).versions == f"recorded with torch 2.2.0, here {after.versions['torch']}"
    assert str(find_drift(older, after)).splitlines()[-1].strip().startswith("recorded with torch 2.2.0, here ")
    assert not find_drift(older, before)
    assert find_drift(older, before).versions == ""


def test_versions_name_no_device():
    assert "+" not in capture(nn.Dropout()).versions["torch"]
