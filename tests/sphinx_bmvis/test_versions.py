"""Several versions of a site that are built with one conf.py: each has the models of its own sources."""

import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from commands import sphinx_build
from pythons import TORCH_PYTHON

MODELS = "from torch import nn\n\ndef net():\n    return nn.Linear({width}, 2)\n"
INDEX = """Models
======

.. model-structure:: models:net

.. model-structure:: recorded
"""
PROJECT = '[tool.bmvis.models]\nrecorded = "models:net"\n'


def tree_of(page):
    return [tree.get_text() for tree in BeautifulSoup(page.read_text(), "html5lib").select(".bmvis-tree")]


def write_version(folder, width, settings):
    docs = folder / "docs"
    (folder / "src").mkdir(exist_ok=True, parents=True)
    docs.mkdir(exist_ok=True)
    (folder / "src" / "models.py").write_text(MODELS.format(width=width))
    (folder / "pyproject.toml").write_text(PROJECT)
    (docs / "index.rst").write_text(INDEX)
    (docs / "conf.py").write_text(f'extensions = ["sphinx_bmvis"]\nbmvis_python = {TORCH_PYTHON!r}\n{settings}')


SETTINGS = {
    "bmvis_path": 'bmvis_path = ["../src"]\n',
    "sys.path": 'import os, sys\nsys.path.insert(0, os.path.abspath("../src"))\n',
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_sources_with_a_conf_of_their_own_have_their_own_models(tmp_path, settings):
    for name, width in (("new", 5), ("old", 3)):
        write_version(tmp_path / name, width, settings)
    for name, width in (("new", 5), ("old", 3)):
        out = tmp_path / "out" / name
        assert sphinx_build("-qW", "-c", tmp_path / "new" / "docs", tmp_path / name / "docs", out).returncode == 0
        assert [f"weight:[2, {width}]" in text for text in tree_of(out / "index.html")] == [True, True]


def test_sources_without_a_conf_have_the_models_of_the_conf(tmp_path):
    write_version(tmp_path / "project", 5, SETTINGS["bmvis_path"])
    pages = tmp_path / "pages"
    pages.mkdir()
    (tmp_path / "project" / "docs" / "index.rst").rename(pages / "index.rst")
    done = sphinx_build("-qW", "-c", tmp_path / "project" / "docs", pages, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "weight:[2, 5]" in tree_of(tmp_path / "out" / "index.html")[0]


def test_sphinx_multiversion_builds_each_version_with_its_models(tmp_path):
    pytest.importorskip("sphinx_multiversion", reason="sphinx-multiversion is not installed: see `make test-hosts`")
    settings = SETTINGS["bmvis_path"] + 'smv_branch_whitelist = "main"\n'
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    folder = tmp_path / "project"
    write_version(folder, 3, settings)
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder, check=True)
    for width, tag in ((3, "v1"), (5, "v2")):
        write_version(folder, width, settings)
        subprocess.run(["git", "add", "."], cwd=folder, check=True)
        subprocess.run(["git", *identity, "commit", "-qm", tag], cwd=folder, check=True)
        subprocess.run(["git", "tag", tag], cwd=folder, check=True)
    subprocess.run([sys.executable, "-m", "sphinx_multiversion", "docs", "out"], cwd=folder, check=True)
    for version, width in (("v1", 3), ("v2", 5), ("main", 5)):
        texts = tree_of(Path(folder, "out", version, "index.html"))
        assert [f"weight:[2, {width}]" in text for text in texts] == [True, True], version
