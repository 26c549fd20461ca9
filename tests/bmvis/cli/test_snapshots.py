"""`bmvis snapshot` and `bmvis check`, and the modes of a site."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmvis.cli import main
from bmvis.errors import BmvisError, InvalidReferenceError, ProjectError, SnapshotError
from bmvis.source.source import Source

PYPROJECT = """
[tool.bmvis.models]
small = "zoo:build(size=2)"
big = {reference = "zoo:build(size=3)", device = "cpu"}
"""
ZOO = """
from torch import nn
WIDTH, FROZEN = 1, False

def build(size):
    return nn.Sequential(*(nn.Linear(size, WIDTH).requires_grad_(not FROZEN) for _ in range(4)))
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "zoo.py").write_text(ZOO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def recorded_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "zoo.py").write_text(ZOO)
    result = run("snapshot", "--project", str(folder))
    assert result.exit_code == 0, result.output
    return {file.name: file.read_text() for file in (folder / "snapshots").iterdir()}


@pytest.fixture
def recorded(project, recorded_files):
    """A project with its snapshots."""
    (project / "snapshots").mkdir()
    for name, text in recorded_files.items():
        (project / "snapshots" / name).write_text(text)
    return project


def run(*arguments):
    return CliRunner().invoke(main, arguments)


def test_snapshots_are_written_once(recorded):
    assert sorted(file.name for file in (recorded / "snapshots").iterdir()) == ["big.json", "small.json"]
    (recorded / "snapshots" / "big.json").unlink()
    result = run("snapshot")
    assert result.stdout.splitlines() == [
        "big: wrote snapshots/big.json",
        "small: unchanged snapshots/small.json",
    ]


def test_output_is_in_the_order_of_names(project):
    names = [f"model-{letter}" for letter in "abcdefgh"]
    tables = "".join(f'{name} = "zoo:build(size={number})"\n' for number, name in enumerate(names, 1))
    (project / "pyproject.toml").write_text(f"[tool.bmvis.models]\n{tables}")
    for done in ("wrote", "unchanged"):  # the second time, all models are in the cache
        lines = run("snapshot", "-j", "3").stdout.splitlines()
        assert lines == [f"{name}: {done} snapshots/{name}.json" for name in names]


def test_check_without_drift_exits_with_0(recorded):
    result = run("check", "-j", "2")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "2 of 2 models match their snapshots" in result.stderr


def test_drift_is_reported_as_a_diff(recorded):
    (recorded / "zoo.py").write_text(ZOO.replace("1, False", "5, True").replace("range(4)", "range(6)"))
    result = run("check", "small")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "small: differs from snapshots/small.json: old checkpoints no longer load (4 missing keys, 8 size mismatches)",
        "    + 4-5  Linear, 15 parameters each",
        "    ~ all former parameters  frozen (8 tensors)",
        "    ~ 0-3  weight: [1, 2] → [5, 2], bias: [1] → [5]",
        "      parameters 12 → 90 (+78)",
        "      trainable 12 → 0 (-12)",
    ]


def test_github_format_has_an_error_for_each_change(recorded):
    (recorded / "zoo.py").write_text(ZOO.replace("range(4)", "range(3)"))
    lines = run("check", "--format", "github").stdout.splitlines()
    assert lines[0] == (
        "::error file=snapshots/big.json,line=10,title=big%3A "
        "old checkpoints load with strict=False only (2 unexpected keys)::- 3  Linear, 4 parameters"
    )
    assert len(lines) == 2


def test_json_format_has_each_change(recorded):
    (recorded / "zoo.py").write_text(ZOO.replace("range(4)", "range(3)"))
    result = json.loads(run("check", "small", "--format", "json").stdout)
    assert result["small"]["status"] == "drifted"
    assert result["small"]["changes"] == [
        {
            "kind": "removed",
            "path": "3",
            "text": "Linear, 3 parameters",
            "class": "checkpoint",
            "topic": "removed",
            "line": 10,
            "shown": "- 3  Linear, 3 parameters",
        }
    ]
    (recorded / "zoo.py").write_text(ZOO.replace("1, False", "1, True"))
    (change,) = json.loads(run("check", "small", "--format", "json").stdout)["small"]["changes"]
    assert (change["before"], change["after"]) == ("trainable", "frozen")
    assert result["small"]["verdict"] == {
        "missing": [],
        "unexpected": ["3.weight", "3.bias"],
        "reshaped": [],
        "required": [],
        "converters": [],
        "is_cut": False,
    }
    assert result["small"]["class"] == "checkpoint"
    assert (result["small"]["before"]["count"], result["small"]["after"]["count"]) == (12, 9)


@pytest.mark.parametrize(
    ("fail_on", "code"), [("checkpoint", 0), ("numerics", 0), ("training", 1), ("any", 1)], ids=str
)
def test_fail_on_ignores_less_serious_classes(recorded, fail_on, code):
    (recorded / "zoo.py").write_text(ZOO.replace("1, False", "1, True"))
    result = run("check", "small", "--fail-on", fail_on)
    assert result.exit_code == code
    assert "~ whole model  frozen (8 tensors)" in result.stdout
    assert "old checkpoints load; training differs" in result.stdout


def test_snapshot_leaves_a_file_alone_if_no_fact_differs(recorded):
    file = recorded / "snapshots" / "small.json"
    text = file.read_text().replace('"device": "meta"', '"device": "cpu"')
    file.write_text(text)
    assert run("snapshot", "small").stdout == "small: unchanged snapshots/small.json\n"
    assert file.read_text() == text


@pytest.mark.parametrize("style", ["text", "github", "json"])
def test_check_of_a_failing_model_exits_with_2(recorded, style):
    (recorded / "zoo.py").write_text(ZOO + "    raise OSError('no disk')\n" + ZOO.replace("return", "raise OSError; "))
    result = run("check", "--format", style)
    assert result.exit_code == 2
    assert "raised OSError" in result.stdout


def test_check_without_snapshot_exits_with_3(project):
    result = run("check", "small")
    assert result.exit_code == 3
    assert "no snapshot in" in result.stdout
    assert "run `bmvis snapshot`" in result.stdout


def test_check_of_a_changed_reference_exits_with_4(recorded):
    (recorded / "pyproject.toml").write_text(PYPROJECT.replace("size=2", "size=4"))
    result = run("check", "small")
    assert result.exit_code == 4
    assert "is the snapshot of 'zoo:build(size=2)', but pyproject.toml names 'zoo:build(size=4)'" in result.stdout


def test_check_of_an_unknown_name_exits_with_2(project):
    result = run("check", "smal")
    assert result.exit_code == 2
    assert "did you mean 'small'?" in result.stderr


def test_check_of_a_project_without_models_exits_with_2(tmp_path):
    result = run("check", "--project", str(tmp_path))
    assert result.exit_code == 2
    assert "defines no models" in result.stderr


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "a/b", "a\\b", "C:x", "..", ".hidden", "con", "NUL.txt", "", "a b", "x\n"]
)
def test_invalid_model_name_writes_no_snapshot(project, name):
    (project / "pyproject.toml").write_text(f"[tool.bmvis.models]\n{json.dumps(name)} = 'zoo:build(size=1)'\n")
    result = run("snapshot")
    assert result.exit_code == 2
    assert ("is not a valid model name" if ":" not in name else 'write "package.module:bert_*" = {}') in result.stderr
    assert not (project / "snapshots").exists()


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


def test_command_line_starts_without_torch(recorded):
    script = "import sys, bmvis.cli\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parent)


def test_check_compares_the_sides_of_a_conflicted_snapshot(recorded):
    file = recorded / "snapshots" / "small.json"
    ours = file.read_text()
    theirs = ours.replace("float32", "float64").replace('"stored_bytes": 48', '"stored_bytes": 96')
    file.write_text(f"<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> other\n")
    result = run("check", "small")
    assert result.exit_code == 5
    assert "small.json has git conflict markers, with these changes from HEAD to other (" in result.stdout
    assert "~ whole model  float32 → float64 (8 tensors)" in result.stdout


@pytest.mark.parametrize("command", [["snapshot"], ["check", "--update"]], ids=" ".join)
def test_a_snapshot_that_cannot_be_written_is_an_error(project, command):
    (project / "snapshots").write_text("a file in place of the folder")
    result = run(*command, "small")
    assert result.exit_code == 2
    assert "cannot write" in result.output
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("command", [["snapshot"], ["check", "--update"]], ids=" ".join)
def test_a_folder_in_place_of_a_snapshot_is_an_error(project, command):
    file = project / "snapshots" / "small.json"
    file.mkdir(parents=True)
    result = run(*command, "small")
    assert result.exit_code == 2
    assert f"Error: cannot write {file}: not a regular file (remove it)" in result.output
    assert isinstance(result.exception, SystemExit)


def test_a_snapshot_in_another_encoding_is_replaced(recorded, recorded_files):
    file = recorded / "snapshots" / "small.json"
    file.write_text(recorded_files["small.json"], encoding="utf-16")
    assert run("check", "small").exit_code == 6
    assert "small: changed snapshots/small.json" in run("snapshot", "small").output
    assert file.read_text() == recorded_files["small.json"]


def test_check_of_a_damaged_snapshot_exits_with_6(recorded):
    (recorded / "snapshots" / "small.json").write_text("{}")
    assert run("check", "small").exit_code == 6


def test_models_are_selected_by_a_pattern(recorded):
    assert "1 of 1 models match their snapshots" in run("check", "s*").stderr
    result = run("check", "x*")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "pyproject.toml defines no model 'x*'" in result.stderr


def test_update_reports_what_differs_and_writes_it(recorded):
    (recorded / "zoo.py").write_text(ZOO.replace("1, False", "1, True"))
    (recorded / "snapshots" / "big.json").write_text("{}")
    result = run("check", "--update")
    assert result.exit_code == 0
    assert "~ whole model  frozen (8 tensors)" in result.stdout
    assert "small: changed snapshots/small.json" in result.stderr
    assert run("check").exit_code == 0


def test_update_does_not_hide_a_model_that_cannot_be_built(recorded):
    (recorded / "zoo.py").write_text("")
    assert run("check", "small", "--update").exit_code == 2


@pytest.mark.parametrize("answer", ["y", "n"])
def test_interactive_snapshot_asks_before_writing(recorded, answer):
    (recorded / "zoo.py").write_text(ZOO.replace("1, False", "1, True"))
    file = recorded / "snapshots" / "small.json"
    before = file.read_text()
    result = CliRunner().invoke(main, ["snapshot", "small", "--interactive"], input=f"{answer}\n")
    shown, _, done = result.stdout.partition("write snapshots/small.json?")
    assert "whole model  frozen (8 tensors)" in shown
    assert f"small: {'changed' if answer == 'y' else 'skipped'}" in done
    assert (file.read_text() != before) == (answer == "y")


def test_diff_shows_what_is_written(recorded):
    (recorded / "zoo.py").write_text(ZOO.replace("1, False", "1, True"))
    lines = run("snapshot", "--diff", "small").stdout.splitlines()
    assert "    ~ whole model  frozen (8 tensors)" in lines
    assert lines[-1] == "small: changed snapshots/small.json"
    assert run("snapshot", "--diff", "small").stdout == "small: unchanged snapshots/small.json\n"


def test_obsolete_snapshots_are_reported_and_pruned(recorded):
    folder = recorded / "snapshots"
    (folder / "old.json").write_text((folder / "small.json").read_text())
    (folder / "notes.json").write_text('{"mine": 1}')
    result = run("check")
    assert result.exit_code == 0
    assert result.stdout.startswith("old: pyproject.toml has no model for this snapshot")
    assert "2 of 2 models match their snapshots" in result.stderr
    assert "old: obsolete snapshots/old.json" in run("snapshot").stdout
    assert run("snapshot", "small", "--prune").exit_code == 2
    assert (folder / "old.json").exists()
    assert "old: removed snapshots/old.json" in run("snapshot", "--prune").stdout
    assert sorted(file.name for file in folder.iterdir()) == ["big.json", "notes.json", "small.json"]


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_since_compares_with_the_snapshots_of_a_revision(recorded):
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], check=True)
    (recorded / "zoo.py").write_text(ZOO.replace("1, False", "1, True"))
    (recorded / "pyproject.toml").write_text(PYPROJECT.replace("big =", "new ="))
    for file in (recorded / "snapshots").iterdir():
        file.unlink()
    result = run("check", "--since", "HEAD")
    assert result.exit_code == 1
    assert [line.partition(",")[0] for line in result.stdout.splitlines() if line[0] != " "] == [
        "big: removed: Sequential",
        "new: new: Sequential",
        "small: differs from snapshots/small.json: old checkpoints load; training differs",
    ]
    assert run("check", "small", "--since", "nowhere").exit_code == 2
    assert run("check", "--since", "HEAD", "--update").exit_code == 2


def test_a_new_model_of_a_pattern_is_checked(recorded):
    (recorded / "zoo.py").write_text(ZOO + "def tiny(): return nn.Linear(1, 1)\n")
    (recorded / "pyproject.toml").write_text(PYPROJECT + '"zoo:*" = {name = "zoo-{factory}"}\n')
    assert run("check").exit_code == 3
    assert "zoo-tiny: wrote snapshots/zoo-tiny.json" in run("snapshot").stdout
    assert "1 of 1 models match their snapshots" in run("check", "zoo-tiny").stderr
    with Source(recorded, mode="snapshot") as source:
        assert source.resolve("zoo:tiny") == source.resolve("zoo-tiny")
        assert set(source.find_all("*").references) == {"small", "big", "zoo-tiny"}
    (recorded / "zoo.py").write_text("raise OSError('no disk')")
    result = run("check", "z*")
    assert result.exit_code == 2
    assert result.stdout.startswith("zoo:*: ")


@pytest.mark.parametrize("command", ["check", "snapshot"])
def test_pattern_that_matches_no_model_is_an_error(recorded, command):
    (recorded / "pyproject.toml").write_text(PYPROJECT + '"zoo:make*" = {}\n')
    result = run(command)
    assert result.exit_code == 2
    problem = "zoo:make*: the pattern 'zoo:make*' in [tool.bmvis.models] matches no model (a pattern matches public"
    assert problem in result.output
    (recorded / "pyproject.toml").write_text(PYPROJECT + '"zoo:build*(size=1)" = {}\n')
    assert run(command).exit_code != 2


def test_ignored_changes_leave_a_file_alone(recorded):
    (recorded / "zoo.py").write_text(ZOO.replace("1, False", "1, True"))
    (recorded / "pyproject.toml").write_text(f"[tool.bmvis]\nignore = ['trainable']\n{PYPROJECT}")
    assert run("check").exit_code == 0
    assert run("snapshot", "small").stdout == "small: unchanged snapshots/small.json\n"


def older(file: Path) -> None:
    """Write a snapshot as format 2 did: without versions and settings."""
    lines = file.read_text().replace('"bmvis-snapshot": 3', '"bmvis-snapshot": 2').splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith('"versions"')))


def test_snapshot_of_format_2_is_written_again_on_request_only(recorded):
    file = recorded / "snapshots" / "small.json"
    present = file.read_text()
    older(file)
    text = file.read_text()
    assert run("check", "small").exit_code == 0
    assert run("snapshot", "small").stdout == "small: unchanged snapshots/small.json\n"
    assert file.read_text() == text
    assert run("snapshot", "small", "--upgrade").stdout == "small: changed snapshots/small.json\n"
    assert file.read_text() == present
    assert run("snapshot", "small", "--upgrade").stdout == "small: unchanged snapshots/small.json\n"


def test_snapshot_of_format_2_is_upgraded_without_its_model(recorded):
    file = recorded / "snapshots" / "small.json"
    older(file)
    (recorded / "zoo.py").write_text("raise RuntimeError('no libraries here')")
    result = run("snapshot", "small", "--upgrade")
    assert result.exit_code == 0
    assert "small: changed small.json without building it (not recorded: state_code, settings" in result.stdout
    assert '"bmvis-snapshot": 3' in file.read_text()
    assert '"unrecorded": ["state_code", "settings"' in file.read_text()


def with_inputs(project, inputs):
    entry = f'small = {{reference = "zoo:build(size=2)", inputs = "{inputs}"}}'
    (project / "pyproject.toml").write_text(f"[tool.bmvis.models]\n{entry}\n")


def test_new_inputs_are_recorded_once(recorded):
    (recorded / "zoo.py").write_text(ZOO.replace("*(", "nn.Linear(2, size), *(").replace("range(4)", "range(1)"))
    run("snapshot")
    with_inputs(recorded, "float32[3, 2]")
    assert "inputs: not recorded → float32[3, 2]" in run("check", "small").output
    assert "small: changed" in run("snapshot").output
    assert (
        '"call": {"outputs": "[3, 1]", "inputs": "[3, 2]", "macs": "18"'
        in (recorded / "snapshots" / "small.json").read_text()
    )
    assert (run("check", "small").exit_code, run("snapshot", "small").output) == (
        0,
        f"small: unchanged {Path('snapshots/small.json')}\n",
    )


def test_model_that_cannot_be_called_is_reported_and_recorded(project):
    with_inputs(project, "float32[3, 7]")
    result = run("snapshot")
    assert "small: the model of 'zoo:build(size=2)' could not be called: it raised RuntimeError" in result.output
    assert (result.exit_code, run("check").exit_code) == (0, 0)
    with Source(project, mode="snapshot") as source:
        assert "could not be called" in source.resolve("small").model.untraced.message


def test_model_without_inputs_for_its_figure_is_reported(project):
    (project / "pyproject.toml").write_text(
        '[tool.bmvis.models]\nsmall = {reference = "zoo:build(size=2)", flow = true}\n'
    )
    for _ in range(2):  # the second one is built from the cache
        result = run("snapshot")
        assert "small: the architecture figure of 'zoo:build(size=2)' needs inputs" in result.output
        assert result.exit_code == 0


def test_invalid_inputs_of_a_model_are_an_error(project):
    with_inputs(project, "float33[3, 7]")
    result = run("check")
    assert result.exit_code == 2
    assert "unknown data type 'float33' (did you mean 'float32'?)" in result.output
