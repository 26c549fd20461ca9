"""Hints of errors."""

import pytest

from bmvis.errors import nearest


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("dept", ["device", "depth"], "did you mean 'depth'?"),
        ("x", ["b", "a"], "known: a, b"),
        ("x", [], ""),
        ("x", [f"n{i}" for i in range(8)], "known: n0, n1, n2, n3, n4, n5, n6, n7"),
        ("x", [f"n{i}" for i in range(300)], "known: n0, n1, n10, n100, n101, n102, n103, n104, … (292 more)"),
    ],
    ids=["close", "far", "none", "all", "cut"],
)
def test_nearest_names_the_closest_word_or_at_most_eight(word, known, hint):
    assert nearest(word, known) == hint
