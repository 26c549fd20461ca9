"""The `model-gallery` directive: cards, and a page for each model."""

import os
import re
import shutil

import pytest

from sphinx_bmvis.gallery_pages import find_in_markdown, find_in_rst, split_body

ZOO = '''
"""Models with short names."""
from typing import Dict

from torch import nn
from torch.nn import Linear


class Small(nn.Sequential):
    def __init__(self, width=2):
        super().__init__(nn.Linear(width, width))


class Needy(nn.Module):
    def __init__(self, width):
        super().__init__()


def small_linear() -> Linear:
    return nn.Linear(3, 3)


def small_frozen():
    return nn.Linear(2, 2).requires_grad_(False)


def sizes() -> Dict[str, int]:
    return {}


def width() -> int:
    return 3


def needy(width):
    return nn.Linear(width, 1)


def _private():
    return nn.Linear(1, 1)
'''
BY_DEVICE = """
import torch
from torch import nn

def net():
    return nn.Linear(2, 2, bias=torch.get_default_device().type == "cpu")
"""
INDEX = """\
Models
======

.. model-gallery::
   :toctree: models

   shelf:small_* | | small, linear
   zoo:tiny | Tiny, the model | small
"""


@pytest.fixture(scope="session")
def shelf(make_site):
    def make(index: str = INDEX, name: str = "index.rst"):
        site = make_site({name: index})
        site.folder.joinpath("src", "shelf.py").write_text(ZOO)
        return site

    return make


def titles(built, page="index.html"):
    return [title.get_text() for title in built.page(page).select(".bmvis-card-title")]


@pytest.fixture(scope="module")
def models_site(shelf):
    """Return a site with a gallery and its pages, for tests that do not change it."""
    return shelf()


@pytest.fixture(scope="module")
def models_built(models_site):
    return models_site.build()


def test_gallery_has_cards_pages_and_links(models_built):
    built = models_built
    assert built.warnings == ""
    cards = built.page("index.html").select(".bmvis-card")
    assert titles(built) == ["small_linear", "small_frozen", "Tiny, the model"]
    assert [card.a["href"] for card in cards] == [
        "models/shelf.small_linear.html",
        "models/shelf.small_frozen.html",
        "models/zoo.tiny.html",
    ]
    assert cards[0].select_one(".bmvis-facts").get_text() == "12 parameters 48 bytes"
    assert cards[1].select_one(".bmvis-facts span:nth-of-type(2)").get_text() == "0 % trainable"
    assert [tag.get_text() for tag in cards[0].select(".bmvis-tags li")] == ["small", "linear"]
    assert cards[2].svg["aria-label"] == "Where the parameters are: 0.dense 71.4 %, 0.norm 28.6 %"
    assert [tag.get_text() for tag in built.page("models/shelf.small_linear.html").select(".bmvis-tag")] == [
        "small",
        "linear",
    ]
    page = built.page("models/zoo.tiny.html")
    assert page.h1.get_text().startswith("Tiny, the model")
    assert page.select_one(".bmvis-tree")
    assert "bmvis-gallery.js" in built.read("index.html")
    assert "bmvis-gallery.js" not in built.read("models/zoo.tiny.html")


@pytest.mark.usefixtures("models_built")
def test_second_build_reads_and_builds_nothing(models_site):
    again = models_site.build()
    assert again.warnings == ""
    assert not again.worker_ran
    assert "0 added, 0 changed, 0 removed" in again.status


def test_added_or_removed_model_adds_or_removes_its_page(shelf):
    site = shelf()
    site.build()
    source = site.folder / "src" / "shelf.py"
    source.write_text(ZOO.replace("def small_frozen", "def small_new"))
    os.utime(source, (2e9, 2e9))
    built = site.build()
    assert built.warnings == ""
    assert titles(built) == ["small_linear", "small_new", "Tiny, the model"]
    pages = {file.name for file in (site.folder / "models").iterdir()}
    assert pages == {"shelf.small_linear.rst", "shelf.small_new.rst", "zoo.tiny.rst"}


def test_removed_gallery_removes_its_pages_but_not_those_of_an_author(shelf):
    site = shelf()
    site.build()
    own = "Tiny\n====\n\nMy own words.\n"
    site.write("models/zoo.tiny.rst", own)
    built = site.build()
    assert "My own words" in built.read("models/zoo.tiny.html")
    site.write("index.rst", "Models\n======\n\n.. toctree::\n   :glob:\n\n   models/*\n")
    shutil.rmtree(site.folder / "_build")  # bmvis recognizes its pages by their text
    assert site.build().warnings == ""
    assert [file.name for file in (site.folder / "models").iterdir()] == ["zoo.tiny.rst"]


def test_pattern_finds_factories_without_required_arguments(shelf):
    built = shelf("M\n=\n\n.. model-gallery:: shelf:*\n").build()
    assert titles(built) == ["Small", "small_linear", "small_frozen"]
    assert built.warnings == ""


FAILING = {
    "rst.rst": "M\n=\n\n.. model-gallery::\n   :sort: parameters\n\n   zoo:tiny\n   zoo:raising\n",
    "myst.md": "# M\n\n:::{tip}\n```{model-gallery}\n:sort: parameters\n\nzoo:tiny\nzoo:raising\n```\n:::\n",
}
WRONG = {
    "finds-nothing": (".. model-gallery:: shelf:nothing_*", "the pattern 'shelf:nothing_*' matches no model"),
    "no-module": (".. model-gallery:: absent:*", "no module named 'absent'"),
    "no-name": (".. model-gallery:: bert-*", "the pattern 'bert-*' matches no model"),
    "unknown-option": (".. model-gallery:: shelf:*\n   :sorted: name", "unknown gallery option 'sorted'"),
    "unknown-column": (
        ".. model-gallery:: shelf:small_*\n   :sort: mAP",
        "no model has the column 'mAP'",
    ),
    "folder-outside": (
        ".. model-gallery:: shelf:*\n   :toctree: ../out",
        "invalid value '../out' for option 'toctree'",
    ),
}


@pytest.fixture(scope="module")
def failing_built(shelf):
    """Return a site that was built, with a page for each mistake."""
    site = shelf("Mistakes\n========\n\n.. toctree::\n   :glob:\n\n   *\n")
    for name, text in FAILING.items():
        site.write(name, text)
    for name, (lines, _) in WRONG.items():
        site.write(f"{name}.rst", f"M\n=\n\n{lines}\n")
    return site.build()


@pytest.mark.parametrize("name", FAILING)
def test_failed_model_has_a_card_and_a_warning_with_its_line(failing_built, name):
    page = name.partition(".")[0] + ".html"
    assert titles(failing_built, page) == ["tiny", "raising"]
    assert "no weights" in failing_built.page(page).select_one(".bmvis-card-error").get_text()
    assert re.search(rf"/{name}:8: WARNING: .*no weights", failing_built.warnings)
    assert f"{name}:8" in failing_built.page(page).select_one(".bmvis-card-error small").get_text()


@pytest.mark.parametrize("name", WRONG)
def test_gallery_error_has_its_location(failing_built, name):
    message = WRONG[name][1]
    assert re.search(rf"/{name}\.rst:4: WARNING: .*{re.escape(message)}", failing_built.warnings)
    assert message in failing_built.page(f"{name}.html").get_text()


def test_pattern_skips_references_outside_the_allow_list(shelf):
    built = shelf("M\n=\n\n.. model-gallery:: shelf:*\n").build(bmvis_allow=["shelf:*linear"])
    assert titles(built) == ["small_linear"]
    refused = shelf("M\n=\n\n.. model-gallery:: shelf:*\n").build(bmvis_allow=["zoo:*"])
    assert "'shelf:*' is not allowed by `allow`" in refused.warnings
    assert not refused.page("index.html").select(".bmvis-card:not(.bmvis-card-error)")


@pytest.fixture(scope="module")
def two_galleries(shelf):
    site = shelf(f"{INDEX}\n.. toctree::\n\n   more\n")
    site.write("more.rst", "More\n====\n\n.. model-gallery::\n\n   zoo:tiny\n")
    return site


@pytest.mark.parametrize("builder", ["dirhtml", "singlehtml", "epub", "text", "latex", "man", "texinfo", "gettext"])
def test_builder_accepts_galleries(two_galleries, builder):
    built = two_galleries.build(builder)
    # Sphinx warns that `basic`, the test theme, has no image for the cover of EPUB.
    assert "bmvis" not in built.warnings
    assert "ERROR" not in built.warnings


def test_text_builder_writes_gallery_as_a_list(models_site):
    built = models_site.build("text")
    assert "* small_linear (Linear): 12 parameters, 48 bytes; small, linear" in built.read("index.txt")
    assert "Tags: small, linear" in built.read("models/shelf.small_linear.txt")


def test_text_builder_writes_a_list_for_each_group(shelf):
    text = shelf(INDEX.replace(":toctree: models", ":group:\n   :sort: parameters")).build("text").read("index.txt")
    assert text.index("**small**") < text.index("* **Tiny, the model**") < text.index("* **small_linear**")


CAPTIONED = """\
Models
======

.. model-structure:: zoo:tiny
   :caption: A tree

.. model-gallery:: zoo:tiny
   :name: the-zoo
   :caption: What we & they keep
   :class: wide

See :numref:`the-zoo` and :ref:`the-zoo`.
"""


def test_gallery_with_caption_is_a_numbered_figure(shelf):
    site = shelf(CAPTIONED)
    built = site.build(numfig=True)
    assert built.warnings == ""
    gallery = built.page("index.html").find(id="the-zoo")
    caption = gallery.select_one(".bmvis-caption")
    assert caption.get_text() == "Fig. 2 What we & they keep"
    assert gallery["aria-labelledby"] == caption["id"]
    assert "wide" in gallery["class"]
    assert "See Fig. 2 and What we & they keep." in built.page("index.html").get_text()
    assert 'msgid "What we & they keep"' in site.build("gettext").read("index.pot")
    text = site.build("text", numfig=True)
    assert text.warnings == ""
    assert text.read("index.txt").count("What we & they keep") == 2
    book = site.build("latex", numfig=True).read("smallmodels.tex")
    assert r"\bmviscaption{What we \& they keep}\label{\detokenize{index:the-zoo}}" in book
    assert book.index(r"\bmviscaption{What") < book.index("tiny} (Sequential)") < book.index("See ")


def test_gallery_alt_is_its_accessible_name(shelf):
    built = shelf(CAPTIONED.replace(":class: wide", ":alt: The zoo")).build()
    gallery = built.page("index.html").find(id="the-zoo")
    assert gallery["aria-label"] == "The zoo"
    assert "aria-labelledby" not in gallery.attrs


def test_parallel_build_writes_gallery_pages(shelf):
    index = INDEX + "\n.. toctree::\n\n   " + "\n   ".join(f"p{n}" for n in range(8)) + "\n"
    site = shelf(index)
    for n in range(8):
        site.write(f"p{n}.rst", f"P{n}\n==\n\n.. model-gallery:: shelf:small_*\n")
    built = site.build(jobs=2)
    assert built.warnings == ""
    assert len(built.page("p7.html").select(".bmvis-card")) == 2
    assert built.page("index.html").select_one(".bmvis-card a")["href"] == "models/shelf.small_linear.html"


def test_gallery_uses_the_template_of_the_site(shelf):
    site = shelf()
    (site.folder / "_templates" / "bmvis").mkdir(parents=True)
    site.write("_templates/bmvis/model.rst", "{{ title | heading }}\n\nOur page of {{ reference }}.\n")
    built = site.build(templates_path=["_templates"])
    assert "Our page of zoo:tiny." in built.read("models/zoo.tiny.html")


def test_gallery_pages_have_the_suffix_of_the_documents(shelf):
    built = shelf(INDEX, "index.txt").build(source_suffix={".txt": "restructuredtext"}, extensions=["sphinx_bmvis"])
    assert built.warnings == ""
    assert built.page("models/zoo.tiny.html").h1.get_text().startswith("Tiny, the model")


def test_gallery_writes_myst_pages_in_a_myst_site(shelf):
    text = "# Models\n\n:::{model-gallery}\n:toctree: models\n\nzoo:tiny | Tiny *model*\n:::\n"
    built = shelf(text, "index.md").build(source_suffix={".md": "markdown"})
    assert built.warnings == ""
    assert built.page("models/zoo.tiny.html").h1.get_text().startswith("Tiny *model*")
    assert built.page("models/zoo.tiny.html").select_one(".bmvis-tree")


def test_gallery_shows_snapshots_without_live_models(shelf):
    site = shelf("M\n=\n\n.. model-gallery::\n")
    site.write("pyproject.toml", '[tool.bmvis]\npath = ["src"]\n[tool.bmvis.models]\nlinear = "shelf:small_linear"\n')
    live = site.build()
    assert titles(live) == ["linear"]
    missing = site.build(bmvis_mode="snapshot")
    assert "bmvis snapshot" in missing.page("index.html").select_one(".bmvis-card-error").get_text()


DATA = "model,mAP,paper\nshelf:small_linear,53.1,[Ours](https://example.org/a)\n"


def test_cards_have_the_columns_of_a_data_file_and_follow_its_change(shelf):
    site = shelf("M\n=\n\n.. model-gallery::\n   :data: data.csv\n\n   shelf:small_linear\n")
    site.write("data.csv", DATA)
    built = site.build()
    values = built.page("index.html").select_one(".bmvis-card .bmvis-values")
    assert values.get_text(" ", strip=True) == "mAP 53.1 paper Ours"
    assert values.a["href"] == "https://example.org/a"
    site.write("data.csv", DATA.replace("53.1", "53.2").replace("small_linear", "small_liner"))
    changed = site.build()
    assert (
        "index.rst:7: WARNING: data.csv has no row for 'small_linear', but one for 'shelf:small_liner'"
        in changed.warnings
    )
    site.write("data.csv", DATA.replace("53.1", "53.2"))
    assert "mAP 53.2, paper Ours" in " ".join(site.build("text").read("index.txt").split())
    (site.folder / "data.csv").unlink()
    failed = site.build()
    assert "cannot read the data file 'data.csv': No such file or directory" in failed.warnings
    assert "data.csv" in failed.boxes("index.html")[0].get_text()


MARKDOWN = """
```python
:::{model-gallery} code
:::
```
::::{tab-set}
:::{model-gallery} zoo:a
:toctree: here

zoo:b
:::
::::
```{model-gallery} zoo:c
```
"""
RST = """
::

   .. model-gallery:: quoted

.. code-block:: rst

   .. model-gallery:: quoted

.. note::

   .. model-gallery:: zoo:a
      :toctree: here

      zoo:b

.. model-gallery:: zoo:c
"""


@pytest.mark.parametrize(("find", "text"), [(find_in_markdown, MARKDOWN), (find_in_rst, RST)], ids=["myst", "rst"])
def test_find_skips_galleries_in_examples(find, text):
    found = [(argument.strip(), *split_body(body)) for name, argument, body in find(text) if name == "model-gallery"]
    assert [argument for argument, _, _ in found] == ["zoo:a", "zoo:c"]
    assert found[0][1] == {"toctree": "here"}
    assert [line for line in found[0][2] if line] == ["zoo:b"]


@pytest.mark.parametrize(
    ("option", "parameters"), [("", "6 parameters"), ("   :device: meta\n", "4 parameters")], ids=["site", "gallery"]
)
def test_gallery_uses_the_device_of_the_site(make_site, option, parameters):
    gallery = f".. model-gallery::\n   :toctree: models\n{option}\n   placed:net\n"
    tree = ".. model-compare::\n   :before: placed:net\n   :after: placed:net\n"
    site = make_site({"index.rst": f"Models\n======\n\n{gallery}\n{tree}"})
    site.folder.joinpath("src", "placed.py").write_text(BY_DEVICE)
    built = site.build(bmvis_options={"device": "cpu"})
    assert built.warnings == ""
    assert built.page("index.html").select_one(".bmvis-card .bmvis-facts span").get_text() == parameters
    assert parameters in built.page("models/placed.net.html").get_text(" ")
    assert "6 parameters" in built.page("index.html").select_one(".bmvis-tree").parent.get_text(" ")


STAGED = """
from torch import nn

def net(widths=(8, 16, 24)):
    return nn.Sequential(*(nn.Sequential(*(nn.Linear(width, width) for _ in range(3))) for width in widths))
"""


@pytest.mark.parametrize(("fold", "rows", "cells"), [("equal", 7, 6), ("similar", 3, 3)])
def test_models_of_a_site_fold_alike_on_cards_pages_and_in_comparisons(make_site, fold, rows, cells):
    comparison = ".. model-compare::\n   :before: staged:net((8, 16))\n   :after: staged:net\n"
    gallery = ".. model-gallery::\n   :toctree: models\n\n   staged:net\n"
    site = make_site({"index.rst": f"Models\n======\n\n{gallery}\n{comparison}"})
    site.folder.joinpath("src", "staged.py").write_text(STAGED)
    built = site.build(bmvis_options={"fold": fold})
    assert built.warnings == ""
    page = built.page("index.html")
    assert "".join(path["d"] for path in page.select(".bmvis-card path")).count("z") == cells
    assert len(built.page("models/staged.net.html").select(".bmvis-tree li")) == rows
    assert bool(page.select(".bmvis-tree .bmvis-similar")) == (fold == "similar")


UNLINKED = "Start\n=====\n\n.. model-gallery::\n   :toctree: zoo\n\n   zoo:tiny\n"


def test_model_pages_that_sphinx_excludes_are_reported(make_site):
    site = make_site({"index.rst": UNLINKED})
    built = site.build(exclude_patterns=["_build", "zoo"])
    assert f"{site.folder}/index.rst:4: WARNING: Sphinx excludes the model page 'zoo/zoo.tiny'" in built.warnings
    assert built.warnings.count("WARNING") == 1
    assert not built.page("index.html").select(".bmvis-card a[href]")


def test_read_only_sources_cost_the_links_and_no_more(make_site):
    site = make_site({"index.rst": UNLINKED})
    site.write("zoo", "a file where the folder should be: nothing can be written there")
    built = site.build()
    assert "WARNING: cannot write the model pages of galleries: File exists, 'zoo'" in built.warnings
    assert built.warnings.count("WARNING") == 1
    assert len(built.page("index.html").select(".bmvis-cards > li")) == 1
