"""A fork of the nursery finds what a new Python finds, so that tests may start workers as forks."""

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec

import pytest
from forked_workers import _Forked, forks
from waiting import wait_until

from bmvis.worker import process_tree, server_process
from bmvis.worker.fork_server import ForkServer
from bmvis.worker.protocol import Request

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks need Linux"),
    pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed"),
]
STATE = """\
import json, os, signal, sys, torch
files = {number: os.path.exists(f"/proc/self/fd/{number}") for number in range(3, 60)}
seen = {
    "environment": dict(os.environ),
    "shown": sorted(open("/proc/self/environ", errors="replace").read().rstrip("\\0").split("\\0")),
    "command": open("/proc/self/cmdline").read().rstrip("\\0").split("\\0"),
    "path": sys.path,
    "arguments": [sys.argv, sys.orig_argv],
    "folder": os.getcwd(),
    "main": __name__,
    "leads": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
    "parent": os.getppid(),
    "flags": str(sys.flags),
    "files": [number for number, is_open in files.items() if is_open],
    "handlers": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM)],
    "modules": sorted(sys.modules),
    "input": sys.stdin.read(),
}
print(json.dumps(seen), flush=True)
print("on standard error", file=sys.stderr)
"""


@pytest.fixture
def given():
    """Return the read end of a pipe that a process gets."""
    read, write = os.pipe()
    yield read
    os.close(read)
    os.close(write)


def run(folder, code, *descriptors, python=sys.executable):
    """Return the exit code of a started process, what it prints, and what kind of object it is."""
    process = server_process.subprocess.Popen(
        [python, "-c", code, "an argument", "ä"],
        cwd=folder,
        env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "GIVEN": "ä=\udcff"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=descriptors,
    )
    with process.stdout:
        output = process.stdout.read().decode()
    return process.wait(), output, type(process)


@pytest.mark.builds
def test_fork_finds_what_a_new_python_finds(tmp_path, given):
    real = run(tmp_path, STATE, given)
    with forks():
        forked = run(tmp_path, STATE, given)
    assert (real[2], forked[2]) == (subprocess.Popen, _Forked)
    assert real[0] == forked[0] == 0
    expected, found = (text.partition("\n") for text in (real[1], forked[1]))
    assert expected[2] == found[2] == "on standard error\n"
    expected, found = json.loads(expected[0]), json.loads(found[0])
    assert expected["parent"] == os.getpid()
    assert expected["files"] == [given]
    assert expected["environment"]["GIVEN"] == "ä=\udcff"
    assert set(found["modules"]) - set(expected["modules"]) == set()
    assert found == expected


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import sys; sys.exit(69)", 69),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit('a text')", 1),
        ("import os; os._exit(7)", 7),
        ("raise ValueError('no such size')", 1),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
    ],
)
def test_fork_ends_as_a_new_python_does(tmp_path, code, status):
    with forks():
        forked = run(tmp_path, code)
    assert forked[::2] == (status, _Forked)
    assert ("ValueError: no such size" in forked[1]) == ("ValueError" in code)


def test_another_python_and_other_settings_of_python_start_a_new_one(tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.symlink_to(sys.executable)
    with forks():
        assert run(tmp_path, "", python=str(other))[2] is subprocess.Popen
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        assert run(tmp_path, "")[2] is subprocess.Popen
        monkeypatch.undo()
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        assert run(tmp_path, "")[2] is subprocess.Popen


def test_worker_that_is_a_fork_builds_models_and_ends_with_its_processes(tmp_path):
    (tmp_path / "zoo.py").write_text("from torch import nn\ndef build(): return nn.Linear(3, 2)\n")
    with forks():
        server = ForkServer(sys.executable, tmp_path)
    assert isinstance(server._started.process, _Forked)
    assert server.run(Request(1, "zoo:build", "auto", (str(tmp_path),), allow=("*",))).code == 0
    mark = str(server.folder.path)
    assert len(list(process_tree._marked(mark))) == 2
    server.end()
    assert list(process_tree._marked(mark)) == []
    assert server._started.process.returncode == 0


def test_nothing_of_this_process_is_adopted_afterwards(tmp_path):
    """An orphan of other tests does not become a child of this process."""
    with forks():
        run(tmp_path, "")
    orphan = "import os, time\nif pid := os.fork(): print(pid, flush=True); os._exit(0)\ntime.sleep(0.5)"
    pid = int(subprocess.run([sys.executable, "-c", orphan], stdout=subprocess.PIPE, check=True).stdout)
    assert pid not in process_tree.child_processes(os.getpid())
    assert wait_until(lambda: not process_tree.process_id(pid))
