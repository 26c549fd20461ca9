"""Where a site takes models from: the modes, and the settings of pyproject.toml."""

import sys

import pytest
from snapshot_project import PYPROJECT, ZOO, run

from bmvis.errors import BmvisError, InvalidReferenceError, ProjectError, SnapshotError
from bmvis.source.source import Source


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[tool.bmvis.models]\na = 'z:b'\nA = 'z:b'", "the same file name on some systems"),
        ("[tool.bmvis]\nmodel = 1", r"unknown key 'model' \(did you mean 'models'\?\)"),
        (
            "[tool.bmvis.models]\na = {reference = 'z:b', devise = 'cpu'}",
            r"unknown key 'devise' \(did you mean 'device'\?\)",
        ),
        ("[tool.bmvis", "does not parse"),
    ],
    ids=["case", "table", "model", "toml"],
)
def test_wrong_pyproject_is_reported(project, text, reason):
    (project / "pyproject.toml").write_text(text)
    with pytest.raises(ProjectError, match=reason):
        Source(project).resolve("a")


def test_snapshot_mode_starts_no_process(recorded):
    with Source(recorded / "docs", mode="snapshot", python="no-python") as source:
        by_name, by_reference = source.resolve("small"), source.resolve("zoo:build(size=2)")
    assert by_name == by_reference
    assert by_name.sources == (str(recorded / "snapshots" / "small.json"),)
    assert len(by_name.model.modules) == 5


def test_snapshot_mode_requires_a_name(recorded):
    with Source(recorded, mode="snapshot") as source, pytest.raises(SnapshotError, match="has no name") as caught:
        source.resolve("zoo:build(size=9)")
    assert "[tool.bmvis.models] in pyproject.toml: name = 'zoo:build(size=9)'" in caught.value.hint


def test_check_mode_builds_and_reports_drift(recorded):
    (recorded / "zoo.py").write_text(ZOO.replace("range(4)", "range(3)"))
    with Source(recorded, path=["."], mode="check") as source:
        built = source.resolve("zoo:build(size=2)")
        assert source.resolve("zoo:build(size=7)").drift == ""
        (recorded / "snapshots" / "small.json").unlink()
        assert "no snapshot in" in source.resolve("small").drift
    assert len(built.model.modules) == 4
    assert built.drift.startswith("- 3  Linear, 3 parameters")


def test_model_can_set_its_python(project):
    """The other Python is a link to this one; the test checks that it was used."""
    (project / "venv").mkdir()
    (project / "venv" / "python").write_text(f'#!/bin/sh\nTHE_OTHER=1 exec "{sys.executable}" "$@"\n')
    (project / "venv" / "python").chmod(0o755)
    (project / "pyproject.toml").write_text(
        "[tool.bmvis.models]\nother = {reference = 'which:build', python = 'venv/python'}\n"
    )
    (project / "which.py").write_text(
        "import os\nfrom torch import nn\ndef build(): return nn.Linear(1, int(os.environ['THE_OTHER']))\n"
    )
    with Source(project, path=["."]) as source:
        assert source.resolve("other").model.root.type == "Linear"
        with pytest.raises(BmvisError, match="KeyError"):
            source.resolve("which:build")


def test_recorded_model_is_shown_from_its_snapshot_and_checked(recorded):
    written = PYPROJECT.replace('device = "cpu"', 'device = "cpu", recorded = true')
    (recorded / "pyproject.toml").write_text(written)
    (recorded / "zoo.py").write_text(ZOO.replace("WIDTH, FROZEN = 1", "WIDTH, FROZEN = 9"))
    with Source(recorded) as source:
        assert source.resolve("big").model.modules[1].parameters[0].shape == (1, 3)
        assert source.build("big").model.modules[1].parameters[0].shape == (9, 3)
    assert run("check", "big").exit_code == 1


@pytest.mark.parametrize("reference", ["zoo:build(size=2)", " zoo:build", "zoo:build()"])
def test_reference_in_the_allow_list_is_built(project, reference):
    with Source(project, path=["."], allow=["zoo:build"], mode="snapshot") as source, pytest.raises(SnapshotError):
        source.resolve(reference)  # past the patterns, and no further: there is no snapshot


@pytest.mark.parametrize("reference", ["os:system('true')", "zoo:build_more", "zoo.sub:build", "notzoo:build"])
def test_reference_outside_the_allow_list_is_rejected(project, reference):
    with Source(project, allow=["zoo:build", "data.*:*"]) as source, pytest.raises(InvalidReferenceError) as caught:
        source.resolve(reference)
    assert caught.value.hint == "allowed: zoo:build, data.*:*"


@pytest.mark.parametrize(
    "reference",
    [
        "zoo:build(__import__('os').system('true'))",
        "zoo:build(size=(lambda: 1)())",
        "zoo:build(size=[x for x in range(9)])",
        "zoo:build(*[1])",
        "zoo:build(**{'size': 1})",
        "zoo:build(size=1)(2)",
        "zoo:build(size=1); import os",
        "zoo:build(size=f'{1}')",
        "zoo:__import__('os').system",
        "zoo:build(" + "[" * 3000 + "]" * 3000 + ")",
        "zoo:build(size='" + "x" * 10_000 + "')",
        "zoo:build(size=9**9**9)",
        "zoo:build(size=-" + "-" * 3000 + "1)",
        "zoo:build\x00(size=1)",
        "../zoo:build",
        "zoo:../build",
    ],
)
def test_references_that_hide_code_are_refused(project, reference):
    with Source(project, python="no-python") as source, pytest.raises(InvalidReferenceError):
        source.resolve(reference)
