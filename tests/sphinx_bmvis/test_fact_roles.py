"""The roles `params`, `macs`, `size` and `model-fact`: numbers in sentences, headings, cells and every format."""

import re

import pytest
from commands import snapshot

MODELS = """
from torch import nn

def small(width=8):
    return nn.Sequential(nn.Linear(width, width), nn.ReLU())

def large():
    return nn.Sequential(nn.Linear(2000, 1000).requires_grad_(False), nn.Linear(1000, 10))

def broken():
    raise ValueError("no weights")
"""
PROJECT = """
[tool.bmvis]
path = ["src"]
[tool.bmvis.models]
large = {reference = "nets:large", inputs = "float32[1, 2000]"}
"""
INDEX = """\
Models
======

.. toctree::

   other

.. _about:

A network of :params:`nets:large` parameters
--------------------------------------------

It has :params:`nets:large exact` (:params:`nets:large words`, :params:`nets:large rounded`) parameters in
:size:`nets:large`, :macs:`large` MACs, and :model-fact:`large:0 trainable` of :model-fact:`large:0 parameters exact`
in the first layer are trainable. The small one has :params:`nets:small(width=8)` in a
:model-fact:`nets:small type`, and :macs:`nets:small(width=8) inputs="float32[4, 8]"` MACs.

See :ref:`about`.

+-------+---------------------+
| Large | :size:`nets:large`  |
+-------+---------------------+
"""
OTHER = """\
# The size is {size}`nets:small exact`

See {ref}`about`: {params}`nets:small` parameters.

| Model | Parameters |
|---|---|
| Small | {params}`nets:small words` |
"""


@pytest.fixture
def nets(make_site):
    def make(pages):
        site = make_site(pages if isinstance(pages, dict) else {"index.rst": pages})
        site.folder.joinpath("src", "nets.py").write_text(MODELS)
        site.write("pyproject.toml", PROJECT)
        return site

    return make


def test_facts_in_sentences_headings_cells_and_references(nets):
    built = nets({"index.rst": INDEX, "other.md": OTHER}).build()
    assert built.warnings == ""
    page = built.page("index.html")
    text = " ".join(page.select_one(".body").get_text().split())
    assert "It has 2,011,010 (2 million, 2 million) parameters in 8 MB, 2M MACs, and 0 of 2,001,000 in" in text
    assert "The small one has 72 in a Sequential, and 256 MACs." in text
    assert "See A network of 2M parameters." in text
    assert page.select_one("td data").get_text() == "8 MB"
    assert page.select_one("h2 data")["title"] == "2,011,010"
    assert page.select_one("h2 data")["value"] == "2011010"
    assert page.select_one("h2").parent["id"] == "a-network-of-parameters"
    assert page.select_one(".toctree-wrapper").get_text(strip=True) == "The size is 288 bytes"
    other = built.page("other.html")
    assert other.select_one("title").get_text().startswith("The size is 288 bytes")
    assert "See A network of 2M parameters: 72 parameters." in other.get_text()
    assert other.select_one("td:last-child data").get_text() == "72"
    assert "The size is 288 bytes" in built.read("searchindex.js")


MISTAKES = {
    ":params:`nets:broken`": ("'nets:broken' raised ValueError: no weights", "parameters of nets:broken"),
    ":params:`large:1.weights`": ("the model 'large' has no module '1.weights'", "parameters of large, 1.weights"),
    ":model-fact:`nets:small active`": ("'nets:small' has no value of 'active'", "active of nets:small"),
    ":macs:`nets:large inputs=float32[1,2]`": ("could not be called: it raised", "macs of nets:large"),
    ":macs:`nets:small`": ("'macs' requires 'inputs'", "macs of nets:small"),
    ":params:`nets:small size`": ("unexpected word 'size'", "nets:small size"),
    ":params:`nets:small of=size`": ("unexpected option 'of'", "nets:small of=size"),
    ":model-fact:`nets:small parameter`": (
        "unknown word 'parameter' (did you mean 'parameters'?)",
        "nets:small parameter",
    ),
    ":model-fact:`nets:small fact=size`": (
        "unknown option of a fact 'fact' (did you mean 'of'?)",
        "nets:small fact=size",
    ),
    ":params:`nets:small word`": ("unknown word 'word' (did you mean 'words'?)", "nets:small word"),
    ":params:`nets:small style=exact`": ("unknown option of a fact 'style'", "nets:small style=exact"),
    ":params:`smal`": ("'smal' is neither a reference", "parameters of smal"),
    ":params:`nets`": ("'nets' is neither a reference", "parameters of nets"),
    ":size:`nets:missing`": ("'nets' has no 'missing'", "size of nets:missing"),
}


def test_a_fact_that_fails_is_one_located_warning_and_a_mark(nets):
    pages = {f"p{number}.rst": f"P\n=\n\nHas {role}.\n" for number, role in enumerate(MISTAKES)}
    built = nets(pages | {"index.rst": "M\n=\n\n.. toctree::\n   :glob:\n\n   *\n"}).build()
    for number, (message, mark) in enumerate(MISTAKES.values()):
        [warning] = [text for text in built.warnings.splitlines() if f"/p{number}.rst:4: WARNING: " in text]
        assert message in warning
        found = built.page(f"p{number}.html")
        assert found.select_one("p mark").get_text() == f"[unknown: {mark}]"
        assert message in found.select_one("p mark")["title"]


def test_a_changed_model_changes_sentences_titles_and_what_refers_to_them(nets):
    site = nets({"index.rst": INDEX, "other.md": OTHER})
    site.build()
    source = site.folder / "src" / "nets.py"
    source.write_text(MODELS.replace("width=8", "width=16").replace("1000, 10)", "1000, 999)"))
    changed = site.build()
    assert changed.warnings == ""
    assert "See A network of 3M parameters: 272 parameters." in changed.page("other.html").get_text()
    assert changed.page("other.html").select_one("h1").get_text().startswith("The size is 1,088 bytes")
    assert "The size is 1,088 bytes" in changed.page("index.html").select_one(".toctree-wrapper").get_text()
    source.write_text(MODELS.replace("def large", "def renamed"))
    broken = site.build()
    assert "'nets' has no 'large'" in broken.warnings
    assert "A network of [unknown: parameters of nets:large] parameters" in broken.page("other.html").get_text()
    assert "2M" not in broken.page("index.html").get_text()
    source.write_text(MODELS)
    assert "See A network of 2M parameters" in site.build().page("other.html").get_text()


LINKS = "Links\n=====\n\n:doc:`facts`, :ref:`about`\n"
TITLED = """\
Net of :params:`nets:small`
===========================

.. _about:

Layers of :size:`nets:small exact`
----------------------------------
"""
TITLES = {
    "built": (MODELS, "Net of 72", "Layers of 288 bytes"),
    "changed": (MODELS.replace("width=8", "width=16"), "Net of 272", "Layers of 1,088 bytes"),
    "broken": (
        MODELS.replace("def small(", "def other("),
        "Net of [unknown: parameters of nets:small]",
        "Layers of [unknown: size of nets:small]",
    ),
    "fixed": (MODELS, "Net of 72", "Layers of 288 bytes"),
}


@pytest.mark.parametrize("builder", ["html", pytest.param("text", marks=pytest.mark.builds)])
def test_pages_without_models_follow_a_number_in_the_title_of_another_page(nets, builder):
    index = "I\n=\n\n.. toctree::\n\n   facts\n   links\n"
    site = nets({"index.rst": index, "facts.rst": TITLED, "links.rst": LINKS})
    suffix = {"html": "html", "text": "txt"}[builder]
    for step, (source, page, section) in TITLES.items():
        (site.folder / "src" / "nets.py").write_text(source)
        built = site.build(builder)
        for name in ("index", "links"):
            text = " ".join(built.read(f"{name}.{suffix}").split())
            assert page in text, (step, name)
            assert section in text, (step, name)
    assert built.warnings == ""
    assert "no targets are out of date" in site.build(builder).status


def test_an_entry_of_pyproject_changes_the_sentence(nets):
    site = nets("M\n=\n\n:macs:`large exact` :params:`large`\n")
    assert "2,010,000 2M" in site.build().page("index.html").get_text()
    site.write("pyproject.toml", PROJECT.replace("[1, 2000]", "[2, 2000]"))
    assert "4,020,000 2M" in site.build().page("index.html").get_text()
    site.write("pyproject.toml", PROJECT.replace("nets:large", "nets:small").replace("[1, 2000]", "[1, 8]"))
    assert "64 72" in site.build().page("index.html").get_text()


def test_snapshots_and_their_drift(nets):
    site = nets(
        "M\n=\n\n:params:`large exact` :size:`nets:large` :macs:`large` :macs:`nets:large inputs=float32[2,2000]`\n"
    )
    snapshot(site.folder)
    built = site.build(bmvis_mode="snapshot")
    assert "2,011,010 8 MB 2M [unknown: macs of nets:large]" in built.page("index.html").get_text()
    assert re.search(r"index.rst:4: WARNING: the snapshot of 'large' has no output shapes and MACs", built.warnings)
    site.folder.joinpath("src", "nets.py").write_text(MODELS.replace("1000, 10)", "1000, 20)"))
    checked = site.build(bmvis_mode="check")
    assert "2,021,020" in checked.page("index.html").get_text()
    assert re.search(r"index.rst:4: WARNING: .*differs from its snapshot", checked.warnings)


def test_every_builder_takes_facts(nets):
    site = nets({"index.rst": INDEX, "other.md": OTHER})
    for builder in ("dirhtml", "singlehtml", "epub", "man", "texinfo", "gettext", "xml", "pseudoxml"):
        assert site.build(builder, copyright="2026").warnings == "", builder
    text = site.build("text").read("index.txt")
    assert "A network of 2M parameters\n====" in text
    assert "| Large   | 8 MB " in text
    book = site.build("latex").read("smallmodels.tex")
    assert r"\chapter{A network of 2M parameters}" in book
    assert "It has 2,011,010 (2 million, 2 million) parameters in" in " ".join(book.split())
    contents = site.build("epub").folder.joinpath("nav.xhtml").read_text()
    assert "The size is 288 bytes" in contents


def test_facts_in_branches_that_a_build_leaves_out(nets):
    branch = ".. only:: {}\n\n   {}\n   ~~~~~~~~~~~~~~~~~~~~~~~~\n\n   Has {}.\n\n"
    text = branch.format("latex", ":params:`nets:broken` L", ":size:`nets:broken`")
    site = nets("M\n=\n\n" + text + branch.format("html", "H :params:`nets:small`", ":size:`nets:small`"))
    built = site.build()
    assert built.warnings == ""
    assert "Has 288 bytes" in built.page("index.html").get_text()
    assert "nets:broken" in site.build("latex").warnings
    assert "H 72" in site.build().page("index.html").get_text()


def test_pages_read_and_written_in_parallel(nets):
    pages = {f"p{n}.rst": f"P {{n}} :params:`nets:small(width={n})`\n{'=' * 40}\n\nText\n" for n in range(2, 10)}
    pages["index.rst"] = "M\n=\n\n.. toctree::\n\n   " + "\n   ".join(f"p{n}" for n in range(2, 10)) + "\n"
    built = nets(pages).build(jobs=2)
    assert built.warnings == ""
    assert built.page("p9.html").select_one("h1 data").get_text() == "90"
    assert "P {n} 90" in built.page("index.html").select_one(".toctree-wrapper").get_text()
