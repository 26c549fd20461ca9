"""Run the pre-commit hook, and the steps of the documented workflow."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from commands import snapshot

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.pathsep.join([str(BIN), os.environ["PATH"]]))
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[tool.bmvis.models]\ntiny = 'zoo:build'\n")
    (folder / "zoo.py").write_text("from torch import nn\ndef build(): return nn.Linear(2, 2)\n")
    snapshot(folder)
    git(folder)
    return folder


def git(folder):
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "commit", "-qm", "all"], cwd=folder, check=True)


def run(folder, *command):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.builds
def test_hook_runs_if_a_data_file_changes_and_reports_drift(project, tmp_path):
    pytest.importorskip("pre_commit")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    git(hooks)
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(hooks), "bmvis-check", "--verbose"]
    (project / "sizes.bin").write_bytes(b"\0\1")
    passed = run(project, *command, "--files", "sizes.bin")
    assert "Skipped" not in passed.stdout
    assert passed.returncode == 0, passed.stdout + passed.stderr
    (project / "zoo.py").write_text("from torch import nn\ndef build(): return nn.Linear(3, 2)\n")
    failed = run(project, *command, "--all-files")
    assert failed.returncode == 1
    assert "weight: [2, 2] → [2, 3]" in failed.stdout


@pytest.mark.builds
def test_update_hook_writes_the_readme_if_a_model_changes_and_then_passes(project, tmp_path):
    pytest.importorskip("pre_commit")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    git(hooks)
    (project / "README.md").write_text("Has <!-- bmvis: fact tiny -->?<!-- /bmvis --> parameters.\n")
    git(project)
    command = [
        sys.executable,
        "-m",
        "pre_commit",
        "try-repo",
        str(hooks),
        "bmvis-update",
        "--files",
        "zoo.py",
        "--verbose",
    ]
    for width, parameters in ((2, 6), (3, 8)):
        (project / "zoo.py").write_text(f"from torch import nn\ndef build(): return nn.Linear({width}, 2)\n")
        failed = run(project, *command)
        assert failed.returncode == 1
        assert "updated README.md" in failed.stdout
        assert f"-->{parameters}<!-- /bmvis --> parameters" in (project / "README.md").read_text()
        passed = run(project, *command)
        assert passed.returncode == 0, passed.stdout


def steps(name):
    """Return the shell commands of a documented workflow or recipe."""
    written = yaml.safe_load((ROOT / "demo_docs" / name).read_text())
    if "models" in written:
        return written["models"]["script"]
    return [step["run"] for step in written["jobs"]["check"]["steps"] if "run" in step]


@pytest.mark.builds
@pytest.mark.parametrize(
    ("name", "report"),
    [
        pytest.param("workflows/models.yml", "::error file=snapshots/tiny.json,line=", id="GitHub"),
        pytest.param("recipes/gitlab-models.yml", "", id="GitLab"),
    ],
)
def test_steps_of_a_workflow_install_the_project_and_report_drift(project, tmp_path, monkeypatch, name, report):
    """As a script, with a `pip` that writes down what it would install."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "pip").write_text(f'#!/bin/sh\necho "$@" >> "{tools}/installed"\n')
    (tools / "pip").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tools), os.environ["PATH"]]))
    script = "set -e\n" + "\n".join(steps(name))
    assert run(project, "sh", "-c", script).returncode == 0
    installed = (tools / "installed").read_text().splitlines()
    (line,) = installed
    assert "--constraint constraints.txt" in line
    assert "--extra-index-url" in line, "the index of PyTorch has few releases of other packages, so pins need PyPI too"
    assert line.endswith(" torch bmvis .")
    (project / "zoo.py").write_text("from torch import nn\ndef build(): return nn.Linear(3, 2)\n")
    failed = run(project, "sh", "-c", script)
    assert failed.returncode == 1
    assert failed.stdout.startswith(report)
    if not report:
        (violation,) = json.loads((project / "gl-code-quality-report.json").read_text())
        assert "weight: [2, 2] → [2, 3]" in violation["description"]
