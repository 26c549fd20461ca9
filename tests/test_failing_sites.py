"""A page with a failed model: later builds of both hosts report it without a worker, until a missing file appears."""

import logging
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from mkdocs.commands.build import build as build_mkdocs
from mkdocs.config import load_config
from sphinx.testing.util import SphinxTestApp
from sphinx.util.console import strip_colors

from bmvis.errors import BmvisError
from bmvis.worker.client import Worker

ZOO = """\
from torch import nn
from pathlib import Path
def build(): return nn.Linear(int(Path("width.txt").read_text()), 1)
"""


def on_sphinx(folder: Path, _caplog: pytest.LogCaptureFixture) -> str:
    (folder / "conf.py").write_text("extensions = ['sphinx_bmvis']\nbmvis_path = ['.']\n")
    (folder / "index.rst").write_text("Start\n=====\n\n.. model-structure:: broken_zoo:build\n")
    app = SphinxTestApp("html", srcdir=folder, builddir=folder / "_build", warningiserror=False)
    try:
        app.build()
        return strip_colors(app.warning.getvalue())
    finally:
        app.cleanup()


def on_mkdocs(folder: Path, caplog: pytest.LogCaptureFixture) -> str:
    (folder / "docs").mkdir(exist_ok=True)
    (folder / "mkdocs.yml").write_text("site_name: S\nsite_dir: _build/html\nplugins: [{bmvis: {path: [.]}}]\n")
    (folder / "docs/index.md").write_text('# Start\n\n<model-structure factory="broken_zoo:build" />\n')
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        build_mkdocs(load_config(str(folder / "mkdocs.yml")))
    return caplog.text


@pytest.mark.parametrize("build", [on_sphinx, on_mkdocs])
def test_failure_is_reported_again_without_a_worker(tmp_path, monkeypatch, caplog, build):
    def box() -> str:
        (found,) = BeautifulSoup((tmp_path / "_build/html/index.html").read_text(), "html5lib").select(".bmvis-error")
        return str(found)

    def ask(self, request):
        raise BmvisError("asked")

    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "broken_zoo.py").write_text(ZOO)
    first = build(tmp_path, caplog), box()
    assert "FileNotFoundError" in first[0]
    assert 'File "broken_zoo.py", line 3, in build' in first[0]
    monkeypatch.setattr(Worker, "reply", ask)
    assert (build(tmp_path, caplog), box()) == first
    (tmp_path / "width.txt").write_text("3")
    assert "asked" in build(tmp_path, caplog)
