"""Builds of sites after an edit, and without one, compared with floors: pasted HTML, and a bare `import torch`.

Processor time, in turns. The figures of a run are written to the file that the manual shows.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from live_sites import HOSTS, SERVED, Site, gallery, tree, write_site
from measuring import Target, child_cost
from rich.console import Console
from rich.table import Table
from serving import latencies

TREES, ROUNDS = 30, 3
UNCHANGED_ROUNDS, LARGE_ROUNDS = 25, 9
"""Numbers of pairs of builds without a change: of the small sites, which cost hardly more than their floor, and of the
large ones."""
PASTED = "pasted HTML"
LIMIT = 1.15
"""Time of a build without a change, to that of pasted HTML. Runs on one machine differ by 0.02."""
LARGE_ON_PAGE = 1000
"""Number of trees of the large site that the page describes."""
LARGE = int(os.environ.get("BMVIS_BENCH_TREES", str(LARGE_ON_PAGE)))
"""Number of trees of the large site, 20 on a page; the gallery has a third of it. Another one writes no figures."""
FIGURES = Path(__file__).parents[2] / "demo_docs" / "builds.json"
SHARED = "from torch import nn\n\ndef block(width):\n    return nn.TransformerEncoderLayer(64, 4, width)\n"
LEAF = """from shared_blocks import block
from torch import nn

def build(width={width}):
    return nn.TransformerEncoder(block(width), 12, enable_nested_tensor=False)
"""
UNCHANGED = ("no change", "comment edited", "no change, one tree broken")
"""The cases that must cost hardly more than the site with pasted HTML."""
BROKEN = "def build():\n    raise ValueError('no weights')\n"
Seconds = dict[str, float]


def run(console: Console) -> Iterator[Target]:
    torch = min(child_cost([sys.executable, "-c", "import torch"], Path.cwd())[0] for _ in range(ROUNDS))
    figures: dict[str, dict[str, Seconds]] = {"edits": {}, "ratios": {}, "large": {}, "gallery": {}, "serve": {}}
    with tempfile.TemporaryDirectory(prefix="bmvis-bench-") as temporary:
        folder = Path(temporary)
        for host in HOSTS:
            console.print(f"{host}: {TREES} trees")
            figures["edits"][host], figures["ratios"][host] = _edits(host, folder / host)
            console.print(f"{host}: {LARGE} trees, and a gallery of {LARGE // 3} models")
            figures["large"][host] = _unchanged(_large(host, folder / f"large-{host}"))
            figures["gallery"][host] = _unchanged(_gallery(host, folder / f"gallery-{host}"))
        for host in SERVED:
            console.print(f"{host}: preview server")
            figures["serve"][host] = latencies(host, folder / f"serve-{host}")
        check = _check(folder / "check")
    if LARGE == LARGE_ON_PAGE:
        _write_figures(figures, torch, check)
    console.print(_table(figures["edits"], torch), _unchanged_table(figures), _serve_table(figures["serve"]))
    yield from _targets(figures, torch)
    yield Target("bmvis check of an unchanged project, in seconds", check, 0.5)


def _targets(figures: Mapping[str, Mapping[str, Seconds]], torch: float) -> Iterator[Target]:
    for host in HOSTS:
        seconds = figures["edits"][host]
        for case in UNCHANGED:
            yield Target(f"{host}: {case}, to the site with pasted HTML", figures["ratios"][host][case], LIMIT)
        leaf = seconds["leaf edited"] - seconds["text edited"] - torch
        yield Target(f"{host}: leaf edited, seconds above edited text and import torch", leaf, 1.0)
        for part, limit in (("large", LIMIT), ("gallery", 1.2)):
            yield Target(f"{host}: {part} site without a change, to pasted HTML", figures[part][host]["time"], limit)
            yield Target(f"{host}: memory of that build, to pasted HTML", figures[part][host]["memory"], 1.2)
    for host, serve in figures["serve"].items():
        for case in ("small model", "transformers model"):
            yield Target(f"{host} preview: {case}, seconds above edited text", serve[case] - serve["text"], 1.2)


def _edits(host: str, folder: Path) -> tuple[Seconds, Seconds]:
    """Return the minimum processor seconds of the build after each edit.

    Builds without an edit have their ratio to pasted HTML, too. The edits stay: each one is another one.
    """
    pages = [tree(host, f"leaf_{number}:build", f"tree-{number}") for number in range(TREES)]
    _write_models(folder / "live")
    live = write_site(host, folder / "live", pages)
    first = live.build()[0]
    pasted = live.pasted(folder / "pasted")
    pasted.build()
    leaf, shared, text = live.folder / "leaf_0.py", live.folder / "shared_blocks.py", live.page(1)
    edits: dict[str, Callable[[int], object]] = {
        "text edited": lambda number: text.write_text(f"{text.read_text()}\nText {number}.\n"),
        "leaf edited": lambda number: leaf.write_text(LEAF.format(width=4_000 + number)),
        "shared module edited": lambda number: shared.write_text(f"{shared.read_text()}N = {number}\n"),
    }
    cheap: dict[str, Callable[[int], object]] = {
        "no change": lambda number: None,
        "comment edited": lambda number: shared.write_text(f"{shared.read_text()}# {number}\n"),
    }
    times = _times(live, edits, ROUNDS)
    unchanged, ratios = _unchanged_times(live, pasted, cheap)
    leaf.write_text(BROKEN)
    live.build()
    broken, ratios_with_broken = _unchanged_times(live, pasted, {UNCHANGED[-1]: lambda number: None})
    order = (PASTED, "no change", "text edited", "comment edited", "leaf edited", "shared module edited", UNCHANGED[-1])
    known = broken | times | unchanged
    return {name: known[name] for name in order} | {"first build": first}, ratios | ratios_with_broken


def _unchanged_times(
    live: Site, pasted: Site, edits: Mapping[str, Callable[[int], object]]
) -> tuple[Seconds, dict[str, float]]:
    """Return the minimum seconds of builds that cost hardly more than those of the site with pasted HTML, and of these.

    Returns:
        The seconds, and the ratio of each build to that of the site with pasted HTML.
    """
    rounds: dict[str, list[float]] = {PASTED: []}
    for number in range(UNCHANGED_ROUNDS):
        rounds[PASTED].append(pasted.build()[0])
        for name, taken in _times(live, edits, 1, first=number).items():
            rounds.setdefault(name, []).append(taken)
    ratios = {name: _ratio(rounds[name], rounds[PASTED]) for name in edits}
    return {name: min(taken) for name, taken in rounds.items()}, ratios


def _ratio(ours: Sequence[float], floor: Sequence[float]) -> float:
    """Return the median of the ratios of pairs of measurements.

    On a busy machine, it varies a third as much from run to run as the ratio of the minima.
    """
    return median(one / other for one, other in zip(ours, floor, strict=True))


def _times(live: Site, edits: Mapping[str, Callable[[int], object]], rounds: int, first: int = 0) -> Seconds:
    """Return the minimum seconds of the build after each edit, in turns."""
    found = dict.fromkeys(edits, math.inf)
    for number in range(first, first + rounds):
        for name, edit in edits.items():
            edit(number)
            found[name] = min(found[name], live.build()[0])
    return found


def _large(host: str, folder: Path) -> Site:
    """Return a site of many named trees, each of another model."""
    trees = [tree(host, f"leaf_0:build(width={number + 1})", f"tree-{number}") for number in range(LARGE)]
    _write_models(folder / "live")
    return write_site(host, folder / "live", ["\n".join(trees[start : start + 20]) for start in range(0, LARGE, 20)])


def _gallery(host: str, folder: Path) -> Site:
    references = [f"leaf_0:build(width={number + 1})" for number in range(max(LARGE // 3, 1))]
    _write_models(folder / "live")
    return write_site(host, folder / "live", [gallery(host, references)])


def _unchanged(live: Site) -> Seconds:
    """Return the time and the memory of a build without a change, as ratios to the site with pasted HTML."""
    live.build()
    pasted = live.pasted(live.folder.with_name("pasted"))
    pasted.build()
    pairs = [(live.build(), pasted.build()) for _ in range(LARGE_ROUNDS)]
    [time, memory] = [_ratio([ours[part] for ours, _ in pairs], [floor[part] for _, floor in pairs]) for part in (0, 1)]
    return {"time": time, "memory": memory}


def _check(folder: Path) -> float:
    _write_models(folder)
    names = "".join(f'n{number} = "leaf_{number}:build"\n' for number in range(TREES))
    (folder / "pyproject.toml").write_text(f'[tool.bmvis]\npath = ["."]\n[tool.bmvis.models]\n{names}')
    child_cost([sys.executable, "-m", "bmvis", "snapshot"], folder)
    command = [sys.executable, "-m", "bmvis", "check"]
    return min(child_cost(command, folder)[0] for _ in range(ROUNDS + 1))


def _write_models(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "shared_blocks.py").write_text(SHARED)
    for number in range(TREES):
        (folder / f"leaf_{number}.py").write_text(LEAF.format(width=number + 1))


def _table(found: Mapping[str, Seconds], torch: float) -> Table:
    table = Table("build", *HOSTS, title=f"{TREES} trees, processor seconds; import torch takes {torch:.2f}")
    for case in found[HOSTS[0]]:
        table.add_row(case, *(f"{found[host][case]:.2f}" for host in HOSTS))
    return table


def _unchanged_table(figures: Mapping[str, Mapping[str, Seconds]]) -> Table:
    table = Table("no change, to pasted HTML", *HOSTS)
    for part, what in (("large", f"{LARGE} trees"), ("gallery", f"gallery of {LARGE // 3} models")):
        for of in ("time", "memory"):
            table.add_row(f"{what}: {of}", *(f"{figures[part][host][of]:.2f}" for host in HOSTS))
    return table


def _serve_table(found: Mapping[str, Seconds]) -> Table:
    table = Table("preview, seconds from saving to the page", *found)
    for case in found[HOSTS[0]]:
        table.add_row(case, *(f"{seconds[case]:.2f}" for seconds in found.values()))
    return table


def _write_figures(figures: Mapping[str, Mapping[str, Seconds]], torch: float, check: float) -> None:
    programs = {name: version(name) for name in ("bmvis", "sphinx", "mkdocs", "zensical", "sphinx-autobuild", "torch")}
    above_text = {
        host: {case: max(taken - found["text"], 0.0) for case, taken in found.items() if case != "text"}
        for host, found in figures["serve"].items()
    }
    written = {
        "versions": {"python": platform.python_version(), **programs},
        "trees": {"edits": TREES, "large": LARGE, "gallery": max(LARGE // 3, 1)},
        "import torch": torch,
        "check": check,
        **figures,
        "serve": above_text,
    }
    FIGURES.write_text(json.dumps(written, indent=2) + "\n")
