"""Changes of models of many kinds: each is reported, in few lines, with its class, and with the effect of loading."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from changed_models import architectures, recorded_values
from changed_models.models import Build
from large_libraries import needs_peft
from torch import nn

from bmvis.comparison.changes import compare_models
from bmvis.comparison.drift import Drift, find_drift
from bmvis.extraction.modules import capture, capture_live
from bmvis.extraction.optimizers import note_groups
from bmvis.model.snapshot import Snapshot, dump, load
from bmvis.model.tree import Model

pytestmark = [
    needs_peft,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
]
CHANGES = architectures.CHANGES | recorded_values.CHANGES
EFFECTS = {
    "numerics": "old checkpoints load, but outputs differ",
    "training": "old checkpoints load; training differs",
    "cosmetic": "old checkpoints load; the changes are cosmetic",
    None: "",
}


class Built(NamedTuple):
    """What a factory returns, and its tree."""

    model: nn.Module
    tree: Model
    optimizers: list[torch.optim.Optimizer]


def built(build: Build) -> Built:
    found: Any = build()
    if isinstance(found, tuple):
        optimizers = [one for one in found if isinstance(one, torch.optim.Optimizer)]
        return Built(found[0], note_groups(capture_live(found[0]), found[1:]).tree, optimizers)
    parameters = list(found.parameters())
    return Built(found, capture(found), [torch.optim.SGD(parameters)] if parameters else [])


@cache
def recorded(build: Build) -> tuple[Built, Model]:
    """Return a model and its tree from a snapshot. No test changes it but for the state of its optimizers."""
    old = built(build)
    return old, load(dump(Snapshot("zoo:build", old.tree))).model


@cache
def change(before: Build, after: Build) -> tuple[Drift, Built, Built]:
    """Record a model, and compare another one with the record."""
    (old, record), new = recorded(before), built(after)
    return find_drift(record, new.tree), old, new


def owners(old: Built, new: Built) -> dict[str, str] | None:
    """Load the state of each optimizer, and return whose state each parameter has; None if it does not load."""
    was, is_now = ({id(p): name for name, p in built.model.named_parameters()} for built in (old, new))
    found = {}
    for saved, loaded in zip(old.optimizers, new.optimizers, strict=True):
        parameters = [parameter for group in saved.param_groups for parameter in group["params"]]
        for number, parameter in enumerate(parameters):
            saved.state[parameter] = {"step": torch.tensor(number)}
        try:
            loaded.load_state_dict(saved.state_dict())
        except ValueError:
            return None
        for parameter, state in loaded.state.items():
            found[is_now.get(id(parameter), "")] = was.get(id(parameters[int(state["step"])]), "")
    return found


def loads(state: dict[str, Any], model: nn.Module, *, strict: bool) -> bool:
    try:
        model.load_state_dict(state, strict=strict)
    except (RuntimeError, ValueError, KeyError):
        return False
    return True


@pytest.mark.parametrize(("before", "after", "impact", "lines"), CHANGES.values(), ids=CHANGES)
def test_change_is_reported_in_few_lines_with_its_class(
    before: Build, after: Build, impact: str | None, lines: int
) -> None:
    drift, old, new = change(before, after)
    assert drift.impact == impact
    assert min(lines, 1) <= len(drift.changes) <= lines
    compared = compare_models(old.tree, new.tree)  # as pages show it
    assert (len(compared.unchanged) == len(compared.model.modules)) == (not drift)
    state = old.model.state_dict()
    is_loaded, is_partly_loaded = loads(state, new.model, strict=True), loads(state, new.model, strict=False)
    assert (drift.verdict.loads, drift.verdict.loads_loosely) == (is_loaded, is_partly_loaded)
    effect = "old checkpoints load with strict=False only (" if is_partly_loaded else "old checkpoints no longer load ("
    headline, _, note = drift.headline.partition("; saved optimizer")
    assert headline == EFFECTS[impact] if is_loaded else headline.startswith(effect)
    if drift.optimizer_state is None or len(old.optimizers) != len(new.optimizers):
        assert not note
        return
    found, keys = owners(old, new), drift.key_map(guess=True)
    moved = [name for name, owner in (found or {}).items() if name and keys.get(owner, owner) != name]
    assert (drift.optimizer_state.loads, list(drift.optimizer_state.moved)) == (found is not None, moved)
    assert bool(note) == bool(moved or (found is None and is_loaded))


LINES: dict[str, list[str]] = {
    "stage 2 depth": ["+ stages.2.blocks.9-26  Block, 36,480 parameters each"],
    "all blocks act": ["~ stages.0-3.blocks.*.act  GELU → ReLU"],
    "experts 16": ["+ layers.0-5.moe.experts.8-15  Sequential, 280 parameters each, gate weight: [8, 8] → [16, 8]"],
    "bfloat16": ["~ whole model  float32 → bfloat16 (87 tensors)"],
    "layers frozen": ["~ encoder.layer.0-3  frozen (64 tensors)"],
    "inserted in Sequential": ["+ net.1  Dropout2d", "~ net.1-5 → net.2-6  moved"],
    "renamed": ["~ head → classifier  renamed"],
    "compile": ["~ the root  wrapped in OptimizedModule"],
    "DataParallel": ["~ the root  wrapped in DataParallel"],
    "Sequential(net,Softmax)": ["~ the root  wrapped in Sequential, adds Softmax"],
    "optimizer removed": ["- optimizer  AdamW (2 groups)"],
    "lr of two groups": ["~ optimizer, group 0  lr: 0.001 → 0.002", "~ optimizer, group 1  lr: 0.0001 → 0.0002"],
    "eps of BN": ["~ net.1  eps: 1e-05 → 0.001"],
    "activation class": ["~ net.2,5  ReLU → GELU"],
    "tie lost": ["~ lm_head  weight: no longer tied to embed.weight"],
    "conv 7->5": ["~ 0  stride: (1, 1) → (2, 2), padding: (3, 3) → (2, 2)", "~ 0  weight: [8, 3, 7, 7] → [8, 3, 5, 5]"],
    "padding 0 and frozen": ["~ whole model  frozen (2 tensors)", "~ 0  padding: (3, 3) → default"],
    "swapped and a rate": ["~ drop  p: 0.1 → 0.2", "~ the root  order of modules changed to mid, first, drop"],
    "bert hidden": [
        "~ encoder.layer.0-4.attention.self  attention_head_size: 8 → 16, scaling: 0.35355339 → 0.25",
        "~ the root  sizes of 82 tensors: 32 → 64",
    ],
    "bert bitfit": ["~ the root  frozen (45 of 87 tensors)"],
    "weight_norm everywhere": ["~ the root  weight: parametrized by WeightNorm (5 Linear modules)"],
    "weight_norm old->new": ["~ fc  weight: parametrized by WeightNorm instead of a hook"],
    "quantized bert": ["~ the root  weights: float32 → qint8 per tensor (31 Linear modules)"],
    "tf bias": ["~ the root  in_proj_bias, bias: removed (92 tensors)"],
    "tf dropout": ["~ the root  dropout: 0.1 → 0.2 (18 MultiheadAttention modules), p: 0.1 → 0.2 (42 Dropout modules)"],
    "tf nhead": [
        "~ encoder.layers.0-5.self_attn  num_heads: 2 → 4",
        "~ decoder.layers.0-5.self_attn,multihead_attn  num_heads: 2 → 4",
    ],
    "cx all depths": ["+ 6 modules in stages  Block, 2,976-138,496 parameters each"],
    "cnn norm": [
        "~ net.1  BatchNorm2d → InstanceNorm2d, affine: True → False, track_running_stats: True → False, "
        "weight, bias, …: removed (5 tensors)"
    ],
    "opt kind": ["~ optimizer  type: AdamW → Adam"],
    "opt groups": ["~ head  groups 1 → 0 (2 tensors)", "- optimizer, group 1  2 tensors, lr: 0.0001"],
    "opt betas": ["~ optimizer, groups 0-1  betas: (0.9, 0.999) → (0.9, 0.95)"],
    "lora bias": ["~ base_model.model  bias: trainable (42 of 107 tensors)", "~ LoraConfig  bias: default → all"],
    "lstm bidirectional": [
        "~ rnn  bidirectional: default → True, weight_ih_l0_reverse, weight_hh_l0_reverse, "
        "…: added (8 tensors), weight_ih_l1: [32, 8] → [32, 16]",
        "~ head  weight: [4, 8] → [4, 16]",
    ],
    "resnet depths": ["+ resnet.encoder.stages.1.layers.2-3  ResNetBasicLayer, 4,672 parameters each"],
    "resnet shortcut": [
        "~ resnet.encoder.stages.0.layers.0.layer.0.convolution  stride: (1, 1) → (2, 2)",
        "~ resnet.encoder.stages.0.layers.0.shortcut  Identity → ResNetShortCut, convolution added: Conv2d, "
        "64 parameters, normalization added: BatchNorm2d, 16 parameters",
        "~ ResNetConfig  downsample_in_first_stage: default → True",
    ],
    "whisper width": [
        "~ the root  head_dim: 8 → 16 (9 WhisperAttention modules), "
        "scaling: 0.35355339 → 0.25 (9 WhisperAttention modules)",
        "~ the root  sizes of 122 tensors: 32 → 64",
    ],
    "fewer adapters": [
        "~ base_model.model.encoder.layer  no longer wrapped in Linear, "
        "removes ia3_l (32-64 parameters) (10 Linear modules)",
        "~ IA3Config  target_modules: (key, output.dense, value) → (key, value), "
        "feedforward_modules: (output.dense,) → ()",
    ],
    "BERT to RoBERTa": [
        "~ embeddings.word_embeddings  padding_idx: 0 → 1",
        "~ embeddings.position_embeddings  padding_idx: default → 1",
        "~ the root  classes of 34 modules: BertModel → RobertaModel, BertEmbeddings → RobertaEmbeddings, …",
        "~ embeddings  order of modules changed to word_embeddings, token_type_embeddings, LayerNorm, dropout, "
        "position_embeddings",
    ],
    "groups of a norm": ["~ the root  num_groups: 2 → 4"],
    "mode of a layer": ["~ the root  mode: nearest → area"],
    "warm-up": ["~ optimizer, LinearLR  start_factor: 0.1 → 0.2"],
}


@pytest.mark.parametrize(("name", "lines"), LINES.items(), ids=LINES)
def test_line_of_a_change_in_many_places(name: str, lines: list[str]) -> None:
    drift, _, _ = change(*CHANGES[name][:2])
    assert [str(line) for line in drift.changes] == lines


def test_the_manual_explains_lines_of_this_table() -> None:
    page = (Path(__file__).parents[3] / "demo_docs" / "pages" / "check-models-in-ci.md").read_text()
    table = page.partition("### Read summed-up lines")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `([+~-] .*?)` \|", table, re.MULTILINE)
    assert len(documented) > 5
    assert {*documented} <= {line for lines in LINES.values() for line in lines}
