"""`bmvis serve` keeps a worker process for `bmvis show`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="worker processes stay in memory on Linux only")

INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import bmvis.cli; "
SERVE = [sys.executable, "-c", f"{INTERRUPTIBLE} bmvis.cli.main()", "serve"]
"""A test run in the background is started with SIGINT ignored."""
ZOO = """
import os
from torch import nn


def process():
    model = nn.Module()
    model.add_module(f"parent{os.getppid()}", nn.Linear(2, 2))
    return model
"""


def environment() -> dict[str, str]:
    """Return the environment without the variable that pytest changes during a test."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture
def project(tmp_path: Path, own_daemons: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    folder.joinpath("zoo.py").write_text(ZOO)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def served(project: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(SERVE, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "PyTorch stays in memory" in process.stdout.readline()
        yield process
        process.kill()


def show(name: str = "process") -> tuple[str, str]:
    """Return the output and the messages of `bmvis show`."""
    command = [sys.executable, "-m", "bmvis", "show", f"zoo:{name}"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_show_uses_the_process_of_serve(project, served, monkeypatch):
    first = show()
    assert "parent" in first[0]
    project.joinpath("zoo.py").write_text(ZOO + "process2 = process\n")
    assert show("process2") == first == (first[0], "")  # from the same process, with the code as it is
    with monkeypatch.context() as patch:
        patch.setenv("SIZE", "2")
        other, messages = show()
    assert other != first[0]
    assert "`bmvis serve` was started with other packages or environment variables: start it again" in messages
    assert served.poll() is None
    again = subprocess.run(SERVE, capture_output=True, text=True, check=False)
    assert (again.returncode, "already running" in again.stderr) == (1, True)
    served.send_signal(signal.SIGINT)
    assert served.wait(120) == 0
    assert show()[0] != first[0]
