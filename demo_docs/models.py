"""The models of the demo: built from configurations, without weights."""

from __future__ import annotations

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn, optim
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
    """BERT-base of which the embeddings and the first six layers stay unchanged."""
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


Recipe = tuple[nn.Module, optim.Optimizer, optim.lr_scheduler.LRScheduler]


def bert_fine_tuning() -> Recipe:
    """BERT-base with a classifier, trained as its authors did: no decay of biases and norms, a warm-up of 500 steps."""
    model = BertForSequenceClassification(BertConfig(num_labels=3))
    flat = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    optimizer = optim.AdamW(
        [
            {"name": "matrices", "params": matrices, "weight_decay": 0.01},
            {"name": "biases and norms", "params": flat, "weight_decay": 0.0},
        ],
        lr=2e-5,
    )
    return model, optimizer, optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, step / 500))


def t5_copied_recipe() -> tuple[nn.Module, optim.Optimizer]:
    """T5-small with a recipe copied from BERT: mistakes that raise no error."""
    model = T5ForConditionalGeneration(T5Config())
    is_free = {name: "bias" in name or "LayerNorm.weight" in name for name, _ in model.named_parameters()}
    optimizer = optim.AdamW(
        [
            {"params": [p for name, p in model.named_parameters() if not is_free[name]], "weight_decay": 0.01},
            {"params": [p for name, p in model.named_parameters() if is_free[name]], "weight_decay": 0.0},
        ],
        lr=1e-4,
    )
    model.lm_head = nn.Linear(512, 1000, bias=False)
    return model, optimizer
