"""A table of 60 models with own columns is one directive and one file, on both hosts and in PDF: `make test-tables`."""

import os
import re
import resource
import shutil
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup
from pythons import TORCH_PYTHON

pytestmark = pytest.mark.skipif("BMVIS_TABLE_ROWS" not in os.environ, reason="takes minutes: see make test-tables")

ROWS = int(os.environ.get("BMVIS_TABLE_ROWS", "60"))
SECONDS = 120
"""Maximum processor time of one build, with its worker."""
ZOO = f"""
from torch import nn

WIDTHS = list(range(1, {ROWS} + 1))

def build(width):
    layers = [nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width)) for _ in range(6)]
    return nn.Sequential(*layers, nn.Linear(width, 10))
"""
OPTIONS = {
    "columns": "name, parameters, size, Accuracy, Paper",
    "data": "models.csv",
    "sort": "parameters",
    "caption": "All networks",
}
CONF = "extensions = ['sphinx_bmvis']\nproject = 'Nets'\nhtml_theme = 'basic'\nbmvis_path = ['.']\n"
MKDOCS = f"site_name: Nets\nplugins:\n  - bmvis:\n      path: [.]\n      python: {TORCH_PYTHON}\n"
BUILDS = {
    "html": ["sphinx", "-q", "-W", "-b", "html", ".", "html"],
    "latex": ["sphinx", "-q", "-W", "-b", "latex", ".", "latex"],
    "mkdocs": ["mkdocs", "build", "-q", "--strict", "-d", "html"],
}


def count(width: int) -> int:
    """Return the number of parameters of a network."""
    return 6 * (width * width + 3 * width) + 10 * width + 10


def accuracy(width: int) -> str:
    return f"{80 + width * 0.125:g}"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "nets.py").write_text(ZOO)
    lines = (f"nets:build({width}),{accuracy(width)},https://example.org/{width}" for width in range(1, ROWS + 1))
    (tmp_path / "models.csv").write_text("\n".join(["model,Accuracy,Paper", *lines]))
    options = "".join(f"   :{name}: {value}\n" for name, value in OPTIONS.items())
    (tmp_path / "index.rst").write_text(f"Nets\n====\n\n.. model-table:: nets:build(*WIDTHS)\n{options}")
    attributes = " ".join(f'{name}="{value}"' for name, value in OPTIONS.items())
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(
        f'# Nets\n\n<model-table models="nets:build(*WIDTHS)" {attributes} />\n'
    )
    (tmp_path / "conf.py").write_text(f"{CONF}exclude_patterns = ['docs']\nbmvis_python = {TORCH_PYTHON!r}\n")
    (tmp_path / "mkdocs.yml").write_text(MKDOCS)
    return tmp_path


def build(folder, kind: str) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", *BUILDS[kind]], cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < SECONDS


@pytest.mark.parametrize("host", ["html", "mkdocs"])
def test_page_has_a_row_for_each_model_with_its_own_columns(project, host):
    build(project, host)
    page = BeautifulSoup((project / "html" / "index.html").read_text(), "html5lib")
    rows = [row.select("th, td") for row in page.select(".bmvis-table tbody tr")]
    texts = [[cell.get_text(" ", strip=True) for cell in row] for row in rows]
    widths = range(ROWS, 0, -1)
    assert [row[0] for row in texts] == [str(width) for width in widths]
    assert [row[3] for row in texts] == [accuracy(width) for width in widths]
    exact = [row[1].span.get("title") or row[1].get_text() for row in rows]
    assert exact == [f"{count(width):,}" for width in widths]
    assert len(page.select(".bmvis-table a[href^='https://example.org/']")) == ROWS


@pytest.mark.skipif(not shutil.which("latexmk"), reason="latexmk is not installed: see .ci/checkers")
def test_pdf_has_the_table_on_several_pages(project):
    build(project, "latex")
    text = (project / "latex" / "nets.tex").read_text()
    assert len(re.findall(r"example\.org/\d+", text)) >= ROWS
    command = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "-quiet", "nets.tex"]
    subprocess.run(command, cwd=project / "latex", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert (project / "latex" / "nets.pdf").stat().st_size > 10_000
