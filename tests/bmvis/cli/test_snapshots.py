"""`bmvis snapshot`: which files it writes, and which it leaves alone."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from snapshot_project import PYPROJECT, ZOO, run

from bmvis.cli import main
from bmvis.source.source import Source


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


def test_snapshot_leaves_a_file_alone_if_no_fact_differs(recorded):
    file = recorded / "snapshots" / "small.json"
    text = file.read_text().replace('"device": "meta"', '"device": "cpu"')
    file.write_text(text)
    assert run("snapshot", "small").stdout == "small: unchanged snapshots/small.json\n"
    assert file.read_text() == text


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "a/b", "a\\b", "C:x", "..", ".hidden", "con", "NUL.txt", "", "a b", "x\n"]
)
def test_invalid_model_name_writes_no_snapshot(project, name):
    (project / "pyproject.toml").write_text(f"[tool.bmvis.models]\n{json.dumps(name)} = 'zoo:build(size=1)'\n")
    result = run("snapshot")
    assert result.exit_code == 2
    assert ("is not a valid model name" if ":" not in name else 'write "package.module:bert_*" = {}') in result.stderr
    assert not (project / "snapshots").exists()


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
