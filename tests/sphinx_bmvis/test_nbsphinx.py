"""Trees on notebook pages of nbsphinx: directives in raw cells, and captured models in saved outputs."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from trees import linear

from bmvis.model.tree import Model, Module
from bmvis.notebook import captured

if found := find_spec("nbconvert"):  # the folder of `make test-hosts` has its templates, Python's own does not
    os.environ.setdefault("JUPYTER_PATH", str(Path(str(found.origin)).parents[1] / "share" / "jupyter"))
pytest.importorskip("nbsphinx", reason="nbsphinx is not installed: `make test-hosts` brings it")

RAW = """\
Book
====

.. model-structure:: zoo:tiny
   :name: in-raw-cell

See :module:`in-raw-cell:0.norm`.

.. model-gallery::
   :toctree: models

   zoo:tiny | Tiny
"""


def output(model) -> dict:
    return {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": model._repr_mimebundle_()}


@pytest.fixture(scope="module")
def built(make_site):
    """Return the site, whose notebook is not run."""
    model = captured(Model((Module("", 0, "Saved"), *(linear(f"part{size}", 1, 1, size) for size in range(1, 20)))))
    code = {"cell_type": "code", "id": "code", "metadata": {}, "source": "model", "execution_count": 1}
    raw = {"cell_type": "raw", "id": "raw", "metadata": {"raw_mimetype": "text/restructuredtext"}, "source": RAW}
    cells = [raw, code | {"outputs": [output(model), output(model.draw(depth=1))]}]
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    index = "Start\n=====\n\n.. toctree::\n\n   book\n"
    site = make_site({"index.rst": index, "book.ipynb": json.dumps(book)})
    # MyST-NB, in other tests of this process, changes Sphinx' default for notebooks.
    suffixes = {".rst": "restructuredtext", ".ipynb": "jupyter_notebook"}
    return site.build(extensions=["nbsphinx", "sphinx_bmvis"], nbsphinx_execute="never", source_suffix=suffixes)


def test_raw_cells_have_trees_and_galleries_with_pages(built):
    assert built.warnings == ""
    page = built.page("book.html")
    assert page.select_one("#in-raw-cell .bmvis-tree")
    assert page.select_one("p > a.internal[title]")["href"] == "#in-raw-cell.0.norm"
    assert page.select_one(".bmvis-card-title a")["href"] == "models/zoo.tiny.html"
    assert built.trees("models/zoo.tiny.html")


def test_saved_outputs_are_trees_without_running_the_notebook(built):
    saved = [tree for tree in built.trees("book.html") if "Saved" in tree.get_text()]
    assert len(saved) == 2
    ids = [element["id"] for element in built.page("book.html").select("[id]")]
    assert len(ids) == len(set(ids))


def test_page_has_the_stylesheet_and_the_script_once(built):
    page = built.page("book.html")
    assert len(page.select("link[href*='bmvis.css']")) == 1
    assert len(page.select("script[src*='bmvis.js']")) == 1
    assert not [part for part in page.select("style, script") if "/* bmvis */" in part.get_text()]
