"""Every method of PEFT: only the added parameters are deltas, and unused adapters are marked."""

import logging
import os
import sys
from unittest import mock

import pytest
import torch
from bs4 import BeautifulSoup
from captured import captured_parameters, deltas
from large_libraries import needs_peft, peft
from small_models import SMALL, llama
from torch import nn

from bmvis import capture
from bmvis.extraction.meta_device.known_values import KnownValues
from bmvis.extraction.meta_device.meta_failures import FailureLog
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.text import to_text
from bmvis.view.layout import layout

pytestmark = [needs_peft, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def unchanged_process():
    """Undo what imports change: for BOFT, PyTorch's extensions add a folder of setuptools to the path, and set `CC`."""
    with mock.patch.dict(os.environ), mock.patch.object(sys, "path", [*sys.path]):
        yield


LAYERS = {"target_modules": ["q_proj", "v_proj"]}
PROMPT = {"task_type": "CAUSAL_LM", "num_virtual_tokens": 3}
SETTINGS = {
    "ADALORA": LAYERS | {"total_step": 10},
    "ADAMSS": LAYERS,
    "ADAPTION_PROMPT": {"adapter_len": 3, "adapter_layers": 1, "task_type": "CAUSAL_LM"},
    "BEFT": LAYERS,
    "BOFT": LAYERS | {"boft_block_size": 4},
    "C3A": LAYERS | {"block_size": 4},
    "CARTRIDGE": PROMPT,
    "CPT": {
        "task_type": "CAUSAL_LM",
        "cpt_token_ids": [1, 2, 3],
        "cpt_mask": [1, 1, 1],
        "cpt_tokens_type_mask": [1, 2, 3],
    },
    "DEFT": LAYERS,
    "DELORA": LAYERS,
    "FOURIERFT": LAYERS | {"n_frequency": 5},
    "FROD": LAYERS,
    "GLORA": LAYERS,
    "GRALORA": LAYERS | {"r": 4},
    "HIRA": LAYERS,
    "HRA": LAYERS,
    "IA3": {"target_modules": ["k_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
    "LILY": LAYERS,
    "LN_TUNING": {"target_modules": ["input_layernorm"]},
    "LOHA": LAYERS,
    "LOKR": LAYERS,
    "LORA": LAYERS,
    "MISS": LAYERS | {"r": 4},
    "MULTITASK_PROMPT_TUNING": PROMPT | {"num_tasks": 2},
    "OFT": LAYERS | {"oft_block_size": 4, "r": 0},
    "OSF": LAYERS,
    "PEANUT": LAYERS,
    "POLY": LAYERS,
    "PREFIX_TUNING": PROMPT,
    "PROMPT_TUNING": PROMPT,
    "PSOFT": LAYERS | {"r": 4},
    "PVERA": LAYERS,
    "P_TUNING": PROMPT | {"encoder_hidden_size": 8},
    "RANDLORA": LAYERS | {"r": 4},
    "ROAD": LAYERS | {"group_size": 4},
    "SHADOW": LAYERS,
    "SHIRA": LAYERS | {"r": 2},
    "SUPERTUNING": LAYERS,
    "TINYLORA": LAYERS,
    "TRAINABLE_TOKENS": {"token_indices": [1, 2], "target_modules": ["embed_tokens"]},
    "UNILORA": LAYERS,
    "VBLORA": LAYERS | {"vector_length": 4, "num_vectors": 8},
    "VERA": LAYERS | {"r": 4},
    "WAVEFT": LAYERS | {"n_frequency": 5},
    "XLORA": {"hidden_size": SMALL["hidden_size"], "task_type": "CAUSAL_LM"},
}
VARIANTS = {
    "DoRA": ("LORA", LAYERS | {"use_dora": True}),
    "LoRA with trained biases": ("LORA", LAYERS | {"bias": "all"}),
    "LoRA and a saved head": ("LORA", LAYERS | {"modules_to_save": ["lm_head"]}),
    "LoRA and trained tokens": ("LORA", LAYERS | {"trainable_token_indices": [1, 2]}),
    "LoRA of an embedding": ("LORA", {"target_modules": ["embed_tokens", "q_proj"]}),
    "LoRA of a parameter": ("LORA", {"target_modules": [], "target_parameters": ["self_attn.q_proj.weight"]}),
    "PiSSA": ("LORA", LAYERS | {"init_lora_weights": "pissa"}),
    "prefix with a projection": ("PREFIX_TUNING", PROMPT | {"prefix_projection": True}),
    "P-tuning with an LSTM": (
        "P_TUNING",
        PROMPT | {"encoder_hidden_size": 8, "encoder_reparameterization_type": "LSTM"},
    ),
    "adaption prompt, all layers": (
        "ADAPTION_PROMPT",
        {"adapter_len": 3, "adapter_layers": 2, "task_type": "CAUSAL_LM"},
    ),
}


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def lora(**settings) -> nn.Module:
    return peft.get_peft_model(llama(), peft.LoraConfig(**LAYERS | settings))


def configured(method: str, settings: dict, folder) -> object:
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    if method == "XLORA":
        lora().save_pretrained(folder)
        settings = settings | {"adapters": {"first": str(folder)}}
    return PEFT_TYPE_TO_CONFIG_MAPPING[peft.PeftType[method]](**settings)


def test_every_peft_method_has_a_case():
    assert set(SETTINGS) == {method.name for method in peft.PeftType}, "add the settings of the new method to SETTINGS"


@pytest.mark.parametrize(
    ("method", "settings"),
    [*SETTINGS.items(), *VARIANTS.values()],
    ids=[*SETTINGS, *VARIANTS],
)
def test_peft_deltas_are_the_added_parameters(method, settings, tmp_path):
    if method == "ADAMSS":
        pytest.importorskip("sklearn", reason="AdaMSS needs scikit-learn, see make test-libraries")
    model = llama()
    before = {id(p): p for p in model.parameters()}
    wrapped = peft.get_peft_model(model, configured(method, settings, tmp_path))
    added = [name for name, p in wrapped.named_parameters() if id(p) not in before]
    assert added
    assert sorted(deltas(wrapped)) == sorted(added)
    assert set(deltas(wrapped).values()) == {""}


def test_frozen_delta_is_frozen_and_delta():
    model = peft.get_peft_model(llama(), configured("ADALORA", SETTINGS["ADALORA"], None))
    row = next(line for line in to_text(layout(capture(model), Options())).splitlines() if "ranknum" in line)
    assert row.endswith("default:[1] (delta) (frozen)")


def on_meta(factory):
    with torch.device("meta"), FailureLog(call=KnownValues().call):
        return factory()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ADALORA", {}),
        ("LORA", {"autocast_adapter_dtype": False}),
        ("LORA", {"autocast_adapter_dtype": False, "low_cpu_mem_usage": True}),
        ("LoRA of a parameter", {"autocast_adapter_dtype": False}),
        ("VBLORA", {"autocast_adapter_dtype": False}),
    ],
)
def test_adapters_of_a_half_precision_model_have_the_data_types_of_the_cpu(name, settings, tmp_path):
    def facts(model):
        tensors = (one for module in capture(model).modules for one in (*module.parameters, *module.buffers))
        return [(one.name, one.shape, one.dtype, getattr(one, "trainable", None)) for one in tensors]

    def adapted():
        configuration = configured(*VARIANTS.get(name, (name, SETTINGS.get(name))), tmp_path)
        return peft.get_peft_model(llama().bfloat16(), configuration, **settings)

    assert facts(on_meta(adapted)) == facts(adapted())


def two() -> nn.Module:
    model = lora()
    model.add_adapter("other", peft.LoraConfig(**LAYERS))
    return model


def merged() -> nn.Module:
    model = two()
    model.merge_adapter(["default"])
    return model


def disabled() -> nn.Module:
    model = lora(modules_to_save=["lm_head"])
    model.base_model.disable_adapter_layers()
    return model


def both() -> nn.Module:
    model = two()
    model.base_model.set_adapter(["default", "other"])
    return model


def saved_heads() -> nn.Module:
    model = lora(modules_to_save=["lm_head"])
    model.add_adapter("other", peft.LoraConfig(**LAYERS, modules_to_save=["lm_head"]))
    return model


def prompts() -> nn.Module:
    model = peft.get_peft_model(llama(), peft.PromptTuningConfig(**PROMPT))
    model.add_adapter("other", peft.PromptTuningConfig(**PROMPT))
    return model


def injected() -> nn.Module:
    model = llama()
    model.add_adapter(peft.LoraConfig(**LAYERS), adapter_name="default")
    model.add_adapter(peft.LoraConfig(**LAYERS), adapter_name="other")
    model.set_adapter("default")
    return model


STATES = {
    "one of two": (two, {"default": "", "other": "inactive"}),
    "both": (both, {"default": "", "other": ""}),
    "merged": (merged, {"default": "merged", "other": "inactive"}),
    "disabled": (disabled, {"default": "disabled"}),
    "saved heads": (saved_heads, {"default": "", "other": "inactive"}),
    "prompts": (prompts, {"default": "", "other": "inactive"}),
    "transformers' own adapters": (injected, {"default": "", "other": "inactive"}),
}


@pytest.mark.parametrize(("factory", "states"), STATES.values(), ids=STATES)
def test_unused_adapter_is_marked(factory, states):
    found: dict[str, set[str]] = {}
    for key, state in deltas(factory()).items():
        found.setdefault("other" if ".other" in key else "default", set()).add(state)
    assert found == {name: {state} for name, state in states.items()}


def test_adapter_state_is_on_the_row_and_in_the_legend():
    page = layout(capture(merged()), Options())
    assert "default (Linear) weight:[8, 32] (delta, merged)" in to_text(page)
    assert "other (Linear) weight:[8, 32] (delta, inactive) (frozen)" in to_text(page)
    html = to_html(page, "m")
    state = 'data-mark="inactive" data-w="delta" title="delta, inactive, frozen">'
    assert f'<span class="bmvis-p bmvis-delta bmvis-frozen" {state}' in html
    legend = html[html.index("bmvis-legend") :]
    assert legend.count("data-mark=") == 2
    assert 'data-mark="inactive"' in legend


def test_legend_lists_only_marks_that_occur():
    words = ("trainable", "frozen", "delta", "buffer", "repeated", "tied", "merged", "inactive", "disabled")

    def listed(model):
        legend = BeautifulSoup(to_html(layout(capture(model), Options()), "m"), "html.parser").select_one(
            ".bmvis-legend"
        )
        shown = [*legend.stripped_strings, *(entry.get("data-mark") for entry in legend.select("span"))]
        return [word for word in words if word in shown]

    assert listed(nn.Linear(1, 1)) == ["trainable"]
    assert listed(nn.Linear(1, 1).requires_grad_(False)) == ["frozen"]
    assert listed(lora()) == ["frozen", "delta", "repeated"]
    assert listed(disabled()) == ["frozen", "delta", "repeated", "disabled"]


class Params4bit(nn.Parameter):
    """A parameter whose type has the name that bitsandbytes uses."""

    quant_type = "nf4"
    quant_state = None


def test_deltas_of_adapters_on_a_quantized_base():
    model = lora()
    for layer in model.base_model.model.model.layers:
        base = layer.self_attn.q_proj.base_layer
        base.weight = Params4bit(torch.zeros(128, 1, dtype=torch.uint8), requires_grad=False)
    text = to_text(layout(capture(model), Options()))
    assert "base_layer (Linear) weight:[32, 32] (frozen) (nf4)" in text
    assert "default (Linear) weight:[8, 32] (delta)" in text


def test_deltas_of_adapters_on_a_bitsandbytes_base():
    bnb = pytest.importorskip("bitsandbytes", reason="see make test-libraries")
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64))
    model[0] = bnb.nn.Linear4bit(64, 64, quant_type="nf4").to("cpu")
    wrapped = peft.get_peft_model(model, peft.LoraConfig(target_modules=["0"]))
    base, *adapters = [m for m in capture(wrapped).modules if m.parameters and m.name != "1"]
    weight = base.parameters[0]
    assert (weight.shape, weight.quantization, weight.delta, weight.trainable) == ((64, 64), "nf4", False, False)
    assert [p.delta for m in adapters for p in m.parameters] == [True, True]


def test_model_without_adapters_does_not_import_peft():
    assert deltas(nn.Sequential(nn.Linear(1, 1))) == {}


def effect_of(model, key):
    """Return whether the output depends on a parameter."""
    ids = torch.tensor([[1, 2, 3]])
    parameter = dict(model.named_parameters())[key]
    with torch.no_grad():
        before = model(ids).logits.clone()
        kept = parameter.clone()
        parameter.add_(torch.randn_like(parameter) * 10)
        after = model(ids).logits
        parameter.copy_(kept)
    return not torch.equal(before, after)


def with_head_of_another_adapter():
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["lm_head"])
    model = peft.get_peft_model(llama(), config, adapter_name="a")
    model.add_adapter("b", peft.LoraConfig(r=4, target_modules=["q_proj"]))
    model.base_model.set_adapter(["b"])
    return model


def with_one_of_two_merged():
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    model = peft.get_peft_model(llama(), config, adapter_name="a")
    more = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    model.add_adapter("b", more)
    model.base_model.set_adapter(["a", "b"])
    model.base_model.merge_adapter(["a"])
    return model


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (with_head_of_another_adapter, {"lm_head.modules_to_save.a.weight": "inactive"}),
        (
            with_one_of_two_merged,
            {
                "layers.0.self_attn.q_proj.lora_A.a.weight": "merged",
                "layers.0.self_attn.q_proj.lora_A.b.weight": "not applied",
                "layers.0.self_attn.v_proj.lora_A.b.weight": "",
            },
        ),
    ],
    ids=["head of another adapter", "one of two merged"],
)
def test_adapter_state_agrees_with_effect_on_output(make, expected):
    model = make().eval()
    states = {key: p.adapter for key, p in captured_parameters(model).items() if p.delta}
    for end, state in expected.items():
        (key,) = (key for key in states if key.endswith(end))
        assert states[key] == state
        assert effect_of(model, key) is (state == "")


def two_of_other_ranks() -> nn.Module:
    model = lora(r=4, lora_alpha=8)
    model.add_adapter("second", peft.LoraConfig(**LAYERS | {"r": 2, "lora_alpha": 4, "use_rslora": True}))
    return model


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: lora(r=4, lora_alpha=8), "r=4, lora_alpha=8"),
        (lambda: lora(r=4, lora_alpha=8, use_dora=True), "r=4, lora_alpha=8, use_dora=True"),
        (two_of_other_ranks, "default: (r=4, lora_alpha=8), second: (r=2, lora_alpha=4, use_rslora=True)"),
    ],
    ids=["LoRA", "DoRA", "two adapters"],
)
def test_extra_repr_of_a_layer_has_rank_and_alpha(make, text):
    assert text in {module.extra_repr for module in capture(make()).modules}
