"""How many models `bmvis check` and `bmvis snapshot` build at the same time."""

from __future__ import annotations

import os
import re

import pytest
from click.testing import CliRunner

from bmvis.cli import main, parallel_builds

ZOO = """
import os
from torch import nn

def build(width):
    with open("started.log", "a") as log:
        log.write(f"{os.getppid()}\\n")
    return nn.Linear(width, width)
"""


@pytest.mark.parametrize(
    ("models", "cpus", "jobs"), [(1, 8, 1), (99, 8, 1), (100, 8, 2), (500, 8, 4), (500, 2, 2), (0, 2, 1)]
)
def test_default_number_of_jobs_follows_models_and_cpus(monkeypatch, models, cpus, jobs):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cpus)), raising=False)
    assert parallel_builds._default_jobs(models) == jobs


@pytest.mark.usefixtures("own_workers", "forked_starts")
@pytest.mark.parametrize(
    ("arguments", "processes"),
    [pytest.param([], 2, id="default"), pytest.param(["--jobs", "1"], 1, id="given", marks=pytest.mark.builds)],
)
def test_snapshots_of_many_models_are_written_by_several_processes(tmp_path, monkeypatch, arguments, processes):
    names = [f"width_{width}" for width in range(1, 33)]
    (tmp_path / "zoo.py").write_text(ZOO)
    models = "".join(f'{name} = "zoo:build({name[6:]})"\n' for name in names)
    (tmp_path / "pyproject.toml").write_text(f"[tool.bmvis.models]\n{models}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    monkeypatch.setattr(parallel_builds, "MODELS_PER_JOB", 16)
    done = CliRunner().invoke(main, ["snapshot", *arguments])
    assert done.exit_code == 0, done.output
    written = sorted(path.stem for path in tmp_path.rglob("width_*.json"))
    assert written == sorted(names)
    assert len(set((tmp_path / "started.log").read_text().split())) == processes
    assert not re.search("error|failed", done.output, re.IGNORECASE)
