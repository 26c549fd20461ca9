"""Multiply-accumulates of many architectures on both devices: those of PyTorch's counter, or counted by hand."""

import warnings
from collections.abc import Callable
from inspect import signature
from typing import NamedTuple

import pytest
import torch
from large_libraries import transformers
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from bmvis.extraction.call import macs
from bmvis.extraction.call.forward import make_tensors, trace_call
from bmvis.extraction.meta_device.fake_tensors import with_fake_tensors
from bmvis.extraction.modules import capture_live
from bmvis.model.call import Call, Output
from bmvis.options.inputs import parse_inputs

IDS = "input_ids: int64[1, 8]"
PIXELS = "pixel_values: float32[1, 3, 32, 32]"
SIZES = {
    "vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
}  # fmt: skip
GROUPED = SIZES | {"num_key_value_heads": 2, "head_dim": 8}
SEQ2SEQ = {
    "vocab_size": 99, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
}  # fmt: skip
T5 = {"vocab_size": 99, "d_model": 32, "d_ff": 64, "d_kv": 8, "num_layers": 2, "num_heads": 4}
DEEPSEEK = SIZES | {
    "num_key_value_heads": 4, "n_routed_experts": 4, "n_shared_experts": 1, "moe_intermediate_size": 16,
    "num_experts_per_tok": 2, "first_k_dense_replace": 1, "kv_lora_rank": 8, "q_lora_rank": 8, "n_group": 1,
    "topk_group": 1, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8,
}  # fmt: skip

PROJECTIONS, SCORES = 8 * (2 * 32 * 32 + 2 * 32 * 16), 2 * 4 * 8 * 8 * 8
"""Attention of 8 tokens with 4 heads of 8, two of them for keys and values."""
HEAD = 8 * 32 * 99
EXPERT = 3 * 32 * 64
LATENT = 8 * (32 * 8 + 8 * 48 + 32 * 12 + 8 * 64 + 32 * 32) + 4 * 8 * 8 * (12 + 8)
"""Multi-head latent attention: query and key-value projections by way of 8 features, and 4 heads of 12 and 8."""


def routed(experts: int, chosen: int, expert: int) -> int:
    """Return the MACs of two layers with a router, and of the head."""
    return 2 * (PROJECTIONS + SCORES + 8 * 32 * experts + 8 * chosen * expert) + HEAD


class Architecture(NamedTuple):
    make: Callable[[], nn.Module]
    inputs: str
    by_hand: int | None = None
    """None if PyTorch's counter is right on meta."""
    devices: tuple[str, ...] = ("meta", "cpu")


def model(name: str, settings: dict[str, object] | None = None, **more: object) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        cls = getattr(transformers, name)
        return cls(cls.config_class(**(settings or {}) | more))

    return make


class Scores(nn.Module):
    """A function of its inputs and of parameters."""

    def __init__(self, compute: Callable[..., torch.Tensor], *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.compute = compute
        self.weights = nn.ParameterList(nn.Parameter(torch.zeros(shape)) for shape in shapes)

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        return self.compute(*given, *self.weights)


def encoder() -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)


def quantized(layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(nn.Sequential(layer), {type(layer)})


ARCHITECTURES = {
    "ALBERT": Architecture(model("AlbertModel", SIZES, embedding_size=16), IDS),
    "BERT": Architecture(model("BertModel", SIZES), IDS),
    "CLIP": Architecture(model("CLIPVisionModel", SIZES, image_size=32, patch_size=8), PIXELS),
    "ConvNeXt": Architecture(
        model("ConvNextModel", hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, patch_size=4), PIXELS
    ),
    "Gemma 2": Architecture(model("Gemma2Model", GROUPED), IDS),
    "GPT-2": Architecture(model("GPT2Model", vocab_size=99, n_embd=32, n_layer=2, n_head=4), IDS),
    "GPT-NeoX": Architecture(model("GPTNeoXModel", SIZES), IDS),
    "Llama": Architecture(model("LlamaForCausalLM", GROUPED), IDS),
    "Mamba": Architecture(model("MambaModel", vocab_size=99, hidden_size=32, num_hidden_layers=2, state_size=4), IDS),
    "MobileNetV2": Architecture(model("MobileNetV2Model", image_size=32), PIXELS),
    "OPT": Architecture(model("OPTModel", SIZES, ffn_dim=64, word_embed_proj_dim=32), IDS),
    "Qwen2": Architecture(model("Qwen2Model", GROUPED), IDS),
    "ResNet": Architecture(model("ResNetModel", embedding_size=8, hidden_sizes=[16, 32], depths=[1, 1]), PIXELS),
    "SegFormer": Architecture(
        model("SegformerModel", hidden_sizes=[8, 16, 32, 64], depths=[1] * 4, num_attention_heads=[1, 2, 4, 8]),
        "pixel_values: float32[1, 3, 64, 64]",
    ),
    "Swin": Architecture(
        model("SwinModel", image_size=32, patch_size=2, embed_dim=16, depths=[1, 1], num_heads=[2, 4], window_size=4),
        PIXELS,
    ),
    "T5": Architecture(model("T5Model", T5), f"{IDS}; decoder_input_ids: int64[1, 4]"),
    "ViT": Architecture(model("ViTModel", SIZES, image_size=32, patch_size=8), PIXELS),
    "Whisper": Architecture(
        model(
            "WhisperModel", SEQ2SEQ, max_source_positions=16, num_mel_bins=8, max_target_positions=32, pad_token_id=0
        ),
        "input_features: float32[1, 8, 32]; decoder_input_ids: int64[1, 4]",
    ),
    "BART, which reads values": Architecture(model("BartModel", SEQ2SEQ), IDS, 352_256, ("cpu",)),
    "Mixtral": Architecture(model("MixtralForCausalLM", GROUPED, num_local_experts=4), IDS, routed(4, 2, EXPERT)),
    "OLMoE": Architecture(
        model("OlmoeForCausalLM", GROUPED, num_experts=4, num_experts_per_tok=3), IDS, routed(4, 3, EXPERT)
    ),
    "GPT-OSS": Architecture(
        model("GptOssForCausalLM", GROUPED, num_local_experts=4, num_experts_per_tok=1), IDS, routed(4, 1, EXPERT)
    ),
    "Qwen3-MoE": Architecture(
        model("Qwen3MoeForCausalLM", GROUPED, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16),
        IDS,
        routed(4, 2, EXPERT // 4),
    ),
    "DeepSeek-V3": Architecture(
        model("DeepseekV3ForCausalLM", DEEPSEEK),
        IDS,
        2 * LATENT + 8 * EXPERT + 8 * (32 * 4 + (2 + 1) * 3 * 32 * 16) + HEAD,
    ),
    "Llama 4, whose experts compute all tokens": Architecture(
        model("Llama4TextModel", GROUPED, intermediate_size_mlp=64, num_local_experts=4, interleave_moe_layer_step=1),
        IDS,
        2 * (PROJECTIONS + SCORES + 8 * (32 * 4 + (4 + 1) * EXPERT)),
    ),
    "LSTM of two layers and directions": Architecture(
        lambda: nn.LSTM(8, 16, 2, batch_first=True, bidirectional=True),
        "float32[2, 5, 8]",
        2 * 5 * 2 * 64 * ((8 + 16) + (32 + 16)),
    ),
    "LSTM with projections": Architecture(
        lambda: nn.LSTM(8, 16, proj_size=4, batch_first=True), "float32[2, 5, 8]", 2 * 5 * (64 * (8 + 4) + 16 * 4)
    ),
    "GRU": Architecture(lambda: nn.GRU(8, 16, batch_first=True), "float32[2, 5, 8]", 2 * 5 * 48 * (8 + 16)),
    "TransformerEncoder": Architecture(
        encoder, "float32[1, 5, 16]", 2 * (5 * 4 * 16 * 16 + 2 * 5 * 5 * 16 + 5 * 2 * 16 * 32)
    ),
    "transposed convolution": Architecture(
        lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), "float32[1, 4, 5, 5]", 25 * 4 * 3 * 9
    ),
    "bilinear": Architecture(lambda: nn.Bilinear(8, 9, 10), "float32[5, 8]; float32[5, 9]", 5 * 8 * 9 * 10),
    "attention with grouped heads": Architecture(
        lambda: Scores(lambda q, k: functional.scaled_dot_product_attention(q, k, k, enable_gqa=True)),
        "float32[2, 4, 16, 8]; float32[2, 2, 16, 8]",
        2 * 4 * 16 * 16 * (8 + 8),
    ),
    "einsum of three": Architecture(
        lambda: Scores(lambda x, v, w: torch.einsum("bi,ij,jk->bk", x, v, w), (8, 5), (5, 3)),
        "float32[2, 8]",
        2 * (8 * 5 + 5 * 3),
    ),
    "sum of a batch of products": Architecture(
        lambda: Scores(lambda x, w: torch.addbmm(w, x, x.mT), (3, 3)), "float32[2, 3, 8]", 2 * 3 * 3 * 8
    ),
    "convolution over time": Architecture(
        lambda: Scores(torch.conv_tbc, (3, 8, 4), (4,)), "float32[5, 2, 8]", 3 * 2 * 4 * 3 * 8
    ),
    "products added in place": Architecture(
        lambda: Scores(lambda x, w: x.new_zeros(2, 5).addmm_(x, w) + x.new_zeros(2, 5).addmm(x, w), (8, 5)),
        "float32[2, 8]",
        2 * 2 * 8 * 5,
    ),
    "batches of products added in place": Architecture(
        lambda: Scores(lambda x: x.new_zeros(2, 3, 3).baddbmm_(x, x.mT)), "float32[2, 3, 8]", 2 * 3 * 3 * 8
    ),
    "quantized LSTM": Architecture(
        lambda: quantized(nn.LSTM(8, 16, 2, bidirectional=True)),
        "float32[5, 2, 8]",
        2 * 5 * 2 * 64 * ((8 + 16) + (32 + 16)),
        ("cpu",),
    ),
    "quantized GRU": Architecture(
        lambda: quantized(nn.GRU(8, 16)), "float32[5, 2, 8]", 2 * 5 * 48 * (8 + 16), ("cpu",)
    ),
    "distances in one set": Architecture(lambda: Scores(functional.pdist), "float32[5, 4]", 10 * 4),
    "affine grid": Architecture(
        lambda: Scores(lambda given: functional.affine_grid(given, [2, 3, 4, 5])), "float32[2, 2, 3]", 2 * 20 * 2 * 3
    ),
    "norms": Architecture(lambda: Scores(lambda x: functional.normalize(x, dim=-1)), "float32[2, 8]", 0),
}
CASES = [(name, device) for name, one in ARCHITECTURES.items() for device in one.devices]


def root_call(name: str, device: str) -> Call:
    written = parse_inputs(ARCHITECTURES[name].inputs)
    assert isinstance(written, tuple)
    with torch.device(device):
        live = capture_live(ARCHITECTURES[name].make())
        call = trace_call(live, *make_tensors(written, device)).root.call
    assert call is not None
    return call


def counted_by_torch(name: str) -> int:
    written = parse_inputs(ARCHITECTURES[name].inputs)
    assert isinstance(written, tuple)
    positional, named = make_tensors(written, "meta")
    with torch.device("meta"):
        made = ARCHITECTURES[name].make().eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            made(*positional, **named)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize(("name", "device"), CASES, ids=["-".join(case) for case in CASES])
def test_macs_of_architectures_equal_those_of_torch_or_by_hand(name: str, device: str) -> None:
    by_hand = ARCHITECTURES[name].by_hand
    call = root_call(name, device)
    assert (call.macs, call.uncounted) == (counted_by_torch(name) if by_hand is None else by_hand, ())


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize(
    "layer",
    [
        *(nn.ReLU, nn.ReLU6, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.LeakyReLU, nn.PReLU, nn.RReLU),
        *(nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.Softplus, nn.Softsign, nn.Tanh, nn.GLU, nn.LogSigmoid),
        *(nn.Softmax, nn.Dropout, nn.AlphaDropout, nn.Identity, nn.Flatten),
    ],
)
def test_element_wise_layers_have_no_macs(layer: type[nn.Module], device: str) -> None:
    forms = [layer(), *([layer(inplace=True)] if "inplace" in signature(layer).parameters else [])]
    for made in forms:
        with torch.device(device):
            call = trace_call(capture_live(made.to(device)), [torch.zeros(2, 8)], {}).root.call
        assert call is not None
        assert (call.macs, call.uncounted) == (0, ())


class Graph(nn.Module):
    """Multiplies by a sparse adjacency matrix, of which 2 of 25 elements are stored."""

    def __init__(self, layout: torch.layout, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        to, ends = torch.tensor([1, 0]), torch.tensor([0, 1, 2, 2, 2, 2])
        is_coo = layout is torch.sparse_coo
        self.function = function
        self.adjacency = nn.Buffer(
            torch.sparse_coo_tensor(torch.stack([to.flip(0), to]), torch.ones(2), (5, 5))
            if is_coo
            else torch.sparse_csr_tensor(ends, to, torch.ones(2), (5, 5))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.adjacency, x)


PRODUCTS: dict[str, tuple[Callable[[torch.Tensor, torch.Tensor], torch.Tensor], int]] = {
    "matrix": (lambda a, x: a @ x, 2 * 3),
    "sparse.mm": (torch.sparse.mm, 2 * 3),
    "vector": (lambda a, x: a @ x[:, 0], 2),
    "from the right": (lambda a, x: x.t() @ a, 2 * 3),
    "added": (lambda a, x: torch.addmm(x, a, x), 2 * 3),
}


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr], ids=str)
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_with_a_sparse_matrix_count_its_stored_elements(name: str, layout: torch.layout) -> None:
    function, expected = PRODUCTS[name]
    call = trace_call(capture_live(Graph(layout, function)), [torch.zeros(5, 3)], {}).root.call
    assert call is not None
    assert (call.macs, call.uncounted) == (expected, ())


def test_products_with_unknown_stored_elements_are_not_counted() -> None:
    of_two = trace_call(capture_live(Graph(torch.sparse_coo, lambda a, _: a @ a)), [torch.zeros(5, 3)], {}).root.call
    live = capture_live(Scores(lambda x: x.to_sparse_csr() @ x.t()).to("meta"))
    with with_fake_tensors(live) as fake, torch.device("cpu"):
        of_fake = trace_call(fake, [torch.zeros(5, 3)], {}).root.call
    for call in (of_two, of_fake):
        assert call is not None
        assert (call.macs, call.uncounted) == (0, ("aten::mm",))


class Ragged(nn.Module):
    """Applies a layer to a nested tensor of three and five rows."""

    def __init__(self, layout: torch.layout, function: Callable[[torch.Tensor], torch.Tensor] = torch.relu) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 4)
        self.layout, self.function = layout, function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.layer(torch.nested.nested_tensor([x[0, :3], x[1, :5]], layout=self.layout)))


def heads(x: torch.Tensor) -> torch.Tensor:
    split = x.unflatten(-1, (2, 2)).transpose(1, 2)
    return functional.scaled_dot_product_attention(split, split, split)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("layout", "function", "device", "output", "counted", "missed"),
    [
        (torch.jagged, torch.relu, "cpu", Output("", (2, 3, 4), (2, 5, 4)), 8 * 6 * 4, ()),
        (torch.jagged, torch.relu, "meta", Output("", None), 8 * 6 * 4, ()),
        (torch.jagged, heads, "cpu", Output("", (2, 2, 3, 2), (2, 2, 5, 2)), 8 * 6 * 4, ("aten::matmul",)),
        (torch.strided, torch.relu, "cpu", Output("", (2, 3, 4), (2, 5, 4)), 0, ("aten::linear",)),
    ],
    ids=["jagged", "jagged on meta", "jagged attention", "strided"],
)
def test_calls_with_nested_tensors_are_recorded(layout, function, device, output, counted, missed):
    with torch.device(device):
        live, x = capture_live(Ragged(layout, function)), torch.zeros(2, 7, 6)
        call = trace_call(live, [x], {}, dataflow=True).root.call
    assert (call.outputs, call.macs, call.uncounted) == ((output,), counted, missed)


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (torch.ops.aten._lu_with_info.default, "aten::_lu_with_info"),
        (torch.ops.aten.lu_unpack.default, "aten::lu_unpack"),
        (torch.ops.aten.linalg_vector_norm.default, ""),
        (torch.ops.aten._linalg_check_errors.default, ""),
        (torch.ops.aten.upsample_linear1d.default, ""),
        (torch.ops.aten.linalg_inv_ex.default, "aten::linalg_inv_ex"),
        (torch.ops.aten._linalg_svd.default, "aten::_linalg_svd"),
        (torch.ops.aten._fft_c2c.default, "aten::_fft_c2c"),
        (torch.ops.aten.geqrf.default, "aten::geqrf"),
        (torch.ops.aten.ormqr.default, "aten::ormqr"),
    ],
)
def test_operations_without_a_formula_have_a_name_if_they_are_products(operation: object, name: str) -> None:
    assert macs.uncounted_name(operation) == name


@pytest.mark.parametrize(
    ("first", "second", "groups", "shape"),
    [
        ((8, 16), (4, 16, 5), 4, (8, 5)),
        ((4, 8, 16), (16, 5), 4, (8, 5)),
        ((4, 8, 16), (4, 16, 5), 0, (4, 8, 5)),
        ((8, 16), (16, 5), 4, (4, 8, 5)),
        ((8, 16), (4, 15, 5), 4, None),
        ((4, 8, 16), (3, 16, 5), 0, None),
        ((8, 16), (16, 5), 0, None),
    ],
    ids=["rows", "columns", "batch", "sums", "other sizes", "other batches", "no groups"],
)
def test_grouped_product_of_float32_on_meta(
    first: tuple[int, ...], second: tuple[int, ...], groups: int, shape: tuple[int, ...] | None
) -> None:
    class Product(nn.Module):
        def forward(self, one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
            return torch._grouped_mm(one, two, offs=torch.zeros(groups, dtype=torch.int32) if groups else None)

    with torch.device("meta"):
        live = capture_live(Product())
        given = [torch.zeros(first), torch.zeros(second)]
        if shape is None:
            with pytest.raises(RuntimeError):
                trace_call(live, given, {})
        else:
            call = trace_call(live, given, {}).root.call
            assert call is not None
            assert call.outputs[0].shape == shape
