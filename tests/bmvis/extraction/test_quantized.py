"""Quantized weights of any library: logical shape and count, stored bytes, and scheme."""

import sys

import pytest
import torch
from torch import nn

from bmvis import capture
from bmvis.options.definitions import Options
from bmvis.render.text import to_text
from bmvis.view.layout import layout

pytestmark = pytest.mark.filterwarnings("ignore")


def drawn(model: nn.Module) -> list[str]:
    lines = to_text(layout(capture(model), Options())).splitlines()
    return [line.lstrip("│├└─ ") for line in lines if line]


def dynamic() -> nn.Module:
    model = nn.Sequential(nn.Linear(20, 30), nn.LSTM(3, 4), nn.LSTMCell(2, 1))
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear, nn.LSTM, nn.LSTMCell})


def static() -> nn.Module:
    from torch.ao import quantization

    model = nn.Sequential(quantization.QuantStub(), nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    model.qconfig = quantization.get_default_qconfig("x86")
    prepared = quantization.prepare(quantization.fuse_modules(model, [["1", "2"]]))
    prepared(torch.zeros(1, 3, 8, 8))
    return quantization.convert(prepared)


def embedding() -> nn.Module:
    bag = nn.EmbeddingBag(10, 4, mode="sum")
    bag.qconfig = torch.ao.quantization.float_qparams_weight_only_qconfig_4bit
    quantized = torch.ao.nn.quantized
    return nn.Sequential(quantized.Embedding(10, 4), quantized.EmbeddingBag.from_float(bag))


NATIVE = {
    "dynamic": (
        dynamic,
        [
            "root",
            "0 (Linear) weight:[30, 20] (frozen) (qint8 per tensor) bias:[30] (frozen) (float32)",
            "1 (LSTM) weight_ih_l0:[16, 3] (frozen) (qint8 per tensor) weight_hh_l0:[16, 4] (frozen) (qint8 per tensor)"
            " bias_ih_l0:[16] (frozen) (float32) bias_hh_l0:[16] (frozen) (float32)",
            "2 (LSTMCell) weight_ih:[4, 2] (frozen) (qint8 per tensor) weight_hh:[4, 1] (frozen) (qint8 per tensor)"
            " bias_ih:[4] (frozen) (float32) bias_hh:[4] (frozen) (float32)",
            "Sequential: 794 parameters, all frozen; qint8 per tensor + float32, 1 KB",
        ],
    ),
    "half precision": (
        lambda: torch.ao.quantization.quantize_dynamic(
            nn.Sequential(nn.Linear(4, 4)), {nn.Linear}, dtype=torch.float16
        ),
        [
            "root",
            "0 (Linear) weight:[4, 4] (frozen) bias:[4] (frozen) (float32)",
            "Sequential: 20 parameters, all frozen; float16 + float32, 48 bytes",
        ],
    ),
    "static": (
        static,
        [
            "root",
            "1 (ConvReLU2d) weight:[4, 3, 3, 3] (frozen) (qint8 per channel) bias:[4] (frozen) (float32)",
            "Sequential: 112 parameters, all frozen; qint8 per channel + float32, 188 bytes",
        ],
    ),
    "embedding": (
        embedding,
        [
            "root",
            "0 (Embedding) weight:[10, 4] (frozen) (quint8 per channel)",
            "1 (EmbeddingBag) weight:[10, 4] (frozen) (quint4x2 per channel)",
            "Sequential: 80 parameters, all frozen; quint8 per channel + quint4x2 per channel, 220 bytes",
        ],
    ),
}


@pytest.mark.parametrize(("factory", "lines"), NATIVE.values(), ids=NATIVE)
def test_torch_quantized_modules_show_their_packed_weights(factory, lines):
    assert drawn(factory()) == lines


def test_bitsandbytes_4bit_has_logical_shape_and_packed_bytes():
    bnb = pytest.importorskip("bitsandbytes")
    layer = bnb.nn.Linear4bit(64, 32, quant_type="nf4").to("cpu")
    weight, bias = capture(layer).root.parameters
    assert (weight.shape, weight.count, weight.dtype, weight.quantization) == ((32, 64), 2048, "uint8", "nf4")
    assert weight.stored_bytes == 1024 + 32 + 64 + (4 + 256 * 4) + 4  # scales (quantized again) and levels
    assert (bias.shape, bias.quantization) == ((32,), "")


def test_bitsandbytes_4bit_is_not_quantized_before_packing():
    bnb = pytest.importorskip("bitsandbytes")
    with torch.device("meta"):
        weight, _ = capture(bnb.nn.Linear4bit(64, 32)).root.parameters
    assert (weight.shape, weight.dtype, weight.quantization) == ((32, 64), "float32", "")


def test_bitsandbytes_8bit_stored_bytes_include_scales():
    bnb = pytest.importorskip("bitsandbytes")
    weight, _ = capture(bnb.nn.Linear8bitLt(64, 32, has_fp16_weights=False).to("cpu")).root.parameters
    assert (weight.shape, weight.dtype, weight.quantization) == ((32, 64), "int8", "int8")
    assert weight.stored_bytes == 32 * 64 + 32 * 4


class Params4bit(nn.Parameter):
    """A parameter whose type has the name that bitsandbytes uses: detection does not need the library."""

    quant_type = "fp4"
    quant_state = None


def test_packed_weight_without_state_has_shape_of_its_layer():
    layer = nn.Linear(8, 4, bias=False)
    layer.weight = Params4bit(torch.zeros(16, 1, dtype=torch.uint8), requires_grad=False)
    (weight,) = capture(layer).root.parameters
    assert (weight.shape, weight.count, weight.stored_bytes, weight.quantization) == ((4, 8), 32, 16, "fp4")


class PackedLinear(nn.Module):
    """A layer as in libraries for GPTQ and AWQ: eight 4-bit weights in each integer."""

    def __init__(self, outer=64, inner=128, group=32):
        super().__init__()
        self.in_features, self.out_features = inner, outer
        self.register_buffer("qweight", torch.zeros(inner // 8, outer, dtype=torch.int32))
        self.register_buffer("qzeros", torch.zeros(inner // group, outer // 8, dtype=torch.int32))
        self.register_buffer("scales", torch.zeros(inner // group, outer, dtype=torch.float16))
        self.bias = nn.Parameter(torch.zeros(outer, dtype=torch.float16), requires_grad=False)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_gptq_layer_counts_its_packed_matrix(device):
    with torch.device(device):
        _, weight = capture(PackedLinear()).root.parameters
    assert (weight.name, weight.shape, weight.count, weight.quantization) == ("qweight", (64, 128), 8192, "int4")
    assert weight.stored_bytes == 8192 // 2 + 4 * 8 * 4 + 4 * 64 * 2
    assert (weight.trainable, weight.device) == (False, device)


def test_qweight_without_scales_is_a_buffer():
    model = nn.Module()
    model.register_buffer("qweight", torch.zeros(3, dtype=torch.int32))
    model.in_features, model.out_features = 5, 7
    assert capture(model).root.parameters == ()


@pytest.mark.parametrize(("config", "scheme", "dtype"), [
    ("Int8WeightOnlyConfig", "int8", "bfloat16"),
    ("Float8WeightOnlyConfig", "float8_e4m3fn", "bfloat16"),
])  # fmt: skip
def test_torchao_tensor_has_logical_dtype_and_packed_bytes(config, scheme, dtype):
    quantization = pytest.importorskip("torchao.quantization")
    model = nn.Sequential(nn.Linear(128, 64, bias=False, dtype=torch.bfloat16))
    quantization.quantize_(model, getattr(quantization, config)())
    (weight,) = capture(model).modules[1].parameters
    assert (weight.shape, weight.count, weight.dtype, weight.quantization) == ((64, 128), 8192, dtype, scheme)
    assert 8192 <= weight.stored_bytes < 8192 * 1.1


class Wrapper(torch.Tensor):
    """A wrapper subclass of the form that torchao's have."""

    @staticmethod
    def __new__(cls, data, **_facts):
        return torch.Tensor._make_wrapper_subclass(cls, (4, 8), dtype=torch.bfloat16)

    def __init__(self, data, **facts):
        self.data_inside = data
        self.__dict__.update(facts)

    def __tensor_flatten__(self):
        return ["data_inside"], None

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        if function is torch.ops.aten.detach.default:
            return args[0]
        raise NotImplementedError(function)


def wrapped(name, inner, **facts):
    return type(name, (Wrapper,), {})(inner, **facts)


BYTES = torch.zeros(4, 8, dtype=torch.int8)
HALF_BYTES = torch.zeros(4, 4, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("tensor", "scheme"),
    [
        (wrapped("Int8Tensor", BYTES), "int8"),
        (wrapped("Int4TilePackedTo4dTensor", HALF_BYTES), "int4"),
        (wrapped("IntxUnpackedToInt8Tensor", BYTES, target_dtype=torch.int4), "int4"),
        (wrapped("NVFP4Tensor", HALF_BYTES), "nvfp4"),
        (wrapped("Packed", HALF_BYTES), "int4"),
        (wrapped("Quantized", BYTES), "int8"),
        (wrapped("Float8Tensor", torch.zeros(4, 8, dtype=torch.float8_e5m2)), "float8_e5m2"),
        (wrapped("LinearActivationTensor", wrapped("Int4Tensor", HALF_BYTES)), "int4"),
        (wrapped("Plain", torch.zeros(4, 8, dtype=torch.bfloat16)), ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.Tensor) else value,
)
def test_wrapper_is_named_by_its_scheme(tensor, scheme):
    model = nn.Module()
    model.weight = nn.Parameter(tensor, requires_grad=False)
    (weight,) = capture(model).root.parameters
    assert (weight.quantization, weight.shape, weight.dtype) == (scheme, (4, 8), "bfloat16")


def test_row_has_quantization_and_totals_have_stored_bytes():
    layer = nn.Linear(8, 4)
    layer.weight = Params4bit(torch.zeros(16, 1, dtype=torch.uint8), requires_grad=False)
    assert drawn(nn.Sequential(layer)) == [
        "root",
        "0 (Linear) weight:[4, 8] (frozen) (fp4) bias:[4] (float32)",
        "Sequential: 36 parameters, 4 trainable (11.1 %); fp4 + float32, 32 bytes",
    ]


@pytest.mark.builds  # `make test-libraries` runs it where the libraries are installed
def test_capture_imports_no_quantization_library():
    import subprocess

    code = "import sys, torch, bmvis; bmvis.capture(torch.nn.Linear(1, 1)); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"bitsandbytes", "torchao", "peft"} & set(loaded)
