"""Compare bmvis with bigmodelvis from PyPI: the same rows and labels, apart from bugs that bmvis fixes."""

import io
import re
from contextlib import redirect_stdout
from difflib import SequenceMatcher

import pytest
import torch
from large_libraries import transformers as t
from rich.console import Console
from small_models import SMALL
from torch import nn

from bmvis.extraction.modules import capture
from bmvis.options.definitions import Options
from bmvis.render.text import to_text
from bmvis.view.layout import layout

bigmodelvis = pytest.importorskip("bigmodelvis", reason="bigmodelvis is not installed")

SIZES = SMALL | {"num_hidden_layers": 4}
DECODER = {**SIZES, "vocab_size": 99, "num_key_value_heads": 2, "head_dim": 8}


def bigmodelvis_lines(model: nn.Module, **arguments) -> list[str]:
    """Return the lines that bigmodelvis prints."""
    with redirect_stdout(io.StringIO()):
        tree = bigmodelvis.Visualization(model).structure_graph(printTree=False, **arguments)
    out = io.StringIO()
    Console(file=out, width=10_000).print(tree)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def bmvis_lines(model: nn.Module, **options) -> list[str]:
    return to_text(layout(capture(model), Options(whole_names=True, fold="equal", **options)), marks=False).splitlines()


def lora_bert():
    from peft import LoraConfig, get_peft_model

    return get_peft_model(t.BertModel(t.BertConfig(**SIZES)), LoraConfig(target_modules=["query", "value"]))


def cnn():
    return nn.Sequential(
        *(nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()) for _ in range(4)), nn.Flatten()
    )


MODELS = {
    "BERT": lambda: t.BertForMaskedLM(t.BertConfig(**SIZES)),
    "RoBERTa": lambda: t.RobertaModel(t.RobertaConfig(**SIZES)),
    "DistilBERT": lambda: t.DistilBertModel(t.DistilBertConfig(n_layers=3, dim=32, n_heads=4, hidden_dim=64)),
    "DeBERTa-v2": lambda: t.DebertaV2Model(t.DebertaV2Config(**SIZES)),
    "ALBERT": lambda: t.AlbertModel(t.AlbertConfig(**SIZES, embedding_size=16)),
    "ELECTRA": lambda: t.ElectraModel(t.ElectraConfig(**SIZES, embedding_size=16)),
    "GPT-2": lambda: t.GPT2LMHeadModel(t.GPT2Config(n_embd=32, n_head=4, n_layer=4)),
    "OPT": lambda: t.OPTModel(t.OPTConfig(**{**SIZES, "word_embed_proj_dim": 32, "ffn_dim": 64})),
    "T5": lambda: t.T5ForConditionalGeneration(t.T5Config(d_model=32, d_ff=64, d_kv=8, num_layers=3, num_heads=4)),
    "BART": lambda: t.BartModel(t.BartConfig(d_model=32, encoder_layers=3, decoder_layers=3)),
    "Llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**DECODER)),
    "Mistral": lambda: t.MistralForCausalLM(t.MistralConfig(**DECODER)),
    "Qwen3": lambda: t.Qwen3ForCausalLM(t.Qwen3Config(**DECODER)),
    "Gemma": lambda: t.GemmaForCausalLM(t.GemmaConfig(**DECODER)),
    "Mixtral": lambda: t.MixtralForCausalLM(t.MixtralConfig(**DECODER, num_local_experts=4)),
    "Switch": lambda: t.SwitchTransformersModel(
        t.SwitchTransformersConfig(d_model=32, d_ff=64, d_kv=8, num_layers=4, num_heads=4, num_experts=4)
    ),
    "Mamba": lambda: t.MambaModel(t.MambaConfig(hidden_size=32, num_hidden_layers=4)),
    "ViT": lambda: t.ViTModel(t.ViTConfig(**SIZES)),
    "CLIP": lambda: t.CLIPModel(t.CLIPConfig(text_config=SIZES, vision_config=SIZES)),
    "Whisper": lambda: t.WhisperModel(
        t.WhisperConfig(
            d_model=32, encoder_layers=3, decoder_layers=3, encoder_attention_heads=4, decoder_attention_heads=4
        )
    ),
    "wav2vec 2.0": lambda: t.Wav2Vec2Model(t.Wav2Vec2Config(**SIZES)),
    "ResNet": lambda: t.ResNetModel(t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[3, 4])),
    "PyTorch's Transformer": lambda: nn.Transformer(32, 4, 3, 3, 64),
    "LSTM": lambda: nn.Sequential(nn.Embedding(9, 8), nn.LSTM(8, 8, 2)),
    "CNN": cnn,
    "LoRA on BERT": lora_bert,
}


ROOT = "the root's own parameters are left out"
TYPES = "siblings of different types are drawn as one"
INDEX = "a single index is written as a range"
EMPTY = "a container of modules without parameters stays when they go"
SERIES = "each parameter of a recurrent layer has an entry"
PARAMETRIZED = "a parametrized module is several rows"
FIXED = {
    "T5": [
        (TYPES, ["shared(Embedding),lm_head(Linear) weight:[32128, 32]"], ["shared (Embedding) weight:[32128, 32]"]),
        (TYPES, [], ["lm_head (Linear) weight:[32128, 32]"]),
    ],
    "Switch": [(INDEX, ["1-1,5-5,9-9(SwitchTransformersBlock)"], ["1,5,9(SwitchTransformersBlock)"])],
    "CLIP": [(ROOT, ["root"], ["root logit_scale:[]"])],
    "LSTM": [
        (
            SERIES,
            [
                "1 (LSTM) weight_ih_l0:[32, 8] weight_hh_l0:[32, 8] bias_ih_l0:[32] bias_hh_l0:[32] "
                "weight_ih_l1:[32, 8] weight_hh_l1:[32, 8] bias_ih_l1:[32] bias_hh_l1:[32]"
            ],
            ["1 (LSTM) weight_ih_l0-1,weight_hh_l0-1:[32, 8] bias_ih_l0-1,bias_hh_l0-1:[32]"],
        )
    ],
    "wav2vec 2.0": [
        (ROOT, ["root"], ["root masked_spec_embed:[32]"]),
        (
            PARAMETRIZED,
            [
                "conv (ParametrizedConv1d) bias:[32]",
                "parametrizations (ModuleDict)",
                "weight (ParametrizationList) original0:[1, 1, 128] original1:[32, 2, 128]",
            ],
            ["conv (Conv1d) weight:[32, 2, 128] bias:[32]"],
        ),
    ],
    "LoRA on BERT": [(EMPTY, ["lora_dropout (ModuleDict)"], [])],
}


@pytest.mark.parametrize("name", MODELS)
def test_rows_equal_bigmodelvis(name):
    with torch.device("meta"):
        model = MODELS[name]()
    expected = [(before, after) for _, before, after in FIXED.get(name, [])]
    assert differences(bigmodelvis_lines(model), bmvis_lines(model)) == expected


@pytest.mark.parametrize("name", MODELS)
def test_rows_with_non_params_equal_bigmodelvis(name):
    with torch.device("meta"):
        model = MODELS[name]()
    found = differences(bigmodelvis_lines(model, keep_non_params=True), bmvis_lines(model, non_params=True))
    expected = [
        (before + ["0 (_WeightNorm)"] * (fault == PARAMETRIZED), after)
        for fault, before, after in FIXED.get(name, [])
        if fault != EMPTY
    ]
    assert [change for change in found if not is_leaves(*change)] == expected


@pytest.mark.parametrize("name", ["BERT", "Llama", "CNN"])
def test_rows_with_expand_params_equal_bigmodelvis(name):
    """Always set `non_params`: bigmodelvis keeps modules without parameters if it expands parameters."""
    with torch.device("meta"):
        model = MODELS[name]()
    found = differences(
        bigmodelvis_lines(model, expand_params=True), bmvis_lines(model, expand_params=True, non_params=True)
    )
    assert [change for change in found if not is_leaves(*change)] == []


def test_shared_module_is_not_a_repeat():
    """bigmodelvis draws a shared module as two equal ones; in bmvis the second one refers to the first."""
    shared = nn.Linear(2, 2)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert len(bigmodelvis_lines(model)) == 2
    assert to_text(layout(capture(model), Options())).splitlines()[2].partition("(same ")[2].startswith("module as 0)")


def differences(before: list[str], after: list[str]) -> list[tuple[list[str], list[str]]]:
    """Return the rows that differ, without the tree lines."""
    old, new = map(_without_guides, (before, after))
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [
        ([text for _, text in old[a:b]], [text for _, text in new[c:d]])
        for kind, a, b, c, d in steps
        if kind != "equal"
    ]


def is_leaves(before: list[str], after: list[str]) -> bool:
    """Return whether a difference is that `a (X)` and `b (X)` are now `a,b(X)`, all without parameters."""
    return all(re.fullmatch(r"[\w,]+ ?\((Dropout|ParameterDict)\)", row) for row in before + after)


def _without_guides(lines: list[str]) -> list[tuple[int, str]]:
    stripped = [line.lstrip(" │├└─") for line in lines]
    return [((len(line) - len(text)) // 4, text) for line, text in zip(lines, stripped, strict=True)]
