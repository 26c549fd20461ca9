"""Models that other tools get wrong: quantized, tied, lazy, wrapped, with adapters in several states."""

from __future__ import annotations

import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM


class Tagger(nn.Module):
    """A small recurrent tagger."""

    def __init__(self, words: int = 5000, width: int = 64, tags: int = 17) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.encoder = nn.LSTM(width, width, num_layers=2, bidirectional=True)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(2 * width, tags)


def quantized() -> nn.Module:
    """The tagger with its LSTM and its head in 8 bits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(Tagger(), {nn.LSTM, nn.Linear})


class LanguageModel(nn.Module):
    """Input and output share one matrix, two layers are one module, and the head is not yet shaped."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.embedding = nn.Embedding(5000, 64, dtype=torch.bfloat16)
        block = nn.TransformerEncoderLayer(64, 4, 256)
        self.blocks = nn.ModuleList([block, nn.TransformerEncoderLayer(64, 4, 256), block])
        self.prompts = nn.ParameterList([torch.zeros(4, 64), torch.zeros(8, 64)])
        self.output = nn.Linear(64, 5000, bias=False)
        self.output.weight = self.embedding.weight
        self.judge = nn.LazyLinear(2)


def wrapped() -> nn.Module:
    """A compiled block in a model for several devices."""
    model = nn.Sequential(nn.Linear(64, 64), torch.compile(nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64))))
    return nn.DataParallel(model)


def adapters() -> PeftModel:
    """A small Llama with two adapters: one merged, one waiting."""
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4, "vocab_size": 1000}
    model = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=4, num_key_value_heads=2))
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"])
    lora = get_peft_model(model, config, adapter_name="english")
    lora.add_adapter("legal", config)
    lora.merge_adapter(["english"])
    return lora
