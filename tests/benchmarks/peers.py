"""Compare bmvis with other tools that show a model: the same meta models, in one process, in turns."""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import torch
from measuring import Target, interleaved, peak_bytes
from rich.console import Console
from rich.table import Table
from torch import nn

from bmvis.extraction.modules import capture
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.text import to_text
from bmvis.view.layout import layout

Tool = Callable[[nn.Module], str]
FIGURES = Path(__file__).parents[2] / "demo_docs" / "peers.json"
"""The figures of the page about benchmarks. `demo_docs/generated.py` makes its tables from them."""
PEERS = ("bigmodelvis", "torchinfo", "marimo", "treescope")
MAX_TIME_TO_BIGMODELVIS = 1.25
"""bigmodelvis reads names and shapes. bmvis also reads ties, settings, hooks, configurations, and code that changes the
state dict, which takes half of its time."""
MIN_TIME_OF_TREESCOPE = 20
"""The ratio for BERT, where reading the model takes most of the time, is a third of those for larger models."""


def run(console: Console) -> Iterator[Target]:
    tools = _tools()
    figures = {}
    for name, model in _models().items():
        drawn = {tool: draw(model) for tool, draw in tools.items()}
        times = interleaved({tool: lambda draw=draw, model=model: draw(model) for tool, draw in tools.items()})
        memory = {tool: peak_bytes(lambda draw=draw, model=model: draw(model)) for tool, draw in tools.items()}
        console.print(_table(name, model, drawn, times, memory))
        yield Target(
            f"{name}: time as text, to bigmodelvis'",
            times["bmvis text"] / times["bigmodelvis"],
            MAX_TIME_TO_BIGMODELVIS,
        )
        yield Target(
            f"{name}: treescope's time to ours",
            times["treescope"] / times["bmvis html"],
            MIN_TIME_OF_TREESCOPE,
            "at least",
        )
        sizes = {tool: len(text.encode()) for tool, text in drawn.items()}
        figures[name] = {"modules": sum(1 for _ in model.modules()), "seconds": times, "bytes": sizes}
        yield Target(f"{name}: marimo's HTML to ours", sizes["marimo"] / sizes["bmvis html"], 10, "at least")
        yield Target(f"{name}: treescope's HTML to ours", sizes["treescope"] / sizes["bmvis html"], 5, "at least")
    _write_figures(figures)


def _write_figures(figures: Mapping[str, object]) -> None:
    programs = {name: version(name) for name in ("bmvis", *PEERS, "torch", "transformers")}
    versions = {"python": platform.python_version(), **programs}
    FIGURES.write_text(json.dumps({"versions": versions, "models": figures}, indent=2) + "\n")


def _models() -> dict[str, nn.Module]:
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    import transformers as t

    with torch.device("meta"):
        return {
            "BERT": t.BertForMaskedLM(t.BertConfig()),
            "Llama-70B": t.LlamaForCausalLM(
                t.LlamaConfig(
                    hidden_size=8192,
                    intermediate_size=28672,
                    num_hidden_layers=80,
                    num_attention_heads=64,
                    num_key_value_heads=8,
                )
            ),
            "DeepSeek-V3": t.DeepseekV3ForCausalLM(t.DeepseekV3Config()),
            "Switch, 128 experts": t.SwitchTransformersForConditionalGeneration(
                t.SwitchTransformersConfig(
                    num_layers=12,
                    num_sparse_encoder_layers=6,
                    num_decoder_layers=12,
                    num_sparse_decoder_layers=6,
                    num_experts=128,
                )
            ),
        }


def _tools() -> dict[str, Tool]:
    import bigmodelvis
    import torchinfo
    import treescope
    from marimo._output.formatters.pytorch_formatters import format as marimo_html

    def bigmodelvis_text(model: nn.Module) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as written:
            bigmodelvis.Visualization(model).structure_graph()
        return written.getvalue()

    def torchinfo_text(model: nn.Module) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(torchinfo.summary(model, verbose=0, depth=100))

    return {
        "bmvis text": lambda model: to_text(layout(capture(model), Options())),
        "bmvis html": lambda model: to_html(layout(capture(model), Options()), "model"),
        "bigmodelvis": bigmodelvis_text,
        "torchinfo": torchinfo_text,
        "marimo": lambda model: marimo_html(model).text,
        "treescope": treescope.render_to_html,
    }


def _table(
    name: str, model: nn.Module, drawn: dict[str, str], times: dict[str, float], memory: dict[str, int]
) -> Table:
    modules = sum(1 for _ in model.modules())
    table = Table(
        "tool",
        "seconds",
        "to bmvis",
        "peak memory",
        "to bmvis",
        "bytes",
        "to bmvis",
        title=f"{name}, {modules:,} modules",
    )
    for tool, text in drawn.items():
        ours = "bmvis html" if tool in ("bmvis html", "marimo", "treescope") else "bmvis text"
        size, own = len(text.encode()), len(drawn[ours].encode())
        table.add_row(
            tool,
            f"{times[tool]:.4f}",
            f"{times[tool] / times[ours]:.2f}",
            f"{memory[tool] / 1e6:.2f} MB",
            f"{memory[tool] / memory[ours]:.2f}",
            f"{size:,}",
            f"{size / own:.1f}",
        )
    return table
