"""`bmvis serve` keeps a worker process for `bmvis show`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from forked_workers import _Forked, start_script

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="worker processes stay in memory on Linux only")

SERVE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import bmvis.cli; bmvis.cli.main()"
"""A test run in the background is started with SIGINT ignored."""
ZOO = """
import os
from torch import nn


def process():
    model = nn.Module()
    model.add_module(f"parent{os.getppid()}", nn.Linear(2, 2))
    return model
"""


@pytest.fixture
def project(tmp_path: Path, own_daemons: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    folder.joinpath("zoo.py").write_text(ZOO)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # it changes during a test
    return folder


@pytest.fixture
def served(project: Path) -> Iterator[subprocess.Popen[bytes] | _Forked]:
    process = start_script(SERVE, "serve", cwd=project)
    assert process.stdout
    with process.stdout:
        assert b"PyTorch stays in memory" in process.stdout.readline()
        yield process
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()


def run(*arguments: str) -> tuple[int | None, str]:
    """Return the exit code of a command and what it printed."""
    process = start_script(SERVE, *arguments, cwd=Path.cwd())
    assert process.stdout
    with process.stdout:
        printed = process.stdout.read().decode()
    return process.wait(), printed


def show(name: str = "process") -> tuple[str, str]:
    """Return the process that built a model for `bmvis show`, and all that the command printed."""
    code, printed = run("show", f"zoo:{name}")
    assert code == 0, printed
    (parent,) = re.findall(r"parent\d+", printed)
    return parent, printed


def test_show_uses_the_process_of_serve(project, served, monkeypatch):
    first = show()
    assert first[1].startswith("root\n")
    project.joinpath("zoo.py").write_text(ZOO + "process2 = process\n")
    assert show("process2") == first  # from the same process, with the code as it is
    with monkeypatch.context() as patch:
        patch.setenv("SIZE", "2")
        other, printed = show()
    assert other != first[0]
    assert "`bmvis serve` was started with other packages or environment variables: start it again" in printed
    assert served.poll() is None
    code, printed = run("serve")
    assert (code, "already running" in printed) == (1, True)
    os.kill(served.pid, signal.SIGINT)
    assert served.wait() == 0
    assert show()[0] != first[0]
