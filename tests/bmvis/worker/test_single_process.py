"""A model is built in a process that is not forked, as on macOS and Windows."""

import re
import sys

import pytest
from misbehaviour import sleepers, write

from bmvis.errors import BmvisError, FactoryError
from bmvis.worker import client
from bmvis.worker.client import Worker


@pytest.fixture
def worker(tmp_path, workspace, monkeypatch):
    monkeypatch.setattr(client, "_CAN_FORK", False)
    write(tmp_path, "good", "print('out'); return nn.Linear(3, 2)")
    write(tmp_path, "raises", "raise ValueError('no such size')")
    write(tmp_path, "exits", "print('bye', flush=True); os._exit(7)")
    write(tmp_path, "hangs", "subprocess.Popen(['sleep', 'NAP']); print('still here', flush=True)\nwhile True: pass")
    with Worker(tmp_path, timeout=600) as worker:
        yield worker
    assert sleepers() == []
    assert list(workspace.iterdir()) == []


def test_model_is_built_and_its_process_ends(worker, tmp_path):
    built = worker.build("good:build", path=[str(tmp_path)])
    assert [parameter.shape for parameter in built.model.root.parameters] == [(2, 3), (2,)]
    assert built.sources == (str(tmp_path / "good.py"),)


@pytest.mark.parametrize(
    ("name", "kind", "report"),
    [
        ("raises", FactoryError, r"raised ValueError: no such size"),
        ("exits", BmvisError, r"ended with exit code 7(.|\n)*bye"),
        ("absent", BmvisError, r"no module named 'absent'"),
    ],
)
def test_failure_is_reported(worker, tmp_path, name, kind, report):
    with pytest.raises(kind) as caught:
        worker.build(f"{name}:build", path=[str(tmp_path)])
    assert re.search(report, caught.value.report)


def test_model_that_takes_too_long_is_ended_with_its_processes(worker, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "timeout", 5)
    with pytest.raises(BmvisError, match="'hangs:build' timed out after 5 s"):
        worker.build("hangs:build", path=[str(tmp_path)])


def test_python_without_the_dependencies_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "_CAN_FORK", False)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    with Worker(tmp_path, python=str(python)) as worker, pytest.raises(BmvisError, match=r"cannot run in .*msgspec"):
        worker.build("good:build")
