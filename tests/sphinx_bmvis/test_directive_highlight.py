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
