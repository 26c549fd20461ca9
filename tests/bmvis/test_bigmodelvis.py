"""The interface of bigmodelvis, and captured models in notebooks."""

import inspect
import io
import re
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup
from rich.console import Console
from torch import nn

import bmvis
from bmvis.errors import OptionError
from bmvis.extraction.modules import capture as read


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(2, 3), nn.Dropout(), nn.Linear(3, 3))


def test_arguments_equal_those_of_bigmodelvis():
    theirs = pytest.importorskip("bigmodelvis", reason="bigmodelvis is not installed").Visualization
    for name in ("__init__", "structure_graph"):
        known = {k: v.default for k, v in inspect.signature(getattr(theirs, name)).parameters.items()}
        ours = {k: v.default for k, v in inspect.signature(getattr(bmvis.Visualization, name)).parameters.items()}
        assert ours == known


def test_structure_graph_prints_and_returns_a_tree(model, capsys):
    tree = bmvis.Visualization(model).structure_graph(rootname="net", keep_non_params=True)
    assert capsys.readouterr().out.splitlines()[:3] == [
        "net",
        "├── 0 (Linear) weight:[3, 2] bias:[3]",
        "├── 1 (Dropout)",
    ]
    assert [child.label.plain for child in tree.children][1] == "1 (Dropout)"


def test_structure_graph_accepts_a_mapping_of_opendelta(model):
    mapping = {"0": {"__name__": "ff.w1"}, "2": {"__name__": "ff.w2"}}
    tree = bmvis.Visualization(model).structure_graph(common_structure=True, mapping=mapping, printTree=False)
    assert [child.label.plain for child in tree.children] == ["ff (Virtual)"]
    assert [child.label.plain.split()[0] for child in tree.children[0].children] == ["w1", "w2"]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"nope": {"__name__": "ff"}}, "the mapping given does not match this Sequential: no module 'nope' (ff)"),
        (None, "there is no common structure for Sequential (built-in mappings: bert, "),
    ],
    ids=["none of its names is there", "none for the model"],
)
def test_mapping_that_does_not_fit_is_a_warning(model, mapping, message):
    with pytest.warns(UserWarning, match=re.escape(message)) as caught:
        tree = bmvis.Visualization(model).structure_graph(common_structure=True, mapping=mapping, printTree=False)
    assert [warning.filename for warning in caught] == [__file__]
    assert len(tree.children) == 2


def test_only_common_implies_common(model):
    tree = bmvis.Visualization(model).structure_graph(only_common=True, printTree=False)
    assert [child.label.plain.split()[0] for child in tree.children] == ["0", "2"]


def test_drawing_in_python_warns_as_a_page_does(model):
    with pytest.warns(UserWarning, match="there is no common structure for Sequential") as caught:
        bmvis.capture(model).draw(common="auto")
    assert [warning.filename for warning in caught] == [__file__]


def test_structure_graph_can_print_nothing(model, capsys):
    bmvis.Visualization(model).structure_graph(expand_params=True, printTree=False)
    assert not capsys.readouterr().out


def test_captured_model_has_html_repr(model):
    found = bmvis.capture(model)
    html = BeautifulSoup(found._repr_html_(), "html.parser")
    assert [row["id"].split(".", 1)[1] for row in html.select("li[id]")] == ["", "0", "2"]
    assert html.style
    assert not html.script
    bundle = found._repr_mimebundle_()
    assert bundle["text/plain"].startswith("root\n├── 0 (Linear)")
    assert set(bundle) == {"text/plain", "text/html"}


def test_captured_model_prints_a_tree(model):
    found = bmvis.capture(model)
    assert str(found) == repr(found) == found._repr_mimebundle_()["text/plain"]
    console = Console(width=60, file=io.StringIO())
    console.print(found)
    console.print(found.draw(depth=1))
    assert console.file.getvalue().count("├── 0 (Linear) weight:[3, 2] bias:[3]\n") == 2


def test_outputs_have_distinct_ids(model):
    found = bmvis.capture(model)
    first, second = (BeautifulSoup(found._repr_html_(), "html.parser") for _ in range(2))
    assert not {e["id"] for e in first.select("[id]")} & {e["id"] for e in second.select("[id]")}


def test_options_are_those_of_pages(model):
    drawing = bmvis.capture(model).draw(non_params=True, root_name="net", depth=1)
    assert str(drawing).startswith("net\n├── 0 (Linear)")
    assert "Dropout" in drawing._repr_html_()
    with pytest.raises(OptionError, match="did you mean 'depth'"):
        bmvis.capture(model).draw(dept=1)


def test_visualization_data_equals_a_capture(model):
    found = bmvis.capture(model)
    assert found == read(model)
    assert read(model) == found
    assert len({found, read(model)}) == 1


def test_importing_bmvis_imports_neither_torch_nor_rich():
    code = "import bmvis, sys; sys.exit(bool({'torch', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
