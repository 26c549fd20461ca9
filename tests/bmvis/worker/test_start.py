"""The worker starts in any Python with this copy of bmvis, and imports nothing from the working directory."""

import os
import socket
import sys
import time

import pytest
from pythons import TORCH_PYTHON
from waiting import wait_until

from bmvis.errors import BmvisError
from bmvis.source.source import Source
from bmvis.worker import process_tree
from bmvis.worker.server_process import StartedProcess

FACTORY = "from torch import nn\ndef build(): return nn.Linear(3, 2)\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Create a project with files that have the names of standard library modules, next to its folder of modules."""
    tmp_path = tmp_path_factory.mktemp("project")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "zoo.py").write_text(FACTORY)
    for name in ("runpy.py", "msgspec.py", "torch.py", "random.py"):
        (tmp_path / name).write_text("raise SystemExit('the project has hijacked the worker')\n")
    return tmp_path


@pytest.fixture(scope="module", params=dict.fromkeys((sys.executable, TORCH_PYTHON)))
def source(request, project):
    with Source(project, path=["src"], python=request.param) as found:
        yield found


def test_files_of_the_working_directory_are_not_imported(source):
    with pytest.raises(BmvisError) as error:
        source.resolve("absent:build")
    assert str(error.value).startswith(("no module named 'absent'", "cannot import PyTorch"))


@pytest.mark.parametrize("source", [TORCH_PYTHON], indirect=True)
def test_another_python_builds_the_model(source):
    assert source.resolve("zoo:build").model.root.parameters[0].shape == (2, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="process numbers are reserved on POSIX only")
def test_ended_process_keeps_its_number_until_its_tree_is_ended_once(tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr(process_tree, "end_tree", lambda pid, mark: ended.append(pid))
    started = StartedProcess(sys.executable, tmp_path, "single")
    number = started.process.pid
    started.process.stdin.close()  # the end of input ends it
    assert wait_until(lambda: not started.is_alive())
    os.kill(number, 0)  # the number is still taken
    started.end()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    started.end()  # another process may have the number now
    assert ended == [number]


@pytest.mark.builds
def test_models_are_built_while_new_sockets_have_a_timeout(project):
    """Sphinx's linkcheck sets it, and so can a library that the model imports."""
    (project / "src" / "timed.py").write_text(f"import socket\nsocket.setdefaulttimeout(5)\n{FACTORY}")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(5)
    try:
        with Source(project, path=["src"], python=TORCH_PYTHON) as source:
            for name in ("zoo", "timed", "zoo"):
                assert source.resolve(f"{name}:build").model.root.parameters[0].shape == (2, 3)
                time.sleep(0.2)  # the worker waits for the next model meanwhile
    finally:
        socket.setdefaulttimeout(before)
