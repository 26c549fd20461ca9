"""Sites with the settings of public documentation: builds with cached models, compared with those without trees.

The sites are those of `tests/sites/public`. All pages are built again. Time is
that of processors, with child processes. BMVIS_BENCH_SITES picks some sites: `captum,kornia`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import test_public_sites as public
from measuring import Target, child_cost
from rich.console import Console
from rich.progress import track
from rich.table import Table

ROUNDS = 3
LIMIT = 1.15
NEIGHBORS = Path(__file__).parents[2] / ".venv" / "neighbors"
"""Their themes and extensions, as `make test-hosts` installs them."""
KINDS = {"with trees": True, "without": False}


def run(console: Console) -> Iterator[Target]:
    _find_neighbors()
    names = os.environ.get("BMVIS_BENCH_SITES", "").split(",")
    table = Table("site", "without trees", "with trees", "ratio", title="Public sites, processor seconds")
    for name in track([*public.SPHINX, *public.MKDOCS], "public sites", console=console, transient=True):
        if names != [""] and name not in names:
            continue
        try:
            public.require(name)
        except pytest.skip.Exception as reason:
            console.print(f"{name}: not measured: {reason}")
            continue
        trees, without = _measure(name)
        table.add_row(name, f"{without:.2f}", f"{trees:.2f}", f"{trees / without:.2f}")
        yield Target(f"{name}: cached trees, to the site without", trees / without, LIMIT)
    console.print(table)


def _find_neighbors() -> None:
    """Let this process and the builds import the themes and extensions of the sites."""
    sys.path.append(str(NEIGHBORS))
    paths = filter(None, (os.environ.get("PYTHONPATH"), str(NEIGHBORS)))
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ["JUPYTER_PATH"] = str(NEIGHBORS / "share" / "jupyter")


def _measure(name: str) -> tuple[float, float]:
    """Return the least processor seconds of a site with and without trees, built in turns."""
    is_sphinx = name in public.SPHINX
    build = public.build_sphinx if is_sphinx else public.build_mkdocs
    command = [sys.executable, "-m", *(_SPHINX if is_sphinx else _MKDOCS)]
    with tempfile.TemporaryDirectory(prefix="bmvis-bench-") as folder:
        sites = {kind: Path(folder, kind) for kind in KINDS}
        for kind, site in sites.items():
            site.mkdir()
            build(name, site, trees=KINDS[kind])  # fills the cache
        times = [[child_cost(command, site)[0] for site in sites.values()] for _ in range(ROUNDS)]
    trees, without = map(min, zip(*times, strict=True))
    return trees, without


_SPHINX = ("sphinx", "-qW", "--keep-going", "-E", ".", "_build")
_MKDOCS = ("mkdocs", "build", "-q", "--strict")
