"""The source document's model, made by OpenDelta itself: runs in the environment of `make test-opendelta`."""

from __future__ import annotations

from opendelta import LowRankAdapterModel
from torch import nn
from transformers import BertConfig, BertForMaskedLM


def bert(attention: str = "sdpa") -> nn.Module:
    """BERT-base with the masked-language-model head. The `eager` attention is all that transformers had at first."""
    return BertForMaskedLM(BertConfig(attn_implementation=attention))


def bert_delta() -> nn.Module:
    """BERT-base with low-rank adapters, and frozen but for the modules that are named."""
    model = bert()
    LowRankAdapterModel(model).freeze_module(exclude=["cls", "intermediate", "LayerNorm"])
    return model
