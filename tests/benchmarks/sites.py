"""Sites of 200 trees: warm builds compared with the same trees pasted as HTML, and imports of torch in cold builds.

A site has a page for each model, and the theme of the demo: furo, Material.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from measuring import Target, seconds
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.source.source import Source
from bmvis.view.layout import layout

PAGES, TREES, ROUNDS = 200, 1, 5
COMMANDS = {
    "sphinx": ["-m", "sphinx", "-q", "-W", "-E", ".", "site"],
    "mkdocs": ["-m", "mkdocs", "build", "-q", "--strict", "--clean"],
}
ZOO = """
from torch import nn

def build(width):
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, width), 12, enable_nested_tensor=False)
"""
COUNTER = """
import os, sys

def note(event, arguments):
    if event == "import" and arguments[0] == "torch":
        with open(os.environ["TORCH_IMPORTS"], "a") as file:
            file.write("torch\\n")

sys.addaudithook(note)
"""
Write = Callable[[int, str], str]
"""Text of a page's tree, from its number and its reference."""


def run(console: Console) -> Iterator[Target]:
    table = Table("host", "pasted", "warm", "cold", "warm to pasted", title=f"{PAGES * TREES} trees, median seconds")
    with tempfile.TemporaryDirectory(prefix="bmvis-bench-") as folder:
        pasted = _drawn(Path(folder, "drawn"))
        for host in COMMANDS:
            yield from _measure(host, Path(folder, host), pasted, table, console)
    console.print(table)


def _measure(host: str, folder: Path, pasted: list[str], table: Table, console: Console) -> Iterator[Target]:
    live, static = folder / "live", folder / "static"
    _write(live, host, _ELEMENTS[host], f"{host}_bmvis")
    _write(static, host, lambda number, _: _PASTES[host](pasted[number]), "")
    cold = seconds(lambda: _build(host, live, folder / "cold"))
    _build(host, static, folder / "none")
    times: dict[Path, list[float]] = {live: [], static: []}
    for _ in track(range(ROUNDS), host, console=console, transient=True):
        times[live].append(seconds(lambda: _build(host, live, folder / "warm")))
        times[static].append(seconds(lambda: _build(host, static, folder / "none")))
    warm, paste = statistics.median(times[live]), statistics.median(times[static])
    table.add_row(host, f"{paste:.2f}", f"{warm:.2f}", f"{cold:.2f}", f"{warm / paste:.2f}")
    yield Target(f"{host}: a warm site, to one with the trees pasted", warm / paste, 1.15)
    yield Target(f"{host}: imports of torch in a cold build", _count(folder / "cold"), 1)
    yield Target(f"{host}: imports of torch in all warm builds", _count(folder / "warm"), 0)


def _count(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def _references() -> list[str]:
    return [f"zoo:build(width={number + 1})" for number in range(PAGES * TREES)]


def _drawn(folder: Path) -> list[str]:
    folder.mkdir()
    (folder / "zoo.py").write_text(ZOO)
    with Source(folder, path=["."]) as source:
        return [
            to_html(layout(source.resolve(reference).model, Options()), f"tree-{number}")
            for number, reference in enumerate(_references())
        ]


_ELEMENTS: dict[str, Write] = {
    "sphinx": lambda number, reference: f".. model-structure:: {reference}\n   :name: tree-{number}\n",
    "mkdocs": lambda number, reference: (
        f'<model-structure factory="{reference}" name="tree-{number}"></model-structure>\n'
    ),
}
_PASTES: dict[str, Callable[[str], str]] = {
    "sphinx": lambda html: ".. raw:: html\n\n   " + html.replace("\n", "\n   ") + "\n",
    "mkdocs": lambda html: html + "\n",
}


def _write(folder: Path, host: str, tree: Write, extension: str) -> None:
    """Write a site with one tree on each page; `tree` is what the author writes for it."""
    folder.mkdir(parents=True)
    (folder / "zoo.py").write_text(ZOO)
    if host == "sphinx":
        used = [extension] if extension else []
        (folder / "conf.py").write_text(f"extensions = {used}\nbmvis_path = ['.']\nhtml_theme = 'furo'\n")
        pages, suffix, title = folder, "rst", "Page\n====\n"
        listed = "".join(f"   page{number}\n" for number in range(PAGES))
        (folder / "index.rst").write_text(f"Models\n======\n\n.. toctree::\n\n{listed}")
    else:
        plugins = "plugins: [bmvis: {path: [.]}]" if extension else "plugins: []"
        (folder / "mkdocs.yml").write_text(f"site_name: Models\ntheme: material\n{plugins}\n")
        pages, suffix, title = folder / "docs", "md", "# Page\n"
        pages.mkdir()
        (pages / "index.md").write_text("# Models\n")
    references = _references()
    for page in range(PAGES):
        numbers = range(page * TREES, (page + 1) * TREES)
        trees = "\n".join(tree(number, references[number]) for number in numbers)
        (pages / f"page{page}.{suffix}").write_text(f"{title}\n{trees}")


def _build(host: str, folder: Path, imports: Path) -> None:
    """Build a site; each of its processes that imports torch adds a line to the file `imports`."""
    counter = folder.parent / "counter"
    counter.mkdir(exist_ok=True)
    (counter / "sitecustomize.py").write_text(COUNTER)
    environment = os.environ | {
        "NO_MKDOCS_2_WARNING": "1",
        "PYTHONPATH": str(counter),
        "TORCH_IMPORTS": str(imports),
    }
    done = subprocess.run(
        [sys.executable, *COMMANDS[host]], cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{host} ended with {done.returncode}: {done.stderr}")
