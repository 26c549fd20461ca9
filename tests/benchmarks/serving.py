"""Latency of preview servers: seconds on the clock from saving a file until the server returns the changed page."""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sphinx_autobuild
from live_sites import Site, tree, write_site

ROUNDS = 3
_PATIENCE = 300.0
"""Seconds after which a page counts as not served."""
_PAUSE = 2.0
"""Seconds before an edit, in which the server notices that the last build has ended."""
_MODELS: dict[str, Callable[[int], str]] = {
    "small": lambda width: f"from torch import nn\n\ndef build():\n    return nn.Linear(4, {width})\n",
    "bert": lambda width: (
        "import transformers\n\ndef build():\n"
        f"    config = transformers.BertConfig(vocab_size={width})\n    return transformers.BertModel(config)\n"
    ),
}
_NUMBERS = itertools.count(30_001)


def latencies(host: str, folder: Path) -> dict[str, float]:
    """Return the median latency of an edited text, and of two edited models."""
    site = write_site(host, folder, [tree(host, f"{name}:build", name) for name in _MODELS])
    text = site.page(0).read_text()
    edits: dict[str, tuple[int, Callable[[int], object]]] = {
        "text": (0, lambda number: site.page(0).write_text(f"{text}\nText {number}.\n")),
        "small model": (0, lambda number: _write(site, "small", number)),
        "transformers model": (1, lambda number: _write(site, "bert", number)),
    }
    for name in _MODELS:
        _write(site, name, next(_NUMBERS))
    times: dict[str, list[float]] = {name: [] for name in edits}
    with _serving(site) as (address, server):
        _wait(_address(site, address, 1), "bmvis-tree", server)
        for round_number in range(ROUNDS + 1):
            for name, (page, edit) in edits.items():
                taken = _latency(_address(site, address, page), edit, server)
                times[name] += [taken] if round_number else []  # the first edit starts the worker process
    return {name: statistics.median(taken) for name, taken in times.items()}


def _write(site: Site, name: str, number: int) -> None:
    (site.models / f"{name}.py").write_text(_MODELS[name](number))


def _latency(address: str, edit: Callable[[int], object], server: subprocess.Popen[bytes]) -> float:
    number = next(_NUMBERS)
    time.sleep(_PAUSE)
    edit(number)
    started = time.monotonic()
    _wait(address, str(number), server)
    return time.monotonic() - started


def _wait(address: str, text: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until a page has a text, also with a comma after the thousands."""
    texts = {text, f"{int(text):,}"} if text.isdigit() else {text}
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        if server.poll() is not None:
            raise RuntimeError(f"{server.args} ended with {server.returncode}")
        with suppress(OSError, http.client.HTTPException), urllib.request.urlopen(address, timeout=_PATIENCE) as page:
            content = page.read().decode()
            if any(found in content for found in texts):
                return
        time.sleep(0.02)
    raise TimeoutError(f"{address} has no {text!r}")


def _address(site: Site, server: str, page: int) -> str:
    return f"{server}/page{page}.html" if site.host == "Sphinx" else f"{server}/page{page}/"


@contextmanager
def _serving(site: Site) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the preview server of a site, and return its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = {
        "Sphinx": [*_autobuild(site), "--port", port, "--delay", "0", ".", str(site.output)],
        "MkDocs": ["-m", "mkdocs", "serve", "--livereload", "--dev-addr", f"127.0.0.1:{port}"],
        "Zensical": ["-m", "zensical", "serve", "--dev-addr", f"127.0.0.1:{port}"],
    }[site.host]
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=site.folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(_path_of_builds())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _autobuild(site: Site) -> list[str]:
    """Return the arguments that start sphinx-autobuild from the folder of tools, which the builds do not see."""
    program = site.folder.with_name("sphinx-autobuild")
    folder = Path(sphinx_autobuild.__file__).parents[1]
    program.write_text(
        f"import sys\nsys.path.append({str(folder)!r})\nfrom sphinx_autobuild.__main__ import main\nmain()\n"
    )
    return [str(program)]


def _path_of_builds() -> list[str]:
    """Return `PYTHONPATH` without the folder of tools: libraries in it are not where installed ones are."""
    folder = Path(sphinx_autobuild.__file__).parents[1]
    return [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if Path(entry).resolve() != folder]
