"""Active parameters of mixtures of experts: all parameters without those of experts that are not chosen."""

import pytest
import torch
from large_libraries import peft, transformers
from torch import nn

from bmvis.extraction.modules import capture
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.json_data import to_data
from bmvis.render.text import to_text
from bmvis.view.layout import layout

SMALL = {
    "vocab_size": 50, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 4, "pad_token_id": 0,
}  # fmt: skip
GLU = 3 * 16 * 24
"""Parameters of an expert: gate, up and down projections of 24 neurons."""
MODELS = {
    "Mixtral": ("MixtralForCausalLM", {"num_local_experts": 8, "num_experts_per_tok": 2}, 3 * 6 * GLU),
    "OLMoE": ("OlmoeForCausalLM", {"num_experts": 8, "num_experts_per_tok": 3}, 3 * 5 * GLU),
    "Qwen2-MoE, an expert shared": (
        "Qwen2MoeForCausalLM",
        {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "shared_expert_intermediate_size": 8},
        3 * 4 * GLU,
    ),
    "Qwen3-MoE": (
        "Qwen3MoeForCausalLM",
        {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 24},
        3 * 4 * GLU,
    ),
    "GPT-OSS, with biases": (
        "GptOssForCausalLM",
        {"num_local_experts": 4, "num_experts_per_tok": 1},
        3 * 3 * (GLU + 2 * 24 + 16),
    ),
    "DeepSeek-V3, one dense layer": (
        "DeepseekV3ForCausalLM",
        {
            "n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 1, "first_k_dense_replace": 1,
            "n_group": 2, "topk_group": 1, "moe_intermediate_size": 24,
            "num_key_value_heads": 4, "q_lora_rank": 8, "kv_lora_rank": 8,
            "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 4,
        },
        2 * 6 * GLU,
    ),
    "DBRX, whose experts are two modules": (
        "DbrxForCausalLM",
        {
            "d_model": 16, "n_heads": 4, "n_layers": 3, "attn_config": {"kv_n_heads": 2, "rope_theta": 1e4},
            "ffn_config": {"hidden_size": 16, "ffn_hidden_size": 24, "moe_num_experts": 4, "moe_top_k": 3},
        },
        3 * 1 * GLU,
    ),
    "Llama 4": (
        "Llama4ForCausalLM",
        {"num_local_experts": 4, "num_experts_per_tok": 1, "interleave_moe_layer_step": 1},
        3 * 3 * GLU,
    ),
    "Switch, whose router has a number in its name": (
        "SwitchTransformersModel",
        {
            "d_model": 16, "d_ff": 24, "d_kv": 4, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
            "num_experts": 4, "num_sparse_encoder_layers": 1, "num_sparse_decoder_layers": 2,
        },
        (2 + 1) * 3 * 2 * 16 * 24,
    ),
    "Llama": ("LlamaForCausalLM", {}, None),
}  # fmt: skip


def build(name: str, settings: dict[str, object]) -> nn.Module:
    cls = getattr(transformers, name)
    with torch.device("meta"):
        return cls(cls.config_class(**(SMALL | settings)))


@pytest.mark.parametrize(("name", "settings", "unused"), MODELS.values(), ids=MODELS)
def test_experts_that_are_not_chosen_are_not_active(name: str, settings: dict[str, object], unused: int | None) -> None:
    model = build(name, settings)
    total = sum(p.numel() for p in model.parameters())
    assert capture(model).active == (total - unused if unused else 0)


class Layer(nn.Module):
    """A mixture of experts as a list, with a linear router."""

    def __init__(self, count: int = 4, *, size: int = 3, **settings: int) -> None:
        super().__init__()
        self.router = nn.Linear(2, count)
        self.experts = nn.ModuleList(nn.Linear(2, size) for _ in range(count))
        for name, value in settings.items():
            setattr(self, name, value)


def uneven() -> nn.Module:
    layer = Layer(top_k=1)
    layer.experts[1] = nn.Linear(2, 5)
    return layer


def tied() -> nn.Module:
    layer = Layer(top_k=1)
    layer.experts[1].bias = layer.experts[0].bias
    return layer


def hidden_in_one_of_two() -> nn.Module:
    return nn.Sequential(Layer(top_k=1), Layer())


@pytest.mark.parametrize(
    ("model", "active"),
    [
        pytest.param(Layer(top_k=1), 12 + 9, id="list"),
        pytest.param(nn.Sequential(Layer(top_k=2), nn.Linear(2, 2)), 12 + 18 + 6, id="with a dense layer"),
        pytest.param(Layer(), 0, id="number of chosen experts unknown"),
        pytest.param(Layer(top_k=5), 0, id="more than there are"),
        pytest.param(Layer(top_k=1, num_experts_per_tok=1), 12 + 9, id="named twice"),
        pytest.param(uneven(), 0, id="experts of several sizes"),
        pytest.param(tied(), 0, id="experts with a common tensor"),
        pytest.param(hidden_in_one_of_two(), 0, id="one of two layers unknown"),
        pytest.param(nn.Sequential(Layer(top_k=1, zero_expert_num=2)), 0, id="experts without computation"),
    ],
)
def test_active_count_of_expert_layers(model: nn.Module, active: int) -> None:
    assert capture(model).active == active


def test_published_number_of_deepseek_v3() -> None:
    with torch.device("meta"):
        model = capture(transformers.DeepseekV3ForCausalLM(transformers.DeepseekV3Config()))
    total = sum(p.count for module in model.modules for p in module.parameters if not p.tied_to)
    assert model.active == total - 58 * 248 * 3 * 7168 * 2048  # "37B of 671B"
    assert 671.0e9 < total < 671.1e9
    assert 37.5e9 < model.active < 37.6e9


def test_adapter_on_experts_leaves_the_number_unknown() -> None:
    model = build("MixtralForCausalLM", {"num_local_experts": 4, "num_experts_per_tok": 2})
    attention = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["q_proj"]))
    total = sum(p.numel() for p in attention.parameters())
    assert capture(attention).active == total - 3 * 2 * GLU
    model = build("MixtralForCausalLM", {"num_local_experts": 4, "num_experts_per_tok": 2})
    experts = peft.LoraConfig(r=2, target_modules=["q_proj"], target_parameters=["mlp.experts.gate_up_proj"])
    assert capture(peft.get_peft_model(model, experts)).active == 0


def test_every_format_has_the_number() -> None:
    page = layout(capture(nn.Sequential(Layer(1000, top_k=1))), Options())
    assert "12,000 parameters, 3,009 active for each token (25.1 %)" in to_text(page)
    assert "3,009 active for each token" in to_html(page, "m")
    assert to_data(page, "m:f", "meta")["totals"]["active"] == 3009
    assert "active" not in to_data(layout(capture(nn.Linear(2, 2)), Options()), "m:f", "meta")["totals"]
