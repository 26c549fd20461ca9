"""A captured model is a value, and a notebook displays it as a tree."""

import re

import pytest
from trees import linear

from bmvis.errors import OptionError
from bmvis.model.tree import Model, Module
from bmvis.notebook import captured


def network(width: int) -> Model:
    return Model((Module("", 0, "Net"), Module("drop", 1, "Dropout"), linear("head", 1, 2, width)))


@pytest.mark.parametrize(
    ("other", "is_equal"),
    [
        (captured(network(3)), True),
        (network(3), True),
        (captured(network(4)), False),
        (network(4), False),
        (None, False),
        ("root\n", False),
    ],
    ids=["captured", "model", "other captured", "other model", "nothing", "text"],
)
def test_captured_model_is_equal_to_models_with_the_same_data(other, is_equal):
    one = captured(network(3))
    assert (one == other) is (other == one) is is_equal
    assert (one != other) is (other != one) is (not is_equal)
    assert (hash(one) == hash(other)) is is_equal
    assert len({one, other}) == (1 if is_equal else 2)


def test_notebook_gets_html_and_text():
    found = captured(network(3))._repr_mimebundle_()
    assert found["text/plain"].splitlines()[:2] == ["root", "└── head (Linear) weight:[3, 2] bias:[3]"]
    assert found["text/html"].startswith("<style>")
    assert "<script" not in found["text/html"]
    assert {type(text) for text in found.values()} == {str}, "notebooks write no subclasses"
    assert "weight" in found["text/html"]


def test_trees_of_one_page_have_distinct_ids():
    model = captured(network(3))
    first, second = (set(re.findall(r' id="([^"]+)"', model._repr_html_())) for _ in range(2))
    assert first
    assert not first & second


def test_options_of_a_drawing_are_those_of_a_site():
    drawing = captured(network(3)).draw(non_params=True, root_name="net")
    assert str(drawing).splitlines()[:2] == ["net", "├── drop (Dropout)"]
    with pytest.raises(OptionError, match="deep"):
        captured(network(3)).draw(deep=2)


def test_problem_of_a_drawing_is_a_warning_at_the_call():
    with pytest.warns(UserWarning, match="bert") as caught:
        captured(network(3)).draw(common="bert")
    assert [warning.filename for warning in caught] == [__file__]
