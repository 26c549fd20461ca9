"""Builds of one sphinx-autobuild share a worker process."""

import re
import subprocess
import sys

import pytest

AUTOBUILD = """
import multiprocessing, subprocess, sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

def build(width):
    Path("src/sized.py").write_text(SOURCE.replace("WIDTH", str(width)))
    subprocess.run([sys.executable, "-m", "sphinx", "build", "-q", "-W", ".", f"{sys.argv[1]}/{width}"], check=True)

if __name__ == "__main__":
    build(4)
    for width, method in ((5, "fork"), (6, "forkserver")):
        with ProcessPoolExecutor(mp_context=multiprocessing.get_context(method)) as pool:
            pool.submit(build, width).result()
"""
"""Starts the first build itself, and each other one in a new process, as sphinx-autobuild does."""
WIDTHS = (4, 5, 6)
SOURCE = """
import os
from torch import nn

def process():
    model = nn.Sequential(nn.Linear(WIDTH, 1))
    model.add_module(f"parent{os.getppid()}", nn.Linear(1, 1))
    return model
"""


@pytest.mark.builds
@pytest.mark.skipif(sys.platform != "linux", reason="worker processes stay in memory on Linux only")
def test_builds_of_sphinx_autobuild_share_a_worker_process(make_site, tmp_path):
    site = make_site({"index.rst": "Models\n======\n\n.. model-structure:: sized:process\n"})
    program = tmp_path / "sphinx-autobuild"
    program.write_text(f"SOURCE = {SOURCE!r}\n{AUTOBUILD}")
    subprocess.run([sys.executable, program, tmp_path], cwd=site.folder, check=True)
    pages = [tmp_path.joinpath(str(width), "index.html").read_text() for width in WIDTHS]
    assert [f"[1, {width}]" in page for width, page in zip(WIDTHS, pages, strict=True)] == [True] * len(WIDTHS)
    parents = [re.findall(r"\bparent(\d+)", page)[0] for page in pages]
    assert len(set(parents)) == 1
