"""A captured model is a value, and a notebook displays it as a tree."""

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import trees
from trees import linear

from bmvis.errors import OptionError
from bmvis.model.tree import Model, Module
from bmvis.notebook import captured, share_assets


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
    assert found["text/html"].startswith("<style")
    assert {type(text) for text in found.values()} == {str}, "notebooks write no subclasses"
    assert "weight" in found["text/html"]


@pytest.mark.parametrize(
    ("model", "scripts", "most"), [(network(3), 0, 12_000), (trees.bert(), 1, 33_000)], ids=["few rows", "more rows"]
)
def test_output_has_few_bytes_of_styles_and_script(model, scripts, most):
    html = captured(model)._repr_html_()
    assert html.count("<script") == scripts
    drawn = html[html.index('<div class="bmvis') : html.rindex("</div>")]
    assert len(html.encode()) - len(drawn.encode()) <= most


def test_trees_of_one_page_have_distinct_ids():
    models = (network(3), network(3), network(4))
    ids = [set(re.findall(r' id="([^"]+)"', captured(model)._repr_html_())) for model in models]
    assert all(ids)
    assert len(set.union(*ids)) == sum(map(len, ids))


def test_id_of_an_output_depends_on_its_content_only():
    """So that a notebook which was run again, or in parts by two kernels, has the same outputs, and no id twice."""
    code = (
        "from bmvis.model.tree import Model, Module; from bmvis.notebook import captured\n"
        "for name in {names!r}: print(captured(Model((Module('', 0, name),)))._repr_html_().partition('id=')[2][:19])"
    )
    run = [
        subprocess.run([sys.executable, "-c", code.format(names=names)], capture_output=True, text=True, check=True)
        for names in ("AB", "BA")
    ]
    first, second = (done.stdout.split() for done in run)
    assert first == second[::-1]
    assert len(set(first)) == 2


def test_preprocessor_of_nbconvert_moves_styles_and_scripts_to_the_first_tree():
    """nbconvert accepts a function as a preprocessor: https://nbconvert.readthedocs.io/en/latest/nbconvert_library.html."""
    text = {"output_type": "stream", "text": "<style>"}
    first, second = ({"data": captured(model)._repr_mimebundle_()} for model in (network(3), trees.bert()))
    other = {"data": {"text/html": "<style>td {}</style>", "image/png": ""}}
    notebook = SimpleNamespace(cells=[{}, {"outputs": [text, other, first]}, {"outputs": [second]}])
    assert share_assets(notebook, {"a": 1}) == (notebook, {"a": 1})
    shared, rest = first["data"]["text/html"], second["data"]["text/html"]
    assert [html.count(f"<{name}") for html in (shared, rest) for name in ("style", "script")] == [1, 1, 0, 0]
    assert ".bmvis-times{" in shared, "what only the second tree needs"
    assert other["data"]["text/html"] == "<style>td {}</style>"
    assert share_assets(SimpleNamespace(cells=[]), None)


def test_options_of_a_drawing_are_those_of_a_site():
    drawing = captured(network(3)).draw(non_params=True, root_name="net")
    assert str(drawing).splitlines()[:2] == ["net", "├── drop (Dropout)"]
    with pytest.raises(OptionError, match="deep"):
        captured(network(3)).draw(deep=2)


def test_problem_of_a_drawing_is_a_warning_at_the_call():
    with pytest.warns(UserWarning, match="bert") as caught:
        captured(network(3)).draw(common="bert")
    assert [warning.filename for warning in caught] == [__file__]
