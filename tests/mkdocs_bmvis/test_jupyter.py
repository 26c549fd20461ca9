"""Notebooks on pages of MkDocs: elements in their text, captured models and Markdown in their cells."""

import json
import os
from pathlib import Path

import pytest
from hosts import build, make_site

pytest.importorskip("mkdocs_jupyter", reason="mkdocs-jupyter is not installed: see `make test-matrix`")

TEXT = """# Book

<model-structure factory="zoo:tiny" name="in-text"></model-structure>

Stays code: `<model-structure factory="zoo:tiny">`.

<model-structure factory="zoo:tiny" dept="1"></model-structure>
"""
CAPTURE = "import sys; sys.path.insert(0, '../src')\nimport bmvis, zoo\nbmvis.capture(zoo.tiny())"
MARKDOWN = """from IPython.display import HTML
from markdown import markdown
text = '<model-structure factory="zoo:tiny" name="in-cell" />' + chr(10) * 2 + '<model-gallery models="zoo:tiny" />'
HTML(markdown(text, extensions=["bmvis"], extension_configs={"bmvis": {"path": ["../src"]}}))
"""


def cell(number, source):
    return {
        "cell_type": "code",
        "id": f"c{number}",
        "metadata": {},
        "source": source,
        "execution_count": None,
        "outputs": [],
    }


BOOK = {
    "cells": [
        {"cell_type": "markdown", "id": "text", "metadata": {}, "source": TEXT},
        cell(1, CAPTURE),
        cell(2, MARKDOWN),
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    import nbconvert

    def change(config):
        config["plugins"] = ["search", "bmvis", {"mkdocs-jupyter": {"execute": True, "kernel_name": "python3"}}]
        config["nav"].append("book.ipynb")

    folder = make_site(tmp_path_factory.mktemp("notebook"), {"book.ipynb": json.dumps(BOOK)}, change)
    # Its templates are below the folder of `make test-matrix`, not below Python's own.
    os.environ["JUPYTER_PATH"] = str(Path(nbconvert.__file__).parents[1] / "share" / "jupyter")
    yield build("mkdocs", folder)
    del os.environ["JUPYTER_PATH"]


def test_element_in_notebook_text_is_drawn(built):
    tree = built.page("book/index.html").select_one("#in-text")
    assert "Linear" in tree.get_text()
    assert not tree.find_parent("p")
    assert tree.find_parent("section").has_attr("data-search-exclude")


def test_element_in_code_stays_code_and_errors_name_the_notebook(built):
    page = built.page("book/index.html")
    assert "<model-structure factory=" in page.select_one(".jp-MarkdownOutput code").get_text()
    (box,) = page.select(".bmvis-error")
    assert "unknown attribute 'dept'" in box.get_text()
    (warning,) = [line for line in built.log.splitlines() if "dept" in line]
    assert "docs/book.ipynb, in included text, <model-structure" in warning


def test_notebook_cell_shows_a_captured_model(built):
    page = built.page("book/index.html")
    assert page.select_one("[id^='bmvis-'] .bmvis-tree")
    assert "/* bmvis */" not in str(page), "the page has its own stylesheet and script"


def test_markdown_cell_has_the_assets_once(built):
    page = built.page("book/index.html")
    output = page.select_one("#in-cell").find_parent(class_="jp-RenderedHTMLCommon")
    assert output.select_one(".bmvis-card")
    assert [sheet.string.split(":")[0] for sheet in output.select("style")] == ["/* Cards of a gallery"]
    assert len(page.select("link[href$='bmvis.css']")) == 1  # in place of the stylesheets of all outputs
    assert len(output.select("script")) == 3  # trees, their rows, and galleries
