"""`inputs`: what one forward pass on the meta device says of each module."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bmvis.errors import InvalidReferenceError, OptionError
from bmvis.extraction.forward import make_tensors, trace_call
from bmvis.extraction.modules import capture
from bmvis.inputs import parse_inputs
from bmvis.model.tree import Model
from bmvis.option_parsing import parse_options
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
        return trace_call(model, capture(model), positional, named)


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


@pytest.mark.parametrize("name", ARCHITECTURES)
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


def test_a_linear_layer_multiplies_in_by_out_and_makes_its_output() -> None:
    found = traced(nn.Sequential(nn.Linear(8, 4, device="meta"), nn.ReLU()), "float32[2, 8]")
    calls = [module.call for module in found.modules]
    assert all(calls)
    assert [call.macs for call in calls if call] == [64, 64, 0]
    assert [call.bytes for call in calls if call] == [64, 32, 32]


class Odd(nn.Module):
    """Calls its modules against their order, one twice with different sizes, and one never."""

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


def test_text_says_what_each_module_returns_and_how_often_it_is_called() -> None:
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


def test_order_of_execution_puts_what_is_called_first_first_and_what_is_not_last() -> None:
    rows = page_of(odd(), "float32[3, 4]", order="execution").rows
    assert [row.path for row in rows if row.depth == 1] == ["first", "last", "spare"]


def test_blocks_whose_shapes_differ_stay_one_row_with_the_range() -> None:
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


def test_every_renderer_shows_the_shapes() -> None:
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
    }
    assert rows[3]["flow"]["calls"] == (0, 0)


def test_without_inputs_nothing_is_said() -> None:
    page = layout(capture(odd()), parse_options({}))
    assert page.call_summary is None
    assert all(row.call_summary is None for row in page.rows)


def test_a_model_is_left_as_it_was() -> None:
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


def test_a_model_that_raises_leaves_no_hooks() -> None:
    with pytest.raises(RuntimeError):
        traced(nn.Linear(4, 4, device="meta"), "float32[3, 5]")
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks


def test_a_shared_module_says_it_at_its_first_place() -> None:
    layer = nn.Linear(4, 4, device="meta")
    found = traced(nn.Sequential(layer, nn.ReLU(), layer), "float32[1, 4]")
    first, later = found.modules[1].call, found.modules[3].call
    assert first is not None
    assert (first.calls, first.macs) == (2, 32)
    assert later is None


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("input_ids", "does not take 'input_ids'"),
        ("x: flaot16[1]", "did you mean 'float16'"),
        ("x: float32", "does not take 'x: float32'"),
        ("x: float32[-1]", "does not take"),
        ("x: float32[1 2]", "shape"),
        ("x: float32[1]; x: float32[2]", "twice"),
        ("float32[99999999999]", "too large"),
        ("float32[1,1,1,1,1,1,1,1,1]", "too large"),
        (";".join(["int64[1]"] * 33), "33 tensors"),
        ("x" * 5000, "5,000 characters"),
        ("zoo:make(open('x'))", "cannot be read"),
        ("", "it takes tensors"),
    ],
)
def test_inputs_that_cannot_be_read_are_refused_with_an_example(written: str, says: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_options({"inputs": written})
    assert says in str(caught.value)


def test_order_of_execution_needs_inputs() -> None:
    with pytest.raises(OptionError, match="nothing is run"):
        parse_options({"order": "execution"})


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


def test_a_function_may_make_the_inputs(source: Source) -> None:
    page = shown(source, "flowing:linear", "flowing:make_inputs")
    assert not page.warnings
    assert page.call_summary is not None
    assert page.rows[0].call_summary is not None
    assert page.rows[0].call_summary.outputs[0].shape == (2, 4)


def test_what_makes_inputs_must_be_allowed(source: Source) -> None:
    with pytest.raises(InvalidReferenceError, match="is not allowed by"):
        source.answer(ModelRequest("flowing:linear", inputs="os:getcwd()"))


@pytest.mark.parametrize(
    "inputs", ["float32[1, 5]", "x: float32[1, 4]", "flowing:make_inputs(size=3)", "flowing:make_it"]
)
def test_a_model_that_cannot_be_called_is_drawn_with_a_warning(source: Source, inputs: str) -> None:
    page = shown(source, "flowing:linear", inputs)
    assert [row.path for row in page.rows] == ["", "0"]
    assert page.call_summary is None
    (warning,) = page.warnings
    assert warning.kind == "trace"
    assert warning.hint


def test_a_small_model_that_looks_at_values_is_called_on_the_cpu(source: Source) -> None:
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
        os._exit(3) if self.how == "exits" else time.sleep(60)
"""


@pytest.mark.parametrize(
    ("how", "cause"), [("exits", "ended with exit code 3"), ("hangs", "took longer than 10 s and was ended")]
)
def test_a_call_that_ends_the_process_costs_the_shapes_alone(tmp_path: Path, how: str, cause: str) -> None:
    (tmp_path / "ending.py").write_text(ENDING)
    with Source(tmp_path, path=["."], timeout=10) as source:
        page = shown(source, f"ending:Ending({how!r})", "float32[1, 2]")
    assert [row.path for row in page.rows] == ["", "layer"]
    (warning,) = page.warnings
    assert warning.message.startswith("the model could not be called: ")
    assert cause in warning.message


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one process")
def test_seventy_billion_parameters_take_no_memory(tmp_path: Path) -> None:
    (tmp_path / "flowing.py").write_text(ZOO)
    script = (
        "import re, torch, flowing\nfrom pathlib import Path\n"
        "from bmvis.extraction.modules import capture\nfrom bmvis.extraction.forward import trace_call\n"
        "with torch.device('meta'):\n    model = flowing.giant()\n    x = torch.zeros(1, 4096, 8192)\n"
        "found = trace_call(model, capture(model), [x], {})\n"
        "assert sum(p.numel() for p in model.parameters()) > 70e9\n"
        # Not getrusage: its peak is at least what the process that started this one had.
        "peak = re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1]\n"
        "print(found.root.call.macs, peak)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    macs, peak = map(int, ran.stdout.split())
    assert macs == 131 * 2 * 8192 * 32768 * 4096
    assert peak < 10**6, "kilobytes, torch's own included"
