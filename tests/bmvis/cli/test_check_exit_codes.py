"""`bmvis check` of a project: what it prints, and its exit codes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from snapshot_project import PYPROJECT, ZOO, run

from bmvis.source.source import Source


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
