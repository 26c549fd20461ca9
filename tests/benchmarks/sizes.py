"""Time and memory for each module of models that grow a thousandfold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from measuring import Target, cpu_seconds, peak_bytes
from rich.console import Console
from rich.table import Table
from torch import nn

from bmvis.extraction.modules import capture
from bmvis.options.definitions import Fold, Options
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

SIZES = (1_000, 10_000, 100_000, 1_000_000)
FOLDED_SIZES = (5_000, 50_000)
"""Modules of models whose blocks differ in sizes."""


def run(console: Console) -> Iterator[Target]:
    table = Table("modules", "seconds", "µs per module", "bytes of memory per module", title="Models that grow")
    per_module: dict[int, float] = {}
    memory: dict[int, float] = {}
    for size in SIZES:
        model = grown(size)
        modules = sum(1 for _ in model.modules())
        taken = min(cpu_seconds(lambda model=model: _draw(model)) for _ in range(2 if size > 100_000 else 5))
        per_module[size] = taken / modules
        memory[size] = peak_bytes(lambda model=model: _draw(model)) / modules
        table.add_row(f"{modules:,}", f"{taken:.3f}", f"{per_module[size] * 1e6:.1f}", f"{memory[size]:.0f}")
    console.print(table)
    yield Target("time per module at 1e6, to that at 1e4", per_module[1_000_000] / per_module[10_000], 1.3)
    yield Target("bytes of memory per module, at most seen", max(memory.values()), 2000)
    yield from map(_folding, get_args(Fold))


def _folding(fold: Fold) -> Target:
    """Return how the time for each module grows with the number of blocks, no two of which are equal."""
    per_module = []
    for size in FOLDED_SIZES:
        model = capture(grown(size, widths=size))
        taken = min(cpu_seconds(lambda model=model: layout(model, Options(fold=fold))) for _ in range(3))
        per_module.append(taken / len(model.modules))
    return Target(f"time per module at 50,000, to that at 5,000, with fold: {fold}", per_module[1] / per_module[0], 1.5)


def grown(modules: int, widths: int = 2) -> nn.Module:
    """Return a model of blocks of ten modules. They have `widths` different widths, which alternate."""
    return nn.Sequential(*(_block(4 * (1 + index % widths)) for index in range(modules // 10)))


def _block(width: int) -> nn.Module:
    linears = {name: nn.Linear(width, width, device="meta") for name in ("query", "key", "value", "output")}
    return nn.ModuleDict(
        {
            "attention": nn.ModuleDict(linears),
            "norm": nn.LayerNorm(width, device="meta"),
            "mlp": nn.Sequential(nn.Linear(width, width, device="meta"), nn.GELU()),
        }
    )


def _draw(model: nn.Module) -> str:
    return to_html(layout(capture(model), Options()), "model")
