"""A highlight pattern without matches: a warning at its directive, and the whole tree."""

import re

import pytest

PAGE = """\
Marked
======

.. model-structure:: zoo:tiny
   :highlight: 1.dense

.. model-structure:: zoo:tiny
   :highlight: 1.dens norm

.. model-structure:: zoo:tiny
   :highlight: [r](
"""


@pytest.fixture(scope="module")
def built(make_site):
    return make_site({"index.rst": PAGE}).build("html")


def test_highlight_warning_has_location_and_suggestion(built):
    found = re.findall(r"index\.rst:(\d+): WARNING: (.*)", built.warnings)
    assert found == [
        (
            "10",
            "invalid regular expression '(': missing ), unterminated subpattern at position 0 [bmvis.option]",
        ),
        ("7", "'1.dens' matches no module of this Sequential (did you mean '0.dense'?) [bmvis.highlight]"),
    ]


def test_highlighted_modules_are_marked_and_unfolded(built):
    first, second = built.trees("index.html")
    names = [name.get_text() for name in first.select(".bmvis-tree b")]
    assert names == ["root", "0,2", "dense", "norm", "1", "dense", "norm"]
    assert [mark.parent.parent["id"].rpartition("tiny.")[2] for mark in first.select(".bmvis-tree mark")] == ["1.dense"]
    assert [mark["data-n"] for mark in second.select(".bmvis-tree mark")] == ["3"]


def test_highlight_warning_can_be_suppressed(make_site):
    page = PAGE.partition(".. model-structure:: zoo:tiny\n   :highlight: [r]")[0]
    assert make_site({"index.rst": page}).build("html", suppress_warnings=["bmvis.highlight"]).warnings == ""


def test_options_for_a_figure_without_one_have_a_warning_with_location(make_site):
    tree = "\n.. model-structure:: zoo:tiny\n"
    page = f"Tree\n====\n{tree}   :flow-open: 1\n   :flow-ops: none\n{tree}"
    built = make_site({"index.rst": page}).build("html", bmvis_options={"flow-ops": "all"})
    assert re.findall(r"index\.rst:(\d+): WARNING: (.*)", built.warnings) == [
        ("4", "flow-open and flow-ops have no effect without flow (add flow: auto) [bmvis.option]")
    ]
    assert len(built.trees("index.html")) == 2
