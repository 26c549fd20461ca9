"""Run the pre-commit hook, and the steps of the documented workflow."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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
    assert run(folder, "bmvis", "snapshot").returncode == 0
    git(folder)
    return folder


def git(folder):
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "commit", "-qm", "all"], cwd=folder, check=True)


def run(folder, *command):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_pre_commit_hook_reports_drift(project, tmp_path):
    pytest.importorskip("pre_commit")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    git(hooks)
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(hooks), "bmvis-check", "--all-files", "--verbose"]
    passed = run(project, *command)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    (project / "zoo.py").write_text("from torch import nn\ndef build(): return nn.Linear(3, 2)\n")
    failed = run(project, *command)
    assert failed.returncode == 1
    assert "weight: [2, 2] → [2, 3]" in failed.stdout


def test_workflow_step_reports_drift(project):
    """Run all steps except those that install packages."""
    workflow = yaml.safe_load((ROOT / "demo_docs/workflows/models.yml").read_text())
    scripts = [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step]
    checks = [script for script in scripts if not script.startswith("pip install")]
    assert checks == ["bmvis check --format github"]
    assert [run(project, *script.split()).returncode for script in checks] == [0]
    (project / "zoo.py").write_text("from torch import nn\ndef build(): return nn.Linear(3, 2)\n")
    failed = run(project, *checks[0].split())
    assert failed.returncode == 1
    assert failed.stdout == (
        "::error file=snapshots/tiny.json,line=8,"
        "title=tiny%3A old checkpoints no longer load (1 size mismatch)::~ the root  weight: [2, 2] → [2, 3]\n"
    )
