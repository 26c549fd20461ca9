"""From a change of a model to its numbers, on real sites of both hosts: table, sentence, heading and README."""

from pathlib import Path

import hosts
import pytest
from bs4 import BeautifulSoup
from commands import bmvis, sphinx_build
from pythons import TORCH_PYTHON

MODEL = """
from torch import nn

def net():
    return nn.Sequential(nn.Linear({width}, 1000), nn.ReLU(), nn.Linear(1000, 10))
"""
PROJECT = """
[tool.bmvis]
path = ["src"]
[tool.bmvis.models]
net = {reference = "nets:net", inputs = "float32[1, 100]", columns = {accuracy = 98.2}}
"""
README = """# Net
It has <!-- bmvis: fact net --><!-- /bmvis --> parameters.

<!-- bmvis: table net columns="name, parameters, accuracy" -->
<!-- /bmvis -->
"""
RST = """
A net of :params:`net` parameters
=================================

It has :params:`net exact` parameters and :macs:`net exact` MACs in :model-fact:`net depth` level.

.. model-table:: net
   :columns: name, parameters, macs, accuracy
"""
MD = """
# A net of <model-fact model="net" /> parameters

It has <model-fact model="net" format="exact" /> parameters and <model-fact model="net" of="macs" format="exact" /> MACs
in <model-fact model="net" of="depth" /> level.

<model-table models="net" columns="name, parameters, macs, accuracy" />
"""


def build_with_sphinx(folder: Path) -> Path:
    done = sphinx_build("-q", "-W", "-b", "html", folder / "docs", folder / "docs/out")
    assert done == (0, "", "")
    return folder / "docs/out/index.html"


def build_with_mkdocs(folder: Path) -> Path:
    done = hosts.build("mkdocs", folder, "-q", "--strict")
    assert done.report["code"] == 0, done.log
    return folder / "site/index.html"


def run(folder: Path, *command: str) -> tuple[int, str]:
    done = bmvis(folder, *command)
    return done.returncode, done.stdout + done.stderr


def shown(file: Path) -> list[str]:
    """Return the title, the sentence, and the row of the table of a page."""
    page = BeautifulSoup(file.read_text(), "html5lib")
    sentence = next(text for each in page.select("p") if (text := each.get_text()).startswith("It has"))
    title = page.select_one("h1").find(string=True, recursive=False) + page.select_one("h1 data").get_text()
    row = page.select_one(".bmvis-table tbody tr").get_text(" ", strip=True)
    return [title, " ".join(sentence.split()), " ".join(row.split())]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "src" / "nets.py").write_text(MODEL.format(width=100))
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "docs" / "index.rst").write_text(RST)
    (tmp_path / "docs" / "index.md").write_text(MD)
    conf = f"extensions = ['sphinx_bmvis']\nhtml_theme = 'basic'\nbmvis_python = {TORCH_PYTHON!r}\n"
    (tmp_path / "docs" / "conf.py").write_text(conf)
    plugin = f"plugins:\n  - bmvis:\n      python: {TORCH_PYTHON}\nexclude_docs: |\n  conf.py\n  *.rst\n  out/\n"
    (tmp_path / "mkdocs.yml").write_text(f"site_name: S\n{plugin}")
    return tmp_path


@pytest.mark.parametrize("build", [build_with_sphinx, build_with_mkdocs])
def test_a_change_of_a_model_reaches_every_number_and_check_fails_before(project, build):
    assert run(project, "snapshot")[0] == 0
    assert run(project, "update", "README.md")[0] == 0
    readme = (project / "README.md").read_text()
    assert "fact net -->111K<!-- /bmvis -->" in readme
    assert "| net   |          111.0 |     98.2 |" in readme
    before = ["A net of 111K", "It has 111,010 parameters and 110,000 MACs in 1 level.", "net 111.0 110.0 98.2"]
    assert shown(build(project)) == before
    assert run(project, "check")[0] == 0
    assert run(project, "update", "--check", "README.md") == (0, "")

    (project / "src" / "nets.py").write_text(MODEL.format(width=200))
    entry = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(entry.replace("[1, 100]", "[1, 200]").replace("98.2", "98.9"))

    assert run(project, "check")[0] == 1
    code, difference = run(project, "update", "--check", "README.md")
    assert code == 1
    assert "-| net   |          111.0 |     98.2 |" in difference
    assert "+| net   |          211.0 |     98.9 |" in difference
    assert (project / "README.md").read_text() == readme

    after = ["A net of 211K", "It has 211,010 parameters and 210,000 MACs in 1 level.", "net 211.0 210.0 98.9"]
    assert shown(build(project)) == after
    assert run(project, "update", "README.md")[0] == 0
    assert "fact net -->211K<!-- /bmvis -->" in (project / "README.md").read_text()
    assert run(project, "snapshot")[0] == 0
    assert run(project, "check")[0] == 0
