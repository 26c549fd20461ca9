"""Calls of models in the worker process, and what pages show if a call fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bmvis.errors import InvalidReferenceError
from bmvis.options.parsing import parse_options
from bmvis.render.text import to_text
from bmvis.source.source import Source
from bmvis.view.layout import layout
from bmvis.view.page import Page
from bmvis.worker.protocol import ModelRequest

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
