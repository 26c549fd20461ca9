"""`bmvis check` of many models: shards, several projects, the cache, and only what changed; `bmvis merge`."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmvis.cli import main

PYPROJECT = "[tool.bmvis.models]\na = 'zoo:a'\nb = 'zoo:b'\nc = 'more:c'\n"
ZOO = "from torch import nn\ndef a(): return nn.Linear(2, 2)\ndef b(): return nn.Linear(3, 3)\n"
MORE = "from torch import nn\ndef c(): return nn.Linear(4, 4)\n"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "zoo.py").write_text(ZOO)
    (folder / "more.py").write_text(MORE)
    assert run("snapshot", "--project", str(folder)).exit_code == 0
    assert run("check", "--project", str(folder)).exit_code == 0
    return folder


@pytest.fixture
def project(recorded, tmp_path, monkeypatch):
    """A project with its snapshots and a full cache."""
    folder = tmp_path / "project"
    shutil.copytree(recorded, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def no_worker(monkeypatch):
    """No model can be built."""
    monkeypatch.setattr("bmvis.worker.client.Worker", None)


def run(*arguments):
    return CliRunner().invoke(main, arguments)


def test_an_unchanged_project_is_answered_from_the_cache(project, no_worker):
    result = run("check")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "3 of 3 models match" in result.stderr
    assert run("check", "--no-cache").exception
    (project / "more.py").write_text(MORE.replace("4, 4", "4, 5"))
    assert run("check", "a", "b").exit_code == 0
    assert run("check", "c").exception


def test_snapshot_uses_the_cache_of_check(project, no_worker):
    (project / "snapshots" / "a.json").unlink()
    assert run("snapshot", "a").exit_code == 0
    assert (project / "snapshots" / "a.json").exists()
    assert run("snapshot", "--no-cache", "a").exception


def test_git_does_not_see_the_cache(project):
    assert (project / ".bmvis-cache" / ".gitignore").read_text() == "*\n"


def test_shards_have_all_models_once_and_merge_to_one_report(project, no_worker):
    snapshot = project / "snapshots" / "b.json"
    snapshot.write_text(snapshot.read_text().replace('"Linear"', '"Straight"'))
    (project / "snapshots" / "old.json").write_text(snapshot.read_text())
    names = []
    for part in (1, 2):
        report = run("check", "--shard", f"{part}/2", "--format", "json").stdout
        Path(f"shard-{part}.json").write_text(report)
        names.append(list(json.loads(report)))
    assert names == [["a", "c", "old"], ["b"]]
    whole = run("check")
    for style in ("text", "json", "markdown", "junit", "sarif", "gitlab", "github"):
        merged = run("merge", "shard-1.json", "shard-2.json", "--format", style)
        assert merged.stdout == run("check", "--format", style).stdout
    assert merged.exit_code == whole.exit_code == 1
    assert merged.stderr.splitlines()[0] == whole.stderr.splitlines()[0] == "2 of 3 models match their snapshots"


@pytest.mark.parametrize(
    ("parts", "missing"),
    [((1, 2), "3/4 or 4/4"), ((1, 2, 4), "3/4 or 4/4"), ((1, 3, 4), "2/4 or 4/4"), ((4,), None), ((1, 2, 3, 4), None)],
)
def test_merge_refuses_to_leave_out_a_shard(project, no_worker, parts, missing):
    for part in (1, 2, 3, 4):
        Path(f"shard-{part}.json").write_text(run("check", "--shard", f"{part}/4", "--format", "json").stdout)
    assert Path("shard-4.json").read_text().strip() == "{}"
    result = run("merge", *(f"shard-{part}.json" for part in parts))
    assert result.exit_code == (2 if missing else 0)
    if missing:
        assert f"the report of shard {missing} is missing" in result.stderr


def test_shards_do_not_depend_on_the_order_of_models(project, no_worker):
    (project / "pyproject.toml").write_text("[tool.bmvis.models]\nb = 'zoo:b'\na = 'zoo:a'\nc = 'more:c'\n")
    names = [list(json.loads(run("check", "--shard", f"{part}/2", "--format", "json").stdout)) for part in (1, 2)]
    assert names == [["a", "c"], ["b"]]


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/99999"])
def test_wrong_shards_are_refused(project, shard):
    result = run("check", "--shard", shard)
    assert result.exit_code == 2
    assert "write the number of the part and of all parts" in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"a": {"status": "same", "snapshot": "a", "file": "a", "shard": "1/x"}}',
        '{"a": 1}',
        '{"a": {"status": "none"}}',
        "{" * 5000,
        '{"a": {"status": "same"}}',
    ],
)
def test_merge_refuses_other_files(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    result = run("merge", str(tmp_path / "x.json"))
    assert result.exit_code == 2
    assert "pass files that `bmvis check --format json` wrote" in result.stderr


def test_merge_refuses_a_model_twice(project, no_worker):
    Path("one.json").write_text(run("check", "a", "--format", "json").stdout)
    result = run("merge", "one.json", "one.json")
    assert result.exit_code == 2
    assert "the model 'a' is in two files" in result.stderr


def test_several_projects_are_one_report(project, monkeypatch, no_worker):
    monkeypatch.chdir(project.parent)
    shutil.copytree(project, "second")
    (Path("second") / "snapshots" / "a.json").unlink()
    result = run("check", "--project", "project", "--project", "second", "--format", "json")
    statuses = {name: facts["status"] for name, facts in json.loads(result.stdout).items()}
    assert statuses == {
        "project/a": "same", "project/b": "same", "project/c": "same",
        "second/a": "missing", "second/b": "same", "second/c": "same",
    }  # fmt: skip
    assert result.exit_code == 3


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_only_models_of_changed_files_are_built(project):
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], check=True)
    assert "0 of 0 models match" in run("check", "--changed-since", "HEAD").stderr
    (project / "more.py").write_text(MORE.replace("4, 4", "4, 5"))
    result = run("check", "--changed-since", "HEAD")
    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in result.stdout.splitlines() if line[0] != " "] == ["c"]
    assert run("check", "--changed-since", "nowhere").exit_code == 2


def test_check_imports_no_renderers():
    code = "import sys, bmvis.cli.check; print(*{'torch', 'rich', 'bmvis.view', 'bmvis.render'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_an_unchanged_project_is_answered_without_pytorch_in_half_a_second(project):
    """In processor time, because the machine can be busy: the best of three runs."""
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-X", "importtime", "-m", "bmvis", "check"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert {"bmvis.cli.exit_codes", "msgspec"} <= imported
        assert not {"torch", "numpy", "rich"} & imported
    assert min(seconds) < 0.5


def test_each_command_is_imported_when_it_runs():
    assert {"show", "snapshot", "check", "diff", "merge"} <= {*main.commands}
    assert all(command.name == name for name, command in main.commands.items())
    with pytest.raises(KeyError):
        main.commands["unknown"]
