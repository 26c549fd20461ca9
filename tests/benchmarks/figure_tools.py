"""Compare the architecture figures of bmvis with the graphs of other tools: `make bench ARGS=figures`.

Each tool runs with its defaults, on the meta device, and if it fails there, on the CPU. torchview and torchlens need
Graphviz's `dot`, torchlens also pandas and Pillow, and torchvista IPython. A tool that is not installed, or that fails,
has the reason in its row. Seconds are processor time, with that of `dot`.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from drawn_networks import MixtureOfExperts, ResNet18, UNet
from measuring import Target
from rich.console import Console
from rich.table import Table
from torch import nn

from bmvis.extraction.call import forward
from bmvis.extraction.modules import capture_live
from bmvis.options.definitions import Options
from bmvis.render.html.figure_image import to_image
from bmvis.view.figure.choice import drawn_figure

_MOST_PARAMETERS = 500_000_000
"""Maximum size of a model that is built on the CPU."""
Tool = Callable[[nn.Module, Mapping[str, torch.Tensor]], str]
_HEIGHT = re.compile(r'<svg[^>]*\sheight="([\d.]+)(pt)?"')


class _Result(NamedTuple):
    text: str
    seconds: float
    device: str

    @property
    def cells(self) -> tuple[str, ...]:
        """Return seconds, kilobytes, height in pixels, and number of boxes."""
        height = _HEIGHT.search(self.text) if "<html" not in self.text else None
        pixels = f"{float(height[1]) * (4 / 3 if height[2] else 1):,.0f}" if height else ""
        boxes = self.text.count('class="node"') or self.text.count("data-n=")
        size = len(self.text.encode()) / 1024
        return f"{self.seconds:.2f} ({self.device})", f"{size:,.0f}", pixels, str(boxes) if pixels else ""


def run(console: Console) -> Iterator[Target]:
    """Print a table, and yield what must be reached."""
    table = Table("Model", "Tool", "Seconds", "KB", "Height", "Boxes", title="Architecture figures")
    for name, (build, arguments) in _models().items():
        for tool, draw in _TOOLS.items():
            result = _tried(draw, build, arguments)
            table.add_row(name, tool, *(result.cells if isinstance(result, _Result) else (result,)))
            if tool == "bmvis":
                assert isinstance(result, _Result), result
                yield Target(f"{name}: KB of the figure", len(result.text) / 1024, 14)
        console.print(name)
    console.print(table)


def _models() -> dict[str, tuple[Callable[[], nn.Module], Mapping[str, torch.Tensor]]]:
    import transformers as t

    ids = torch.zeros(1, 8, dtype=torch.int64)
    image = torch.zeros(1, 3, 64, 64)
    return {
        "BERT": (lambda: t.BertModel(t.BertConfig()), {"input_ids": ids}),
        "T5": (
            lambda: t.T5ForConditionalGeneration(t.T5Config()),
            {"input_ids": ids, "decoder_input_ids": ids[:, :6].clone()},
        ),
        "Llama, 32 layers": (lambda: t.LlamaForCausalLM(t.LlamaConfig()), {"input_ids": ids}),
        "ResNet-18": (ResNet18, {"x": image}),
        "U-Net": (UNet, {"x": image}),
        "experts": (MixtureOfExperts, {"x": ids}),
    }


def _tried(draw: Tool, build: Callable[[], nn.Module], arguments: Mapping[str, torch.Tensor]) -> _Result | str:
    """Return the figure of a tool, or why it fails, on meta and if that fails on the CPU."""
    problem = ""
    for device in ("meta", "cpu"):
        with torch.device(device):
            model = build().eval()
        given = {name: tensor.to(device) for name, tensor in arguments.items()}
        start = _processor_time()
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                text = draw(model, given)
            return _Result(text, _processor_time() - start, device)
        except Exception as error:  # any error of a tool is a result
            if sum(parameter.numel() for parameter in model.parameters()) > _MOST_PARAMETERS:
                return f"too large for the CPU; on meta {type(error).__name__}"
            problem = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:60] if str(error).strip() else ''}"
    return problem


def _processor_time() -> float:
    """Return the seconds that this process and those that it started have computed."""
    return sum(os.times()[:4])


def _bmvis(model: nn.Module, arguments: Mapping[str, torch.Tensor]) -> str:
    traced = forward.trace_call(capture_live(model), [], arguments, dataflow=True)
    drawn, _ = drawn_figure(traced, Options(flow="auto"))
    assert drawn is not None
    assert drawn.drawing is not None
    return to_image(drawn.figure, drawn.drawing, "Architecture")


def _torchview(model: nn.Module, arguments: Mapping[str, torch.Tensor]) -> str:
    from torchview import draw_graph

    device = next(model.parameters()).device
    given: Any = dict(arguments) if len(arguments) > 1 else next(iter(arguments.values()))
    return draw_graph(model, input_data=given, device=device).visual_graph.pipe("svg").decode()


def _torchlens(model: nn.Module, arguments: Mapping[str, torch.Tensor]) -> str:
    import torchlens

    with tempfile.TemporaryDirectory() as folder:
        given: Any = (None, dict(arguments)) if len(arguments) > 1 else tuple(arguments.values())
        traced = torchlens.trace(model, *given)
        traced.draw(vis_outpath=f"{folder}/figure", vis_save_only=True, vis_fileformat="svg")
        return next(Path(folder).glob("*.svg")).read_text(encoding="utf-8")


def _torchvista(model: nn.Module, arguments: Mapping[str, torch.Tensor]) -> str:
    from torchvista import trace_model

    with tempfile.TemporaryDirectory() as folder:
        given: Any = dict(arguments) if len(arguments) > 1 else next(iter(arguments.values()))
        trace_model(model, given, export_format="html", export_path=f"{folder}/figure.html")
        return Path(folder, "figure.html").read_text(encoding="utf-8")


_TOOLS: Mapping[str, Tool] = {
    "bmvis": _bmvis,
    "torchview": _torchview,
    "torchlens": _torchlens,
    "torchvista": _torchvista,
}
