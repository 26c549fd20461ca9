"""The multiply-accumulates of a call, on both devices, and the operations that are not counted."""

from __future__ import annotations

import pytest
import torch
from small_models import mixtral
from torch import nn
from torch._higher_order_ops.out_dtype import out_dtype
from torch.utils.flop_counter import FlopCounterMode
from traced_calls import traced

from bmvis.extraction.call.forward import make_tensors
from bmvis.options.inputs import parse_inputs
from bmvis.options.parsing import parse_options
from bmvis.render.html.tree import to_html
from bmvis.render.json_data import to_data
from bmvis.render.latex import to_latex
from bmvis.render.text import to_text
from bmvis.view.layout import layout

IDS = "input_ids: int64[1, 16]"


def small(name: str, **more: object) -> nn.Module:
    import transformers

    sizes = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    wide = {"intermediate_size": 64, "num_key_value_heads": 2}
    known = {
        "Bert": sizes | {"intermediate_size": 64},
        "GPT2": {"vocab_size": 99, "n_embd": 32, "n_layer": 2, "n_head": 4},
        "T5": {"vocab_size": 99, "d_model": 32, "d_ff": 64, "d_kv": 8, "num_layers": 2, "num_heads": 4},
        "ViT": sizes | {"intermediate_size": 64, "image_size": 32, "patch_size": 8},
        "Llama": sizes | wide,
        "Mixtral": sizes | wide | {"num_local_experts": 4},
        "Whisper": {
            "vocab_size": 99,
            "d_model": 32,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "max_source_positions": 16,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 1,
            "num_mel_bins": 8,
            "max_target_positions": 32,
        },
        "ResNet": {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 1]},
    }
    config = getattr(transformers, f"{name}Config")(**(known[name] | more))
    with torch.device("meta"):
        made: nn.Module = getattr(transformers, f"{name}Model")(config)
    return made


def recurrent() -> nn.Module:
    return nn.LSTM(8, 16, num_layers=2, batch_first=True, device="meta")


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, device="meta")
    return nn.TransformerEncoder(layer, 2)


ARCHITECTURES = {
    "BERT": (lambda: small("Bert"), IDS),
    "GPT-2": (lambda: small("GPT2"), IDS),
    "T5": (lambda: small("T5"), f"{IDS}; decoder_input_ids: int64[1, 4]"),
    "ViT": (lambda: small("ViT"), "pixel_values: float32[1, 3, 32, 32]"),
    "Llama": (lambda: small("Llama"), IDS),
    "Mixtral": (lambda: small("Mixtral").to(torch.bfloat16), IDS),
    "Whisper": (lambda: small("Whisper"), "input_features: float32[1, 8, 32]; decoder_input_ids: int64[1, 4]"),
    "ResNet": (lambda: small("ResNet"), "pixel_values: float32[1, 3, 32, 32]"),
    "LSTM": (recurrent, "float32[1, 5, 8]"),
    "TransformerEncoder": (encoder, "float32[1, 5, 16]"),
}


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "Mixtral"])  # torch counts no experts
def test_macs_are_half_the_flops_that_torch_counts(name: str) -> None:
    make, inputs = ARCHITECTURES[name]
    model = make()
    found = traced(model, inputs)
    written = parse_inputs(inputs)
    assert isinstance(written, tuple)
    positional, named = make_tensors(written, "meta")
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(*positional, **named)
    assert found.root.call is not None
    assert found.root.call.macs * 2 == counter.get_total_flops()
    assert found.root.call.macs > 0 or name == "LSTM"


def test_call_of_linear_has_output_shape_and_macs() -> None:
    found = traced(nn.Sequential(nn.Linear(8, 4, device="meta"), nn.ReLU()), "float32[2, 8]")
    calls = [module.call for module in found.modules]
    assert all(calls)
    assert [call.macs for call in calls if call] == [64, 64, 0]
    assert [call.bytes for call in calls if call] == [64, 32, 32]


class Mix(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Bilinear(8, 9, 10)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.mix(x, y)


class Attending(nn.Module):
    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(q, k, v)


class Grouped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 32, 16, dtype=torch.bfloat16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ends = torch.tensor([4, 8, 12, 16], dtype=torch.int32, device=x.device)
        return torch._grouped_mm(x, self.weight, offs=ends)


class Einsum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, 4, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bi,ijk->bjk", x, self.weight)


class Vectors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.zeros(6, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.mv(self.matrix, x)
        return torch.dot(y, y) + torch.outer(x, x).sum()


COUNTED = {
    "bilinear": (Mix, "float32[5, 8]; float32[5, 9]", 5 * 10 * 8 * 9),
    "LSTM": (lambda: nn.LSTM(12, 16, 2, batch_first=True), "float32[1, 50, 12]", 50 * 64 * (12 + 16 + 16 + 16)),
    "LSTM, both ways": (lambda: nn.LSTM(4, 8, bidirectional=True), "float32[5, 3, 4]", 2 * 15 * 32 * (4 + 8)),
    "GRU": (lambda: nn.GRU(12, 16), "float32[50, 2, 12]", 100 * 48 * (12 + 16)),
    "RNN": (lambda: nn.RNN(12, 16), "float32[50, 2, 12]", 100 * 16 * (12 + 16)),
    "attention": (Attending, "float32[2, 4, 7, 8]; float32[2, 4, 9, 8]; float32[2, 4, 9, 6]", 8 * 7 * 9 * (8 + 6)),
    "grouped product": (Grouped, "bfloat16[16, 32]", 16 * 32 * 16),
    "einsum": (Einsum, "float32[2, 3]", 2 * 3 * 4 * 5),
    "matrix and vectors": (Vectors, "float32[4]", 24 + 6),
    "encoder layer": (
        lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True),
        "float32[1, 5, 16]",
        5 * 16 * 48 + 2 * 5 * 5 * 16 + 5 * 16 * 16 + 2 * 5 * 16 * 32,
    ),
    "convolution": (lambda: nn.Conv2d(4, 8, 3, groups=2), "float32[1, 4, 10, 10]", 8 * 64 * 2 * 9),
}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", COUNTED)
def test_macs_are_equal_on_meta_and_cpu(name: str, device: str) -> None:
    make, inputs, macs = COUNTED[name]
    with torch.device(device):
        model = make()
    call = traced(model, inputs, device).root.call
    assert call is not None
    assert (call.macs, call.uncounted) == (macs, ())


def test_macs_of_dynamically_quantized_linears() -> None:
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
    quantized = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})
    call = traced(quantized, "float32[1, 64]", "cpu").root.call
    assert call is not None
    assert (call.macs, call.uncounted) == (64 * 64 + 64 * 8, ())


def test_macs_of_mixtral_include_the_chosen_experts() -> None:
    found = traced(mixtral(), "input_ids: int64[1, 8]", "cpu")
    by_path = dict(zip(found.paths, found.modules, strict=True))
    mlp = by_path["model.layers.0.mlp"].call
    assert mlp is not None
    assert mlp.macs == 8 * 32 * 4 + 16 * (128 * 32 + 32 * 64)
    assert found.root.call is not None
    assert (found.root.call.macs, found.root.call.uncounted) == (281_600, ())


@torch.library.custom_op("bmvis_test::mm", mutates_args=())
def _mm(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return x @ w


@_mm.register_fake
def _(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return x.new_empty(x.shape[0], w.shape[1])


class Custom(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 16)
        self.w = nn.Parameter(torch.zeros(16, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.fft.fft(_mm(self.layer(x), self.w)).real


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_operations_without_mac_formula_are_listed(device: str) -> None:
    with torch.device(device):
        model = Custom()
    found = traced(model, "float32[2, 16]", device)
    assert found.root.call is not None
    assert found.root.call.macs == 2 * 16 * 16
    assert "bmvis_test::mm" in found.root.call.uncounted
    assert any("fft" in name for name in found.root.call.uncounted)
    layer = found.modules[1].call
    assert layer is not None
    assert (layer.macs, layer.uncounted) == (512, ())
    page = layout(found, parse_options({"inputs": "float32[2, 16]"}))
    expected = "one call: at least 512 MACs, "
    assert expected in to_text(page)
    assert "2 operations not counted (aten::_fft" in to_text(page)
    assert "at least 512 MACs" in to_html(page, "m")
    assert r"at least 512 MACs" in to_latex(page)
    assert to_data(page, "m:m", "meta")["rows"][0]["flow"]["uncounted"] == found.root.call.uncounted


class Flex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        from torch.nn.attention.flex_attention import flex_attention

        heads = self.qkv(x).unflatten(-1, (4, 16)).transpose(1, 2)
        found: torch.Tensor = flex_attention(heads, heads, heads)
        return found


class Conditional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.cond(x.sum() > 0, lambda y: self.a(y), lambda y: self.b(y), (x,))
        return found


class Checkpointed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.utils.checkpoint.checkpoint(self.layer, x, use_reentrant=False)
        return found


class WiderResult(nn.Module):
    """Multiplies as torchao does with quantized activations."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        given = x.to(torch.int8)
        found: torch.Tensor = out_dtype(torch.ops.aten.mm.default, torch.int32, given, given.T)
        return found


HIGHER_ORDER = {
    "out_dtype": (WiderResult, "float32[2, 4]", "meta", (2, 2), 2 * 4 * 2),
    "flex_attention": (Flex, "float32[1, 128, 64]", "cpu", (1, 4, 128, 16), 524_288 + 2_097_152),
    "cond": (Conditional, "float32[2, 4]", "cpu", (2, 4), 32),
    "cond, unknown": (Conditional, "float32[2, 4]", "meta", (2, 4), 32),
    "checkpoint": (Checkpointed, "float32[2, 4]", "meta", (2, 4), 32),
    "compiled": (lambda: torch.compile(nn.Linear(4, 4)), "float32[2, 4]", "cpu", (2, 4), 32),
    "compiled inside": (lambda: nn.Sequential(torch.compile(nn.Linear(4, 4))), "float32[2, 4]", "cpu", (2, 4), 32),
}


@pytest.mark.parametrize("name", HIGHER_ORDER)
def test_forward_runs_higher_order_operators_and_compiled_modules(name: str) -> None:
    make, inputs, device, shape, macs = HIGHER_ORDER[name]
    with torch.device(device):
        model = make()
    call = traced(model, inputs, device).root.call
    assert call is not None
    assert ([output.shape for output in call.outputs], call.macs, call.uncounted) == ([shape], macs, ())


def test_branches_of_unknown_condition_are_not_marked_uncalled() -> None:
    with torch.device("meta"):
        model = Conditional()
    text = to_text(layout(traced(model, "float32[2, 4]"), parse_options({"inputs": "float32[2, 4]"})))
    assert "not called" not in text
