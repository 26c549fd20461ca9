"""Trees on notebook pages, whose cells MyST-NB runs, and descriptions of pages by other extensions."""

import json

import pytest

pytest.importorskip("myst_nb", reason="myst-nb is not installed: `make test-matrix` brings it")
pytest.importorskip("sphinxext.opengraph", reason="sphinxext-opengraph is not installed: `make test-matrix` brings it")

EXTENSIONS = ["myst_nb", "sphinxext.opengraph", "sphinx_bmvis"]
CAPTURE = "import sys\nsys.path.insert(0, 'src')\nimport bmvis, zoo\nmodel = bmvis.capture(zoo.tiny())\nmodel"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
TEXT = f"""\
---
file_format: mystnb
kernelspec: {json.dumps(KERNEL)}
---
# Text

```{{model-structure}} zoo:tiny
:name: in-text
:search:
```

It is written as text.

```{{code-cell}} python
{CAPTURE}
```

```{{code-cell}} python
model.draw(depth=1)
```

```{{code-cell}} python
print(model.draw(depth=1))
```

See {{module}}`in-text:1.dense` and {{module}}`in-book:0.norm`.
"""
MARKDOWN = """\
# Book

A notebook.

```{model-structure} zoo:tiny
:name: in-book
```

```{model-gallery}
:toctree: models

zoo:tiny
```
"""
BOOK = {
    "cells": [
        {"cell_type": "markdown", "id": "one", "metadata": {}, "source": MARKDOWN},
        {
            "cell_type": "code",
            "id": "two",
            "metadata": {},
            "source": CAPTURE,
            "execution_count": None,
            "outputs": [],
        },
    ],
    "metadata": {"kernelspec": KERNEL},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture(scope="module")
def built(make_site):
    index = "# Start\n\n```{model-gallery} zoo:tiny\n```\n\nA site of notebooks.\n\n```{toctree}\ntext\nbook\n```\n"
    site = make_site({"index.md": index, "text.md": TEXT, "book.ipynb": json.dumps(BOOK)})
    settings = {"nb_execution_raise_on_error": True, "ogp_site_url": "https://models.example/"}
    return site.build(extensions=EXTENSIONS, nb_execution_mode="force", **settings)


def test_markdown_cells_take_trees_and_code_cells_draw_models(built):
    assert built.warnings == ""
    for page, name, outputs in (("text.html", "in-text", 2), ("book.html", "in-book", 1)):
        trees = built.trees(page)
        assert trees[0]["id"] == name
        drawn = [tree for tree in trees if tree.find_parent(class_="cell_output")]
        assert len(drawn) == outputs
        assert drawn[0].select_one(".bmvis-tree").get_text() == trees[0].select_one(".bmvis-tree").get_text()
        ids = [element["id"] for element in built.page(page).select("[id]")]
        assert len(ids) == len(set(ids))


def test_gallery_of_a_notebook_has_pages(built):
    assert built.page("book.html").select_one(".bmvis-card a")["href"] == "models/zoo.tiny.html"
    assert len(built.trees("models/zoo.tiny.html")) == 1


def test_notebook_cell_prints_the_tree_as_text(built):
    assert "0-2(Block)" in built.page("text.html").select_one(".cell_output pre").get_text()


def test_references_reach_trees_of_notebooks(built):
    links = [(a.get_text(), a["href"]) for a in built.page("text.html").select("p > a.internal")]
    assert links == [("1.dense", "#in-text.0.dense"), ("0.norm", "book.html#in-book.0.norm")]


@pytest.mark.parametrize(
    ("page", "text"),
    [("index.html", "A site of notebooks."), ("text.html", "It is written as text."), ("book.html", "A notebook.")],
)
def test_page_description_is_its_first_text(built, page, text):
    assert built.page(page).select_one("meta[property='og:description']")["content"].startswith(text)
