"""Small live models that several test files use. Settings of transformers models replace those here."""

from typing import Any

from torch import nn

SMALL = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "num_hidden_layers": 2}
SMALL_DECODER = {**SMALL, "num_key_value_heads": 2, "vocab_size": 100}


class Named(nn.Module):
    """A module with the given children."""

    def __init__(self, **children: nn.Module) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)


class Plain(nn.Module):
    """A module with the given attributes."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


def bert(head: str = "BertModel", **settings: Any) -> nn.Module:
    import transformers

    return getattr(transformers, head)(transformers.BertConfig(**{**SMALL, "vocab_size": 100, **settings}))


def llama(**settings: Any) -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**SMALL_DECODER | {"use_cache": False} | settings))


def mixtral() -> nn.Module:
    """Return a model with four experts in each layer; two of them are active for each token."""
    from transformers import MixtralConfig, MixtralForCausalLM

    return MixtralForCausalLM(MixtralConfig(**SMALL_DECODER, num_local_experts=4, num_experts_per_tok=2))
