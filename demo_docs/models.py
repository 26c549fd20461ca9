"""The models of the demo: built from configurations, without weights."""

from __future__ import annotations

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    DeepseekV3Config,
    DeepseekV3ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    T5Config,
    T5ForConditionalGeneration,
)


def bert() -> nn.Module:
    """BERT-base with the masked-language-model head."""
    return BertForMaskedLM(BertConfig())


def bert_lora() -> PeftModel:
    """BERT-base with LoRA on query and value; layer norms and the head train as well."""
    model = get_peft_model(BertForMaskedLM(BertConfig()), LoraConfig(target_modules=["query", "value"]))
    for name, parameter in model.named_parameters():
        if "LayerNorm" in name or ".cls." in name:
            parameter.requires_grad = True
    return model


def bert_half_frozen() -> nn.Module:
    """BERT-base of which the embeddings and the first six layers stay as they are."""
    model = BertForMaskedLM(BertConfig())
    for part in (model.bert.embeddings, *model.bert.encoder.layer[:6]):
        part.requires_grad_(False)
    return model


def gpt2() -> nn.Module:
    """GPT-2, the smallest size."""
    return GPT2LMHeadModel(GPT2Config())


def t5() -> nn.Module:
    """T5-small, an encoder and a decoder that share one embedding."""
    return T5ForConditionalGeneration(T5Config())


def deepseek_v3() -> nn.Module:
    """DeepSeek-V3: a mixture of experts with 671 billion parameters."""
    return DeepseekV3ForCausalLM(DeepseekV3Config())


class SmallCNN(nn.Module):
    """A hand-written image classifier."""

    def __init__(self, classes: int = 10, width: int = 32) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3), nn.BatchNorm2d(width)
        )
        self.scale = nn.Parameter(torch.ones(1))
        self.head = nn.Linear(width, classes)


def bert_classifier() -> nn.Module:
    """BERT-base with 24 words more and a classifier for its head."""
    model = BertForSequenceClassification(BertConfig(num_labels=3))
    model.resize_token_embeddings(model.config.vocab_size + 24, mean_resizing=False)
    return model
