"""The directive `model-optimizer`: a table, marks on the tree, and a located warning of what is wrong."""

import re

import pytest

PAGE = """\
Trained
=======

.. model-optimizer:: zoo:trained
   :name: recipe

.. model-optimizer:: zoo:trained
   :accept: frozen

.. model-structure:: zoo:trained

.. model-optimizer:: zoo:tiny
"""


@pytest.fixture(scope="module")
def built(make_site):
    return make_site({"index.rst": PAGE}).build("html")


def test_warnings_have_their_place(built):
    found = re.findall(r"index\.rst:(\d+): WARNING: (.*)", built.warnings)
    assert [line for line, _ in found] == ["4", "12"]
    assert found[0][1].startswith("4 frozen parameters (")
    assert found[0][1].endswith("or accept=frozen if intended) [bmvis.optimizer]")
    assert "the factory returns no optimizer" in found[1][1]


def test_optimizer_directive_shows_table_and_marks(built):
    recipe, accepted, alone, without = built.trees("index.html")
    assert recipe["id"] == "recipe"
    for tree in (recipe, accepted):
        assert [cell.get_text() for cell in tree.select("tbody th")] == ["0"]
        assert tree.select(".bmvis-findings li")
        assert {mark["aria-label"] for mark in tree.select(".bmvis-tree .bmvis-g")} == {"group 0"}
    for tree in (alone, without):
        assert not tree.select("table, .bmvis-g")


@pytest.mark.parametrize(("builder", "file"), [("text", "index.txt"), ("latex", "smallmodels.tex")])
def test_other_formats_have_the_table(make_site, builder, file):
    built = make_site({"index.rst": PAGE}).build(builder)
    text = built.read(file).replace(r"\_\bmvisbreak{}", "_")
    assert "SGD: lr 0.1" in text.replace(r"\bmvisbreak{}", "")
    assert "tensors" in text
