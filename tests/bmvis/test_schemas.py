"""The JSON schemas that bmvis ships describe what it writes, and nothing else."""

import copy
import json
import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

import bmvis
from bmvis.cli import main
from bmvis.model import snapshot, tree
from bmvis.model.totals import Totals
from bmvis.options.parsing import parse_options
from bmvis.render.json_data import VERSION, to_data
from bmvis.source.source import Source
from bmvis.view.layout import layout
from bmvis.worker.protocol import model_request

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo_docs"
FOLDER = Path(bmvis.__file__).parent / "schemas"
SCHEMAS = {file.name.partition(".")[0]: json.loads(file.read_text()) for file in FOLDER.glob("*.schema.json")}
TREES = {
    "plain": ("digits:classifier", {}),
    "outputs": ("digits:classifier", {"inputs": "float32[2, 784]", "order": "execution"}),
    "buffers": ("models:SmallCNN", {"buffers": None, "extra-repr": None, "non-params": None}),
    "ties, lazy and shared": ("any_model:LanguageModel", {}),
    "quantized": ("any_model:quantized", {"device": "cpu"}),
    "adapters": ("any_model:adapters", {}),
    "a comparison": ("digits:classifier(layers=6)", {"base": "digits:classifier"}),
    "only changes": ("digits:classifier(layers=6)", {"base": "digits:classifier", "only-changes": None}),
    "parameter groups": ("models:t5_copied_recipe", {"optimizer": None}),
    "a checkpoint": ("checkpoint:weights/bert-lora", {}),
    "common names": ("digits:classifier", {"common": str(DEMO / "digits.toml")}),
    "only common names": ("digits:classifier", {"common": str(DEMO / "digits.toml"), "only-common": None}),
    "a highlight and a depth": ("models:bert_half_frozen", {"highlight": "layer.3.attention", "depth": "3"}),
}


def errors(name, data):
    """Return the errors of a schema for some data."""
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMAS[name]).iter_errors(data)]


def built(source, reference, written):
    options = parse_options(written)
    answer = source.answer(model_request(reference, options))
    return answer, layout(answer.model, options, answer.base)


@pytest.fixture(scope="module")
def source():
    with Source(DEMO, path=["."]) as found:
        yield found


@pytest.mark.parametrize(("reference", "written"), TREES.values(), ids=TREES)
def test_json_of_a_tree_matches_its_schema(source, reference, written):
    answer, page = built(source, reference, written)
    data = json.loads(json.dumps(to_data(page, reference, answer.model.device)))
    assert errors("tree", data) == []


@pytest.mark.parametrize("reference", list(dict.fromkeys(reference for reference, _ in TREES.values())))
def test_snapshot_matches_its_schema(source, reference):
    model = source.resolve(reference).model
    assert errors("snapshot", json.loads(snapshot.dump(snapshot.Snapshot(reference, model)))) == []


@pytest.mark.parametrize("inputs", ["float32[2, 784]", "float32[2, 3]"], ids=["called", "not callable"])
def test_snapshot_of_a_called_model_matches_its_schema(source, inputs):
    model = source.resolve("digits:classifier", inputs=inputs).model
    assert model.inputs == inputs
    assert errors("snapshot", json.loads(snapshot.dump(snapshot.Snapshot("digits:classifier", model)))) == []


def test_committed_snapshots_match_the_schema():
    for file in (DEMO / "snapshots").glob("*.json"):
        assert errors("snapshot", json.loads(file.read_text())) == []


def test_results_of_check_match_the_schema(tmp_path):
    names = 'same = "zoo:small"\nother = "zoo:small"\nbroken = "zoo:missing"\n'
    (tmp_path / "pyproject.toml").write_text(f"[tool.bmvis.models]\n{names}")
    (tmp_path / "zoo.py").write_text("from torch import nn\ndef small(): return nn.Linear(2, 2)\n")
    project = ["--project", str(tmp_path)]
    CliRunner().invoke(main, ["snapshot", "same", "other", *project])
    recorded = tmp_path / "snapshots" / "other.json"
    recorded.write_text(
        recorded.read_text().replace("float32[2]", "float16[2]").replace('"stored_bytes": 24', '"stored_bytes": 20')
    )
    found = json.loads(CliRunner().invoke(main, ["check", "--format", "json", *project]).stdout)
    assert {name: one["status"] for name, one in found.items()} == {
        "same": "same",
        "other": "drifted",
        "broken": "broken",
    }
    assert errors("check", found) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("bmvis",), 99),
        (("more",), 1),
        (("totals",), {"elements": 1, "bytes": 4}),
        (("rows", 0, "more"), 1),
        (("rows", 1, "names"), "embed"),
        (("rows", 1, "parameters", 0, "shape"), [-2]),
        (("rows", 1, "parameters", 0, "more"), 1),
    ],
)
def test_tree_schema_rejects_invalid_documents(source, path, value):
    answer, page = built(source, "digits:classifier", {})
    data = json.loads(json.dumps(to_data(page, "digits:classifier", answer.model.device)))
    assert errors("tree", with_value(data, path, value)) != []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("bmvis-snapshot",), 99),
        (("more",), 1),
        (("rows", 0, "name"), "root"),
        (("rows", 1, "more"), 1),
        (("rows", 1, "names"), "0-1"),
        (("rows", 1, "settings"), {"heads": 8}),
        (("rows", 1, "varies"), {"heads": [8]}),
        (("configurations",), [{"type": "BertConfig", "values": {"layers": 8}}]),
        (("versions",), {"torch": 2}),
        (("rows", 1, "parameters", "weight"), "float32"),
        (("rows", 1, "parameters", "weight"), "float32[2] delta frozen"),
        (("rows", 1, "parameters", "weight"), {"shape": [2]}),
    ],
)
def test_snapshot_schema_rejects_what_load_rejects(source, path, value):
    text = snapshot.dump(snapshot.Snapshot("digits:classifier", source.resolve("digits:classifier").model))
    changed = with_value(json.loads(text), path, value)
    assert errors("snapshot", changed) != []


def with_value(data, path, value):
    changed = copy.deepcopy(data)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


MORE = {"names", "like", "varies", "extra_reprs", "call", "call_varies"}


def fields(cls, *others):
    return {field.name for field in msgspec.structs.fields(cls)} - set(others)


@pytest.mark.parametrize(
    ("schema", "path", "names"),
    [
        ("tree", "parameter", fields(tree.Parameter) | {"most"}),
        ("tree", "buffer", fields(tree.Buffer) | {"most"}),
        ("tree", "change", fields(tree.Change)),
        ("snapshot", "row", fields(tree.Module, "change", "origin", "common", "call") | MORE),
    ],
)
def test_schema_has_the_fields_of_the_records(schema, path, names):
    assert set(SCHEMAS[schema]["$defs"][path]["properties"]) == names


def test_schemas_have_the_current_versions():
    assert SCHEMAS["tree"]["properties"]["bmvis"]["const"] == VERSION
    assert SCHEMAS["snapshot"]["properties"]["bmvis-snapshot"]["enum"] == list(snapshot.UNRECORDED)
    assert set(SCHEMAS["check"]["$defs"]["totals"]["properties"]) == fields(Totals)


def test_examples_of_the_manual_match_the_schemas():
    page = (DEMO / "pages" / "json.md").read_text()
    examples = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)]
    assert [errors(name, one) for name, one in zip(("tree", "check", "snapshot"), examples, strict=True)] == [
        [],
        [],
        [],
    ]
