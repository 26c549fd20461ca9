"""Hints of errors."""

import pickle

import pytest

from bmvis.errors import BmvisError, FactoryError, nearest


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("dept", ["device", "depth"], "did you mean 'depth'?"),
        ("nope", ["Encoder", "make"], "known: Encoder, make"),
        ("nope", ["net", "conv"], "known: conv, net"),
        ("ENCODER", ["Encoder", "Decoder"], "did you mean 'Encoder'?"),
        ("tyni", ["tiny", "huge"], "did you mean 'tiny'?"),
        ("tuned", ["tune", "prune"], "did you mean 'tune'?"),
        ("x", ["b", "a"], "known: a, b"),
        ("x", [], ""),
        ("x", [f"n{i}" for i in range(8)], "known: n0, n1, n2, n3, n4, n5, n6, n7"),
        ("x", [f"n{i}" for i in range(300)], "known: n0, n1, n10, n100, n101, n102, n103, n104, … (292 more)"),
    ],
    ids=["close", "unlike", "shorter", "case", "swapped", "longer", "far", "none", "all", "cut"],
)
def test_nearest_names_the_closest_word_or_at_most_eight(word, known, hint):
    assert nearest(word, known) == hint


ERROR = FactoryError("it raised", hint="fix the factory", detail="line 1\nline 2")


def test_error_text_has_message_and_hint():
    assert str(ERROR) == "it raised (fix the factory)"
    assert str(FactoryError("it raised")) == "it raised"
    assert ERROR.report == "it raised (fix the factory)\n    line 1\n    line 2"
    assert ERROR.args == ("it raised",)


def test_error_can_be_pickled():
    copy = pickle.loads(pickle.dumps(ERROR))
    assert type(copy) is FactoryError
    assert (copy.message, copy.hint, copy.detail) == (ERROR.message, ERROR.hint, ERROR.detail)


def test_each_kind_of_error_has_a_name_of_its_own():
    kinds = [cls.kind for cls in BmvisError.__subclasses__()]
    assert len(set(kinds)) == len(kinds)
    assert all(kind.isidentifier() for kind in kinds)
