"""`bmvis diff`: snapshots of git revisions, without a build."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmvis.cli import main
from bmvis.model.snapshot import Snapshot, dump
from bmvis.model.tree import Model, Module, Parameter

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")
IDENTITY = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]


def text(width, *names):
    weight = Parameter("weight", (width,), "float32", width, width * 4)
    children = (Module(name, 1, "Scale", "zoo", parameters=(weight,)) for name in names or ("fc",))
    modules = (Module("", 0, "Net", "zoo"), *children)
    return dump(Snapshot("zoo:net", Model(modules)))


@pytest.fixture
def repository(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    (folder / "snapshots").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[tool.bmvis.models]\nnet = 'zoo:net'\n")
    monkeypatch.chdir(folder)
    git("init", "-q")
    write(net=2, gone=2)
    git("tag", "first")
    (folder / "snapshots" / "gone.json").unlink()
    write(net=3)
    return folder


def git(*arguments):
    subprocess.run(["git", *IDENTITY, *arguments], check=True, capture_output=True)


def write(**widths):
    for name, width in widths.items():
        Path(f"snapshots/{name}.json").write_text(text(width))
    git("add", "-A")
    git("commit", "-qm", "all")


def run(*arguments):
    return CliRunner().invoke(main, ["diff", *arguments])


CHANGED = [
    "gone: removed: Net, 2 parameters",
    "net: differs from snapshots/net.json: old checkpoints no longer load (1 size mismatch)",
    "    ~ fc  weight: [2] → [3]",
    "      parameters 2 → 3 (+1)",
    "      trainable 2 → 3 (+1)",
]


@pytest.mark.parametrize("revisions", [["first"], ["first", "HEAD"]], ids=["files", "two revisions"])
def test_revisions_are_compared(repository, revisions):
    result = run(*revisions)
    assert (result.exit_code, result.stdout.splitlines()) == (0, CHANGED)
    assert run(*revisions, "--fail-on", "any").exit_code == 1


def test_diff_compares_the_working_tree_with_head(repository):
    assert run().stdout == ""
    (repository / "snapshots" / "more.json").write_text(text(4))
    assert run().stdout == "more: new: Net, 4 parameters\n"


def test_lines_are_those_of_the_later_file(tmp_path):
    (tmp_path / "old.json").write_text(text(2, "a", "b"))
    (tmp_path / "new.json").write_text(text(2, "a", "b").replace('["a", "b"]', '["a", "c"]'))
    data = json.loads(run(str(tmp_path / "old.json"), str(tmp_path / "new.json"), "--format", "json").stdout)
    (change,) = data["new"]["changes"]
    assert (change["was"], change["path"]) == ("b", "c")
    assert '"c"' in (tmp_path / "new.json").read_text().splitlines()[change["line"] - 1]


def test_diff_compares_two_files(tmp_path):
    for name, width in (("old", 2), ("new", 3)):
        (tmp_path / f"{name}.json").write_text(text(width))
    lines = run(str(tmp_path / "old.json"), str(tmp_path / "new.json")).stdout.splitlines()
    assert lines[1:] == CHANGED[2:]


@pytest.mark.parametrize("revision", ["nowhere", "--help=x", "--all", "-n1", "a\nb", "", "$(touch x)"])
def test_revision_with_a_dash_is_rejected(repository, revision):
    result = run("--", revision)
    assert result.exit_code == 2
    assert "no git revision" in result.stderr
    assert not (repository / "x").exists()


def test_diff_outside_a_repository_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("HEAD")
    assert result.exit_code == 2
    assert "not a git repository" in result.stderr


def test_missing_git_is_named(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    result = run("HEAD")
    assert result.exit_code == 2
    assert "git is not installed" in result.stderr


@pytest.mark.parametrize("sides", [["snapshots/net.json"], ["HEAD", "snapshots/net.json"]])
def test_a_file_and_a_revision_are_not_compared(repository, sides):
    result = run(*sides)
    assert result.exit_code == 2
    assert "pass two snapshot files, or revisions only" in result.stderr


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "net.json").write_text(text(2))
    (tmp_path / "file").write_text("")
    both = [str(tmp_path / "net.json")] * 2
    result = run(*both, "--key-map", str(tmp_path / "file" / "keys.json"))
    assert result.exit_code == 2
    assert "cannot write" in result.stderr


def test_renamed_keys_are_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("old.json").write_text(text(2))
    Path("new.json").write_text(text(2).replace('"fc"', '"head"'))
    assert run("old.json", "new.json", "--key-map", "keys.json").exit_code == 0
    assert json.loads(Path("keys.json").read_text()) == {"new": {"fc.weight": "head.weight"}}


def test_a_key_that_is_not_certain_needs_guess(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("old.json").write_text(text(2, "fc", "other"))
    Path("new.json").write_text(text(2, "head", "more"))
    result = run("old.json", "new.json", "--key-map", "keys.json")
    assert "2 renamed keys are not certain: --guess writes them to keys.json" in result.stderr
    assert json.loads(Path("keys.json").read_text()) == {"new": {}}
    run("old.json", "new.json", "--key-map", "keys.json", "--guess")
    assert json.loads(Path("keys.json").read_text()) == {
        "new": {"fc.weight": "head.weight", "other.weight": "more.weight"}
    }


def test_git_shows_the_facts_of_snapshots(repository):
    git("config", "diff.bmvis.textconv", f"{sys.executable} -m bmvis show --facts")
    Path(".gitattributes").write_text("snapshots/*.json diff=bmvis\n")
    changed = text(3).replace('"weight": "float32[3]"}', '"weight": "float32[3]"}, "settings": {"scale": "2"}')
    Path("snapshots/net.json").write_text(changed)
    git("commit", "-aqm", "another setting")
    Path("snapshots/net.json").write_text("no snapshot\n")
    git("commit", "-aqm", "a damaged file")
    shown = subprocess.run(["git", "log", "-p", "-2"], check=True, capture_output=True, text=True).stdout
    assert "\n+      settings scale: 2\n" in shown
    assert "\n   fc (Scale, zoo)\n" in shown
    assert "\n+no snapshot\n" in shown
    assert '"depth"' not in shown


def test_empty_facts_have_no_line(tmp_path):
    (tmp_path / "net.json").write_text(text(2))
    lines = CliRunner().invoke(main, ["show", "--facts", str(tmp_path / "net.json")]).stdout.splitlines()
    assert "notes" not in lines


def test_facts_are_all_values_of_a_file(tmp_path):
    file = tmp_path / "net.json"
    file.write_text(
        text(2, "a", "b").replace('"notes": []', '"notes": ["a note\\u001b"], "inputs": "float32[1]", "active": 5')
    )
    lines = CliRunner().invoke(main, ["show", "--facts", str(file)]).stdout.splitlines()
    assert lines == [
        "bmvis-snapshot: 3",
        "reference: zoo:net",
        "device: meta",
        "notes",
        "  0: a note\\u001b",
        "totals",
        "  count: 4",
        "  trainable: 4",
        "  delta: 0",
        "  stored_bytes: 16",
        "active: 5",
        "inputs: float32[1]",
        "root (Net, zoo)",
        "  a,b (Scale, zoo)",
        "      parameters weight: float32[2]",
    ]


def test_a_file_that_is_no_snapshot_is_not_shown(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    for name in ("x.json", "gone.json"):
        result = CliRunner().invoke(main, ["show", str(tmp_path / name)])
        assert result.exit_code == 2
        assert name in result.stderr
    assert CliRunner().invoke(main, ["show", "--facts", str(tmp_path / "x.json")]).stdout == "{}\n"
    assert CliRunner().invoke(main, ["show", "--facts", str(tmp_path / "gone.json")]).exit_code == 2
