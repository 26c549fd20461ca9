"""Builds of a site after an edit, in processor time, compared with floors: pasted trees, and a bare `import torch`.

The site has a page for each of its trees. The figures of a run are written to the file that the manual shows.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from measuring import Target, child_cost
from rich.console import Console
from rich.table import Table

from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.source.source import Source
from bmvis.view.layout import layout

TREES, ROUNDS = 30, 3
LARGE = int(os.environ.get("BMVIS_BENCH_TREES", "1000"))
"""Number of trees of the large site, 20 on a page."""
FIGURES = Path(__file__).parents[2] / "demo_docs" / "builds.json"
OUTPUT = "site-of-the-benchmark"
COMMANDS = {
    "Sphinx": ["-m", "sphinx", "-q", ".", f"../{OUTPUT}"],
    "MkDocs": ["-m", "mkdocs", "build", "-q", "--site-dir", f"../{OUTPUT}"],
}
SHARED = "from torch import nn\n\ndef block(width):\n    return nn.TransformerEncoderLayer(64, 4, width)\n"
LEAF = """from shared_blocks import block
from torch import nn

def build(width={width}):
    return nn.TransformerEncoder(block(width), 12, enable_nested_tensor=False)
"""
BROKEN = "def build():\n    raise ValueError('no weights')\n"
Edit = Callable[[Path], object]


def run(console: Console) -> Iterator[Target]:
    found: dict[str, dict[str, float]] = {}
    torch = min(child_cost([sys.executable, "-c", "import torch"], Path.cwd())[0] for _ in range(ROUNDS))
    with tempfile.TemporaryDirectory(prefix="bmvis-bench-") as folder:
        for host in COMMANDS:
            found[host] = dict(_measured(host, Path(folder, host)))
        found["bmvis check"] = {"unchanged": _check(Path(folder, "check"))}
        large = {host: _large(host, Path(folder, f"large-{host}")) for host in COMMANDS if LARGE}
    _write_figures(found, torch, large)
    console.print(_table(found, torch))
    for host in COMMANDS:
        yield from _targets(host, found[host], torch)
        if LARGE:
            yield Target(f"{host}: {LARGE} trees without a change, to the site with them pasted", large[host][0], 1.15)
            yield Target(f"{host}: memory of that build, to that of the pasted site", large[host][1], 1.2)
    yield Target("bmvis check of an unchanged project, in seconds", found["bmvis check"]["unchanged"], 0.5)


def _targets(host: str, seconds: dict[str, float], torch: float) -> Iterator[Target]:
    pasted = seconds["pasted"]
    for case in ("no change", "comment edited", "one tree broken"):
        yield Target(f"{host}: {case}, to the site with the trees pasted", seconds[case] / pasted, 1.1)
    for case in ("leaf edited", "shared module edited"):
        yield Target(f"{host}: {case}, seconds above pasted and import torch", seconds[case] - pasted - torch, 1.0)


def _measured(host: str, folder: Path) -> Iterator[tuple[str, float]]:
    """Yield the median processor seconds of each build. Each edit is made, built, and undone in each round."""
    live, pasted = folder / "live", folder / "pasted"
    references = [f"leaf_{number}:build" for number in range(TREES)]
    _write(live, host, [_ELEMENTS[host](reference) for reference in references])
    drawn = _drawn(live, references)
    _write(pasted, host, [_PASTES[host](html) for html in drawn], is_live=False)
    leaf, shared = live / "leaf_0.py", live / "shared_blocks.py"
    cases: dict[str, tuple[Path, Edit]] = {
        "no change": (leaf, lambda file: None),
        "leaf edited": (leaf, lambda file: file.write_text(LEAF.format(width=4_000 + len(times["leaf edited"])))),
        "shared module edited": (shared, lambda file: file.write_text(f"{SHARED}\nN = {len(times['no change'])}\n")),
        "comment edited": (shared, lambda file: file.write_text(f"{SHARED}# {len(times['no change'])}\n")),
    }
    times: dict[str, list[float]] = {name: [] for name in ("pasted", *cases)}
    yield "first build", _build(host, live)
    _build(host, pasted)
    for _ in range(ROUNDS):
        times["pasted"].append(_build(host, pasted))
        for name, (file, edit) in cases.items():
            before = file.read_text()
            edit(file)
            times[name].append(_build(host, live))
            file.write_text(before)
            if name != "no change":
                _build(host, live)
    yield from ((name, statistics.median(taken)) for name, taken in times.items())
    leaf.write_text(BROKEN)
    _build(host, live)
    yield "one tree broken", statistics.median(_build(host, live) for _ in range(ROUNDS))


def _large(host: str, folder: Path) -> tuple[float, float]:
    """Return the time and the memory of a build of many trees without a change, as ratios to the pasted site."""
    live, pasted = folder / "live", folder / "pasted"
    references = [f"leaf_0:build(width={number + 1})" for number in range(LARGE)]
    _write(live, host, [_ELEMENTS[host](reference) for reference in references], on_page=20)
    _write(pasted, host, [_PASTES[host](html) for html in _drawn(live, references)], is_live=False, on_page=20)
    _build(host, live), _build(host, pasted)
    pairs = [(_cost(host, live), _cost(host, pasted)) for _ in range(ROUNDS)]
    [time, memory] = [statistics.median(ours[part] / floor[part] for ours, floor in pairs) for part in (0, 1)]
    return time, memory


def _check(folder: Path) -> float:
    _write_models(folder)
    names = "".join(f'n{number} = "leaf_{number}:build"\n' for number in range(TREES))
    (folder / "pyproject.toml").write_text(f'[tool.bmvis]\npath = ["."]\n[tool.bmvis.models]\n{names}')
    child_cost([sys.executable, "-m", "bmvis", "snapshot"], folder)
    command = [sys.executable, "-m", "bmvis", "check"]
    return min(child_cost(command, folder)[0] for _ in range(ROUNDS + 1))


_ELEMENTS: dict[str, Callable[[str], str]] = {
    "Sphinx": lambda reference: f".. model-structure:: {reference}\n",
    "MkDocs": lambda reference: f'<model-structure factory="{reference}"></model-structure>\n',
}
_PASTES: dict[str, Callable[[str], str]] = {
    "Sphinx": lambda html: ".. raw:: html\n\n   " + html.replace("\n", "\n   ") + "\n",
    "MkDocs": lambda html: html + "\n",
}


def _drawn(folder: Path, references: list[str]) -> list[str]:
    with Source(folder, path=["."], cache=folder.parent / "cache") as source:
        return [
            to_html(layout(source.resolve(reference).model, Options()), f"tree-{number}")
            for number, reference in enumerate(references)
        ]


def _write_models(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "shared_blocks.py").write_text(SHARED)
    for number in range(TREES):
        (folder / f"leaf_{number}.py").write_text(LEAF.format(width=number + 1))


def _write(folder: Path, host: str, trees: list[str], *, is_live: bool = True, on_page: int = 1) -> None:
    _write_models(folder)
    pages = ["\n".join(trees[start : start + on_page]) for start in range(0, len(trees), on_page)]
    if host == "Sphinx":
        used, suffix, title = ["sphinx_bmvis"] * is_live, "rst", "Page\n====\n"
        settings = "bmvis_path = ['.']\n" * is_live
        (folder / "conf.py").write_text(f"extensions = {used}\n{settings}html_theme = 'alabaster'\n")
        listed = "".join(f"   page{number}\n" for number in range(len(pages)))
        (folder / "index.rst").write_text(f"Models\n======\n\n.. toctree::\n\n{listed}")
        place = folder
    else:
        suffix, title, place = "md", "# Page\n", folder / "docs"
        plugins = "[bmvis: {path: [.]}]" if is_live else "[]"
        (folder / "mkdocs.yml").write_text(f"site_name: Models\ntheme: mkdocs\nplugins: {plugins}\n")
        place.mkdir()
        (place / "index.md").write_text("# Models\n")
    for number, text in enumerate(pages):
        (place / f"page{number}.{suffix}").write_text(f"{title}\n{text}")


def _build(host: str, folder: Path) -> float:
    return _cost(host, folder)[0]


def _cost(host: str, folder: Path) -> tuple[float, float]:
    output = folder.with_name(f"{folder.name}-site")
    command = [sys.executable, *(part.replace(f"../{OUTPUT}", str(output)) for part in COMMANDS[host])]
    return child_cost(command, folder)


def _table(found: dict[str, dict[str, float]], torch: float) -> Table:
    table = Table("build", *COMMANDS, title=f"{TREES} trees, processor seconds; import torch takes {torch:.2f}")
    for case in found["Sphinx"]:
        table.add_row(case, *(f"{found[host][case]:.2f}" for host in COMMANDS))
    return table


def _write_figures(found: dict[str, dict[str, float]], torch: float, large: dict[str, tuple[float, float]]) -> None:
    programs = {name: version(name) for name in ("bmvis", "sphinx", "mkdocs", "torch")}
    figures = {
        "versions": {"python": platform.python_version(), **programs},
        "trees": TREES,
        "import torch": torch,
        "seconds": found,
        "large": {host: {"trees": LARGE, "time": time, "memory": memory} for host, (time, memory) in large.items()},
    }
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
