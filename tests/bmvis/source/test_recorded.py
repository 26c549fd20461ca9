"""Snapshots are read, and the differences of a built model from its snapshot are reported."""

import json
from pathlib import Path

import msgspec
import pytest
from trees import linear

from bmvis.errors import SnapshotError
from bmvis.model.call import Call
from bmvis.model.snapshot import Snapshot, dump
from bmvis.model.tree import Model, Module
from bmvis.source.pyproject import read_project
from bmvis.source.recorded import conflict_sides, drift_error, read_recorded, read_snapshot, with_drift
from bmvis.source.source import Source
from bmvis.worker.protocol import Built

REFERENCE = "zoo:build"
RECORDED = Model((Module("", 0, "Net"), linear("head", 1, 2, 3)))
WIDER = Model((Module("", 0, "Net"), linear("head", 1, 2, 4)))


def from_file(model: Model) -> Model:
    return msgspec.structs.replace(model, is_recorded=True)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text(f"[tool.bmvis.models]\nsmall = '{REFERENCE}'\nnew = 'zoo:Net'\n")
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "small.json").write_text(dump(Snapshot(REFERENCE, RECORDED)))
    return read_project(tmp_path)


def test_recorded_model_depends_on_its_snapshot_only(project):
    built = read_recorded(project, "small", "small")
    assert (built.model, built.sources) == (from_file(RECORDED), (str(project.snapshot("small")),))
    assert len(built.dependencies) == 1


CALLED = msgspec.structs.replace(
    RECORDED,
    modules=tuple(msgspec.structs.replace(module, call=Call(1, at)) for at, module in enumerate(RECORDED.modules)),
    inputs="float32[1, 2]",
    versions={"torch": "2.9.0", "mylib": "1.0"},
)


@pytest.mark.parametrize(
    ("model", "inputs", "is_called", "message"),
    [
        (CALLED, "float32[1,2];", True, ""),
        (CALLED, "", False, ""),
        (RECORDED, "", False, ""),
        (
            CALLED,
            "float32[9, 2]",
            False,
            "has no output shapes and MACs for float32[9, 2] (it has those of float32[1, 2])",
        ),
        (RECORDED, "float32[1,2]", False, "has no output shapes and MACs for float32[1, 2] (it has none)"),
    ],
    ids=["recorded", "not requested", "neither", "other inputs", "not recorded"],
)
def test_recorded_model_has_the_forward_pass_that_the_page_requests(project, model, inputs, is_called, message):
    project.snapshot("small").write_text(dump(Snapshot(REFERENCE, model)))
    found = read_recorded(project, "small", "small", inputs).model
    assert found.is_recorded
    assert all(bool(module.call) == is_called for module in found.modules)
    assert (found.untraced.message if found.untraced else "") == (message and f"the snapshot of 'small' {message}")
    if message:
        assert 'set inputs = "float32[' in found.untraced.hint


@pytest.mark.parametrize(
    ("mode", "text", "option", "is_called"),
    [
        ("snapshot", "small", "", True),
        ("snapshot", REFERENCE, "", False),
        ("snapshot", REFERENCE, "float32[1, 2]", True),
        ("live", "snapshot:small", "", True),
        ("snapshot", "small", "float32[3, 2]", False),
    ],
)
def test_inputs_of_a_name_are_those_of_its_entry_unless_the_page_sets_others(project, mode, text, option, is_called):
    file = project.folder / "pyproject.toml"
    file.write_text(f"[tool.bmvis.models]\nsmall = {{reference='{REFERENCE}', inputs='float32[1,2]'}}\n")
    project.snapshot("small").write_text(dump(Snapshot(REFERENCE, CALLED)))
    with Source(project.folder, mode=mode) as source:
        model = source.resolve(text, inputs=option).model
    assert bool(model.root.call) == is_called


@pytest.mark.parametrize(
    ("recorded", "live", "drift"),
    [(CALLED, RECORDED, ""), (RECORDED, CALLED, ""), (CALLED, CALLED, "")],
    ids=["the page has none", "the snapshot has none", "both"],
)
def test_inputs_of_a_page_are_no_drift(project, recorded, live, drift):
    project.snapshot("small").write_text(dump(Snapshot(REFERENCE, recorded)))
    assert with_drift(project, "small", Built(live, ())).drift == drift


@pytest.mark.parametrize(
    ("name", "model", "drift", "number_of_sources"),
    [
        ("small", RECORDED, "", 1),
        ("small", WIDER, "~ head", 1),
        ("new", RECORDED, "no snapshot in", 0),
    ],
    ids=["same", "changed", "not recorded"],
)
def test_drift_is_an_error_next_to_the_tree(project, name, model, drift, number_of_sources):
    built = with_drift(project, name, Built(model, ()))
    error = drift_error("zoo:build", built)
    assert built.model == model
    assert len(built.sources) == number_of_sources
    assert len(built.dependencies) == 1  # a snapshot that is added later changes the page
    if not drift:
        assert error is None
    else:
        assert error.message == "'zoo:build' differs from its snapshot"
        assert drift in error.detail


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (None, "no snapshot in", "run `bmvis snapshot`, and commit it"),
        (
            dump(Snapshot("zoo:other", RECORDED)).encode(),
            "the snapshot of 'zoo:other', but pyproject.toml names",
            "run",
        ),
        (b"<<<<<<< ours\n{}\n=======\n[]\n>>>>>>> theirs\n", "has git conflict markers", "commit the result"),
        (b"\xff\xfe", "is not UTF-8 text", "run `bmvis snapshot`"),
        (b"{", r"small.json: ", "bmvis snapshot"),
    ],
    ids=["missing", "of another reference", "conflict", "encoding", "syntax"],
)
def test_unreadable_snapshot_is_reported_with_a_fix(project, content, message, hint):
    file = project.snapshot("small")
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(SnapshotError, match=message) as caught:
        read_snapshot(file, REFERENCE)
    assert str(file) in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("content", "sides"),
    [
        (b"a\nb\n", None),
        (b"a\n<<<<<<< x\nb\n=======\nc\n>>>>>>> y\nd\n", (b"a\nb\nd\n", b"a\nc\nd\n")),
        (b"<<<<<<< x\nb\n||||||| base\no\n=======\nc\n>>>>>>> y\n", (b"b\n", b"c\n")),
        (b"=======\n", None),
        (b"<<<<<<<< not a marker\n", None),
    ],
    ids=["none", "two sides", "with the base", "only a separator", "eight characters"],
)
def test_conflict_has_two_sides(content, sides):
    assert conflict_sides(content) == sides


@pytest.mark.parametrize(
    ("models", "pattern", "hint"),
    [
        ("", "bert-*", "pyproject.toml defines no models in [tool.bmvis.models]"),
        ("bert = 'zoo:bert'", "bart*", "did you mean 'bert'?"),
        ("bert = 'zoo:bert'", "zoo:bart_*", "in mode snapshot, a model needs a name in [tool.bmvis.models]"),
    ],
    ids=["no names", "similar name", "reference without a name"],
)
def test_pattern_without_matches_has_a_hint(tmp_path: Path, models, pattern, hint):
    (tmp_path / "pyproject.toml").write_text(f"[tool.bmvis.models]\n{models}\n")
    with Source(tmp_path, mode="snapshot") as source, pytest.raises(Exception, match="matches no model") as caught:
        source.find_all(pattern)
    assert caught.value.hint == hint
    assert json.dumps(pattern)[1:-1] in str(caught.value)
