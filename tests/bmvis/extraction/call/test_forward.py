"""Option `inputs`: what one forward pass on the meta device shows of each module."""

from __future__ import annotations

import random
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from small_models import mixtral
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bmvis.errors import InvalidReferenceError, OptionError
from bmvis.extraction.call.forward import make_tensors, trace_call
from bmvis.extraction.meta_device.fake_tensors import with_fake_tensors
from bmvis.extraction.modules import capture, capture_live
from bmvis.model.tree import Model
from bmvis.options.inputs import parse_inputs
from bmvis.options.parsing import parse_options
from bmvis.render.html.tree import to_html
from bmvis.render.json_data import to_data
from bmvis.render.latex import to_latex
from bmvis.render.text import to_text
from bmvis.source.source import Source
from bmvis.view.layout import layout
from bmvis.view.page import Page
from bmvis.worker.protocol import ModelRequest

IDS = "input_ids: int64[1, 16]"


def traced(model: nn.Module, inputs: str, device: str = "meta") -> Model:
    written = parse_inputs(inputs)
    assert isinstance(written, tuple)
    positional, named = make_tensors(written, device)
    with torch.device(device):
        return trace_call(capture_live(model), positional, named)


def page_of(model: nn.Module, inputs: str, **options: str) -> Page:
    return layout(traced(model, inputs), parse_options({"inputs": inputs, **options}))


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


class Odd(nn.Module):
    """Calls its modules in another order, one of them twice with different sizes, and one never."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(4, 2)
        self.first = nn.Linear(4, 4)
        self.spare = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor | None]:
        x = self.first(self.first(x)[:1])
        return {"logits": self.last(x), "hidden": x, "loss": None}


def odd() -> nn.Module:
    with torch.device("meta"):
        return Odd()


def test_text_has_output_shapes_and_call_counts() -> None:
    assert to_text(page_of(odd(), "float32[3, 4]")).splitlines() == [
        "root → logits:[1, 2] hidden:[1, 4]",
        "├── last (Linear) weight:[2, 4] bias:[2] → [1, 2]",
        "├── first (Linear) weight:[4, 4] bias:[4] → [1-3, 4] (called 2 times)",
        "└── spare (Sequential) (not called)",
        "    └── 0-1(Linear) weight:[4, 4] bias:[4]",
        "",
        "Odd: 70 parameters, all trainable; float32, 280 bytes",
        "one call: 72 MACs, 72 bytes computed",
    ]


class Keywords(nn.Module):
    """Passes tensors by position, by keyword and in containers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Mixed()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x, 3, mask=x[:, :1], pair=(x[0], None)) + self.inner(x[:1], 3, mask=x, pair=(x[0], None))


class Mixed(nn.Module):
    def forward(self, x: torch.Tensor, n: int, mask: torch.Tensor, pair: tuple[torch.Tensor, None]) -> torch.Tensor:
        return x + mask.sum()


def test_inputs_are_the_tensors_among_the_arguments_of_all_calls() -> None:
    call = traced(Keywords(), "float32[2, 4]").modules[1].call
    assert call is not None
    assert [(one.name, one.shape, one.most) for one in call.inputs] == [
        ("", (1, 4), (2, 4)),
        ("mask", (2, 1), (2, 4)),
        ("pair", (4,), ()),
    ]


def test_execution_order_sorts_by_first_call() -> None:
    rows = page_of(odd(), "float32[3, 4]", order="execution").rows
    assert [row.path for row in rows if row.depth == 1] == ["first", "last", "spare"]


def test_folded_row_shows_range_of_output_shapes() -> None:
    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, stride=2, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x)

    with torch.device("meta"):
        model = nn.Sequential(*(Pooled() for _ in range(3)))
    lines = to_text(page_of(model, "float32[1, 3, 32, 32]")).splitlines()
    assert "0-2(Pooled) → [1, 3, 4-16, 4-16]" in lines[1]


def test_every_format_shows_output_shapes() -> None:
    page = page_of(odd(), "float32[3, 4]")
    html = to_html(page, "odd")
    assert 'class="bmvis-flow" title="32 MACs' not in html.partition("first")[0]
    assert "→ [1-3, 4]" in html
    assert "MACs" in html
    assert r"$\rightarrow$ {[}1," in to_latex(page)
    rows = to_data(page, "zoo:odd", "meta")["rows"]
    assert rows[1]["flow"] == {
        "outputs": [{"name": "", "shape": (1, 2)}],
        "calls": (1, 1),
        "macs": (8, 8),
        "bytes": (8, 8),
        "inputs": [{"name": "", "shape": (1, 4)}],
    }
    assert rows[3]["flow"]["calls"] == (0, 0)


def test_modules_have_no_calls_without_inputs() -> None:
    page = layout(capture(odd()), parse_options({}))
    assert page.call_summary is None
    assert all(row.call_summary is None for row in page.rows)


def test_forward_leaves_the_model_unchanged() -> None:
    model = nn.Sequential(OrderedDict(a=nn.Linear(4, 4), b=nn.BatchNorm1d(4), c=nn.Dropout(0.5)))
    model.b.eval()  # type: ignore[union-attr]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state, numbers = torch.get_rng_state(), random.getstate()
    traced(model, "float32[3, 4]", "cpu")
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == numbers
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks
    assert all(parameter.grad is None for parameter in model.parameters())


def test_failed_forward_leaves_no_hooks() -> None:
    with pytest.raises(RuntimeError):
        traced(nn.Linear(4, 4, device="meta"), "float32[3, 5]")
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks


def test_calls_of_shared_module_are_at_its_first_place() -> None:
    layer = nn.Linear(4, 4, device="meta")
    found = traced(nn.Sequential(layer, nn.ReLU(), layer), "float32[1, 4]")
    first, later = found.modules[1].call, found.modules[3].call
    assert first is not None
    assert (first.calls, first.macs) == (2, 32)
    assert later is None


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("input_ids", "invalid tensor 'input_ids'"),
        ("x: flaot16[1]", "did you mean 'float16'"),
        ("float[1, 3]", "did you mean 'float32'"),
        ("ids: int[1]", "did you mean 'int64'"),
        ("[1, 3, 32, 32]", "add the data type: float32[1, 3, 32, 32], or int64[1, 3, 32, 32] for token ids"),
        ("(1, 128)", "add the data type: float32[1, 128]"),
        ("x: 1, 128", "add the data type: x: float32[1, 128], or x: int64[1, 128]"),
        ("1x3x32", "add the data type: float32[1, 3, 32], or int64[1, 3, 32] for token ids"),
        ("x = 1, 128", "add the data type: x: float32[1, 128], or x: int64[1, 128]"),
        ("x=float32[1, 3]", "did you mean 'x: float32[1, 3]'?"),
        ("float32(1, 3)", "did you mean 'float32[1, 3]'?"),
        ("int64[1 x 128]", "did you mean 'int64[1, 128]'?"),
        ("x: float32[1], y: float32[2]", "(write ; between tensors)"),
        ("x: float32[1, 3", "write input_ids: int64[1, 128]"),
        ("'x: float32[1, 3]; y: int64[1]'", "(remove the quotes)"),
        ('"zoo:make_inputs"', "(remove the quotes)"),
        ("x: float32", "invalid tensor 'x: float32'"),
        ("x: float32[-1]", "invalid tensor"),
        ("x: float32[1 2]", "shape"),
        ("x: float32[1]; x: float32[2]", "duplicate name"),
        ("float32[99999999999]", "too large"),
        ("float32[1,1,1,1,1,1,1,1,1]", "too large"),
        (";".join(["int64[1]"] * 33), "33 tensors"),
        ("x" * 5000, "5,000 characters"),
        ("zoo:make(open('x'))", "cannot parse option 'inputs'"),
        ("", "expected tensors"),
    ],
)
def test_invalid_inputs_are_rejected(written: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_options({"inputs": written})
    assert message in str(caught.value)


@pytest.mark.parametrize("inputs", ["", "float32[3, 4]"], ids=["nowhere", "of the model"])
def test_execution_order_requires_inputs_of_the_page_or_the_model(inputs: str) -> None:
    live = capture_live(odd())
    tree = traced(odd(), inputs) if inputs else live.tree
    page = layout(tree, parse_options({"order": "execution"}))
    messages = [str(warning).partition(" (")[0] for warning in page.warnings]
    assert messages == ([] if inputs else ["the option order=execution requires 'inputs'"])
    assert page.missing == (() if inputs else ("call",))


ZOO = """
import torch
from torch import nn

class Values(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
    def forward(self, x):
        return self.layer(x) if x.sum().item() == 0 else x

def linear():
    return nn.Sequential(nn.Linear(4, 4))

def values():
    return Values()

def giant():
    block = lambda: nn.Sequential(nn.Linear(8192, 32768, bias=False), nn.Linear(32768, 8192, bias=False))
    return nn.Sequential(*(block() for _ in range(131)))

def make_inputs(size=4):
    return {"input": torch.zeros(2, size)}
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:  # type: ignore[misc]
    folder = tmp_path_factory.mktemp("trace")
    (folder / "flowing.py").write_text(ZOO)
    with Source(
        folder, path=["."], allow=["flowing:linear", "flowing:values", "flowing:giant", "flowing:make_*"]
    ) as made:
        yield made  # type: ignore[misc]


def shown(source: Source, reference: str, inputs: str) -> Page:
    return layout(source.answer(ModelRequest(reference, inputs=inputs)).model, parse_options({"inputs": inputs}))


def test_inputs_accepts_a_function(source: Source) -> None:
    page = shown(source, "flowing:linear", "flowing:make_inputs")
    assert not page.warnings
    assert page.call_summary is not None
    assert page.rows[0].call_summary is not None
    assert page.rows[0].call_summary.outputs[0].shape == (2, 4)


def test_inputs_function_must_be_allowed(source: Source) -> None:
    with pytest.raises(InvalidReferenceError, match="is not allowed by"):
        source.answer(ModelRequest("flowing:linear", inputs="os:getcwd()"))


@pytest.mark.parametrize(
    "inputs", ["float32[1, 5]", "x: float32[1, 4]", "flowing:make_inputs(size=3)", "flowing:make_it"]
)
def test_failed_forward_draws_the_model_with_a_warning(source: Source, inputs: str) -> None:
    page = shown(source, "flowing:linear", inputs)
    assert [row.path for row in page.rows] == ["", "0"]
    assert page.call_summary is None
    (warning,) = page.warnings
    assert warning.kind == "trace"
    assert warning.hint


def test_small_model_that_reads_values_is_called_on_the_cpu(source: Source) -> None:
    built = source.answer(ModelRequest("flowing:values", inputs="float32[1, 4]"))
    assert built.model.device == "cpu"
    assert built.model.untraced is None
    assert "built on the CPU" in built.model.notes[0]
    on_meta = source.answer(ModelRequest("flowing:values", "meta", inputs="float32[1, 4]"))
    assert on_meta.model.untraced is not None


ENDING = """
import os, time
from torch import nn

class Ending(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how, self.layer = how, nn.Linear(2, 2)
    def forward(self, x):
        os._exit(3) if self.how == "exits" else time.sleep(600)
"""


@pytest.mark.parametrize(
    ("how", "timeout", "cause"),
    [("exits", 300, "ended with exit code 3"), ("hangs", 20, "timed out after 20 s")],
    ids=["exits", "hangs"],
)
def test_forward_that_ends_the_process_loses_only_the_shapes(
    tmp_path: Path, how: str, timeout: float, cause: str
) -> None:
    (tmp_path / "ending.py").write_text(ENDING)
    with Source(tmp_path, path=["."], timeout=timeout) as source:
        page = shown(source, f"ending:Ending({how!r})", "float32[1, 2]")
    assert [row.path for row in page.rows] == ["", "layer"]
    (warning,) = page.warnings
    assert warning.message.startswith("the model could not be called: ")
    assert cause in warning.message


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of one process")
def test_forward_of_70b_parameters_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "flowing.py").write_text(ZOO)
    with Source(tmp_path, path=["."], memory=500_000_000) as source:
        page = shown(source, "flowing:giant", "float32[1, 4096, 8192]")
    assert page.totals.count > 70e9
    assert not page.warnings
    assert page.call_summary is not None
    assert set(page.call_summary.macs) == {131 * 2 * 8192 * 32768 * 4096}


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


HIGHER_ORDER = {
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


class Refusing(nn.Module):
    """Fails under any dispatch mode."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        from torch.utils._python_dispatch import _get_current_dispatch_mode

        if _get_current_dispatch_mode() is not None:
            raise RuntimeError("no modes here")
        found: torch.Tensor = self.layer(x)
        return found


def test_model_that_fails_under_dispatch_mode_has_shapes() -> None:
    with torch.device("meta"):
        model = Refusing()
    found = traced(model, "float32[2, 4]")
    assert [module.call.outputs[0].shape for module in found.modules if module.call] == [(2, 4), (2, 4)]
    text = to_text(layout(found, parse_options({"inputs": "float32[2, 4]"})))
    assert "one call: MACs not counted" in text
    assert "0 MACs" not in text


@pytest.mark.parametrize("is_drawn", [False, True])
def test_figure_of_a_model_that_fails_under_dispatch_mode_is_reported(is_drawn: bool) -> None:
    with torch.device("meta"):
        live = capture_live(Refusing())
        found = trace_call(live, (torch.zeros(2, 4),), {}, dataflow=is_drawn)
    assert found.dataflow is None
    page = layout(found, parse_options({"flow": "auto"} if is_drawn else {}))
    what = "the operations of the call could not be recorded: it raised RuntimeError"
    assert [str(one) for one in page.warnings] == (
        [f"{what} (remove the option flow, as there is no figure)"] if is_drawn else []
    )


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pre = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
        self.post = nn.Linear(4, 2)
        self.spare = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.post(self.pre(x))
        return found


def test_modules_inside_torchscript_are_not_marked_uncalled() -> None:
    found = traced(Scripted(), "float32[1, 4]", "cpu")
    calls = {path: module.call for path, module in zip(found.paths, found.modules, strict=True)}
    assert calls["pre.0"] is None
    assert calls["pre.1"] is None
    assert calls["spare"] is not None
    assert calls["spare"].calls == 0
    assert traced(torch.jit.script(nn.Sequential(nn.Linear(4, 4))), "float32[1, 4]", "cpu").modules[1].call is None


class Returning(nn.Module):
    def __init__(self, value: object) -> None:
        super().__init__()
        self.make = value

    def forward(self, x: torch.Tensor) -> object:
        return self.make(x)  # type: ignore[operator]


OUTPUTS = {
    "list": (lambda x: [x, x[0], None], [("", (2, 4)), ("", (4,))]),
    "nested": (lambda x: (x, (x[0], x[0, 0])), [("", (2, 4)), ("", (4,)), ("", ())]),
    "list of dictionaries": (lambda x: [{"boxes": x, "labels": x[:, 0]}], [("boxes", (2, 4)), ("labels", (2,))]),
    "tuple in a dictionary": (lambda x: {"states": (x, x[0])}, [("states", (2, 4)), ("states", (4,))]),
    "no tensor": (lambda x: "text", []),
    "deep": (lambda x: [[[[[[[[[[x]]]]]]]]]], []),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_call_records_every_tensor_of_the_output(name: str) -> None:
    make, expected = OUTPUTS[name]
    call = traced(Returning(make), "float32[2, 4]").root.call
    assert call is not None
    assert [(output.name, output.shape) for output in call.outputs] == expected


def test_row_shows_three_outputs_and_the_number_of_others() -> None:
    page = page_of(Returning(lambda x: [x] * 5), "float32[2, 4]")
    assert to_text(page).splitlines()[0] == "root → [2, 4] [2, 4] [2, 4] … 2 more"


def test_outputs_of_several_calls_are_matched_by_order() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair = Returning(lambda x: (x, x[0]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.pair(x)[0]
            return self.pair(found[:1])[0]  # type: ignore[no-any-return]

    (pair,) = traced(Twice(), "float32[3, 4]").modules[1:]
    assert pair.call is not None
    assert [(output.shape, output.most) for output in pair.call.outputs] == [((1, 4), (3, 4)), ((4,), ())]


def test_forward_initializes_lazy_modules() -> None:
    model = nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(10))
    found = traced(model, "float32[1, 3, 8, 8]", "cpu")
    assert sum(p.count for module in found.modules for p in module.parameters) == 224 + 16 + 2890
    assert found.notes == ("lazy modules inferred their shapes from `inputs`",)
    assert found.modules[1].type == "Conv2d"


@pytest.mark.builds
def test_inputs_are_on_the_device_of_an_offloaded_model(source: Source, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    (tmp_path / "offloaded.py").write_text(
        "from accelerate import cpu_offload\nfrom torch import nn\n\n"
        "def net():\n    return cpu_offload(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)), execution_device='cpu')\n"
    )
    with Source(tmp_path, path=["."]) as models:
        page = shown(models, "offloaded:net", "float32[1, 4]")
    assert not page.warnings
    assert to_text(page).splitlines()[0] == "root → [1, 2]"
    assert "48 MACs" in to_text(page)


def test_hint_of_a_forward_that_needs_a_gpu_is_not_about_inputs(tmp_path: Path) -> None:
    (tmp_path / "moving.py").write_text(
        "from torch import nn\n\nclass Net(nn.Linear):\n"
        "    def forward(self, x):\n        return super().forward(x.to('cuda'))\n\ndef net():\n    return Net(4, 2)\n"
    )
    with Source(tmp_path, path=["."]) as models:
        (warning,) = shown(models, "moving:net", "float32[1, 4]").warnings
    assert warning.hint.startswith("no GPU is needed")


@pytest.mark.parametrize(
    ("inputs", "hint"),
    [
        ("x: float32[1, 4]", "forward() takes input: use these names, or leave the name out"),
        ("float32[1, 5]", "change the option inputs; the tree has no output shapes and no MACs"),
    ],
)
def test_hint_lists_parameters_of_forward(source: Source, inputs: str, hint: str) -> None:
    (warning,) = shown(source, "flowing:linear", inputs).warnings
    assert warning.hint == hint


def test_forward_warning_has_no_memory_address(tmp_path: Path) -> None:
    (tmp_path / "address.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x):\n        raise ValueError(object())\n"
    )
    with Source(tmp_path, path=["."]) as models:
        (warning,) = shown(models, "address:Net", "float32[1]").warnings
    assert warning.message.endswith("it raised ValueError: <object object>")


def test_dataflow_of_a_call_with_fake_tensors() -> None:
    class Sliced(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)

        def forward(self, x):
            rows = self.a(x)[:, :2]
            return rows.sum() if bool((x == 0).sum().device.type == "cpu") else rows

    live = capture_live(Sliced().to("meta"))
    with with_fake_tensors(live) as fake, torch.device("cpu"):
        traced = trace_call(fake, [torch.zeros(2, 4)], {}, dataflow=True)
    assert traced.dataflow is not None
    assert traced.root.call is not None
    assert traced.root.call.uncounted == ()


def test_changes_by_a_call_with_fake_tensors_leave_the_facts_of_the_other_tensors() -> None:
    class Switches(nn.Module):
        """Replaces its attention if the input is short, as BigBird does."""

        def __init__(self) -> None:
            super().__init__()
            self.long = nn.Linear(4, 4)
            self.frozen = nn.Linear(4, 4).requires_grad_(False)
            self.used = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if hasattr(self, "long"):
                self.short = nn.Sequential(self.long, nn.Linear(4, 4))
                del self.long
            return self.short(x) + self.frozen(x) @ self.used.weight

    live = capture_live(Switches().to("meta"))
    with with_fake_tensors(live) as fake, torch.device("cpu"):
        tree = trace_call(fake, [torch.zeros(2, 4)], {})
    parameters = {path: module.parameters for path, module in zip(tree.paths, tree.modules, strict=True)}
    assert {path: own[0].trainable for path, own in parameters.items() if own} == {
        "frozen": False, "used": True, "short.0": True, "short.1": True,
    }  # fmt: skip
    assert {own[0].device for path, own in parameters.items() if own and path != "short.1"} == {"meta"}
    assert [module.name for module in tree.modules if module.call and not module.call.calls] == []
