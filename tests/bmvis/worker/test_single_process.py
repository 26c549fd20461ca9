"""A model is built in a process that is not forked, as on macOS and Windows."""

import os
import re
import sys
from pathlib import Path

import pytest
from misbehavior import sleepers, write
from workers import build as build_in

from bmvis.errors import BmvisError, FactoryError
from bmvis.worker import client
from bmvis.worker.client import Worker
from bmvis.worker.daemon_client import DaemonKey, Session
from bmvis.worker.process_tree import ProcessId
from bmvis.worker.spare_process import SPARES


@pytest.fixture
def worker(tmp_path, workspace, monkeypatch):
    monkeypatch.setattr(client, "_CAN_FORK", False)
    write(tmp_path, "good", "print('out'); return nn.Linear(3, 2)")
    write(tmp_path, "raises", "raise ValueError('no such size')")
    write(tmp_path, "exits", "print('bye', flush=True); os._exit(7)")
    write(
        tmp_path,
        "hangs",
        "subprocess.Popen(['sleep', 'NAP']); print('still here', flush=True)\nwhile True: time.sleep(0.01)",
    )
    with Worker(tmp_path, timeout=600) as worker:
        yield worker
    assert sleepers() == []
    assert list(workspace.iterdir()) == []


def test_model_is_built_and_its_process_ends(worker, tmp_path):
    built = build_in(worker, "good:build", tmp_path)
    assert [parameter.shape for parameter in built.model.root.parameters] == [(2, 3), (2,)]
    assert built.sources == (str(tmp_path / "good.py"),)


@pytest.mark.usefixtures("forked_starts")
@pytest.mark.parametrize(
    ("name", "kind", "report"),
    [
        pytest.param("raises", FactoryError, r"raised ValueError: no such size", marks=pytest.mark.builds),
        ("exits", BmvisError, r"ended with exit code 7(.|\n)*bye"),
        pytest.param("absent", BmvisError, r"no module named 'absent'", marks=pytest.mark.builds),
    ],
)
def test_failing_factory_is_reported_with_its_cause(worker, tmp_path, name, kind, report):
    with pytest.raises(kind) as caught:
        build_in(worker, f"{name}:build", tmp_path)
    assert re.search(report, caught.value.report)


@pytest.mark.usefixtures("forked_starts")
def test_model_that_takes_too_long_is_ended_with_its_processes(worker, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "timeout", 5)
    with pytest.raises(BmvisError, match="'hangs:build' timed out after 5 s"):
        build_in(worker, "hangs:build", tmp_path)


def test_python_without_the_dependencies_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "_CAN_FORK", False)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    with Worker(tmp_path, python=str(python)) as worker, pytest.raises(BmvisError, match=r"cannot run in .*msgspec"):
        build_in(worker, "good:build", tmp_path)


@pytest.fixture
def rebuild(tmp_path, workspace, monkeypatch):
    """Return a function that builds a model as a build of a preview server, and returns the process that built it."""
    monkeypatch.setattr(client, "_CAN_FORK", False)
    write(
        tmp_path, "numbered", "model = nn.Module(); model.add_module(f'p{os.getpid()}', nn.Linear(1, 1)); return model"
    )

    def build(state: str = "a", path: Path = tmp_path) -> int:
        daemon = DaemonKey(Session(ProcessId(os.getpid())), lambda: state)
        with Worker(tmp_path, timeout=600, daemon=daemon) as worker:
            return int(build_in(worker, "numbered:build", path).model.modules[1].name.removeprefix("p"))

    yield build
    SPARES.end()
    assert SPARES.processes() == []
    assert list(workspace.iterdir()) == []


@pytest.mark.usefixtures("forked_starts")
def test_next_build_of_a_preview_server_uses_the_process_that_was_started_ahead(rebuild, tmp_path):
    rebuild()
    (ahead,) = SPARES.processes()
    (tmp_path / "numbered.py").write_text((tmp_path / "numbered.py").read_text() + "# as it is now\n")
    assert rebuild() == ahead
    (ahead,) = SPARES.processes()
    assert rebuild("b") != ahead, "the environment or the packages have changed"


@pytest.mark.usefixtures("forked_starts")
def test_project_with_a_copy_of_an_imported_library_gets_another_process(rebuild, tmp_path):
    SPARES.prepare(sys.executable, tmp_path, "a")
    (ahead,) = SPARES.processes()
    (tmp_path / "typing_extensions.py").write_text("raise ImportError")
    assert rebuild() != ahead
    assert ahead not in SPARES.processes()
