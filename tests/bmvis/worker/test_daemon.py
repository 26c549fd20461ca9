"""Builds of one preview server share a worker process, and see the current code."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from waiting import wait_until

from bmvis.errors import WorkerError
from bmvis.source.source import Source
from bmvis.worker import daemon_client, process_tree
from bmvis.worker.daemon_client import Session, session_of_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="worker processes stay in memory on Linux only")

ZOO = """
import os
from torch import nn


def template():
    model = nn.Module()
    model.add_module(f"process{os.getppid()}", nn.Identity())
    model.add_module(os.environ.get("FLAG", "unset"), nn.Identity())
    model.linear = nn.Linear(4, SIZE)
    return model


def reads():
    return nn.Linear(1, int(open("size.txt").read()))


def ends():
    os._exit(3)


def sleeps():
    import time
    open("sleeping", "w").write(str(os.getpid()))
    time.sleep(600)


def kills_the_daemon():
    import signal
    if os.path.exists("daemon"):
        daemon = int(open("daemon").read())
        os.remove("daemon")
        os.kill(daemon, signal.SIGKILL)
        import time
        time.sleep(600)
    return nn.Linear(2, 2)
"""


@pytest.fixture
def project(tmp_path: Path, own_daemons: None, forked_starts: None) -> Path:
    """Return a folder for a test that starts processes of its own; those of `shared` start as in use."""
    folder = tmp_path / "project"
    folder.mkdir()
    write(folder, 4)
    return folder


@contextmanager
def preview_server() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    """Return the process of a preview server."""
    with preview_server() as process:
        yield process


@pytest.fixture
def session(server: subprocess.Popen[bytes]) -> Session:
    found = session_of_process(server.pid)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def shared_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Session]]:
    """Return a folder and a session with one worker process for all tests that let it run."""
    folder = tmp_path_factory.mktemp("shared")
    with preview_server() as process, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", None)
        patch.setenv("TMPDIR", str(folder))
        patch.delenv("XDG_RUNTIME_DIR", raising=False)
        found = session_of_process(process.pid)
        assert found is not None
        (folder / "project").mkdir()
        yield folder / "project", found


@pytest.fixture
def shared(shared_session: tuple[Path, Session]) -> tuple[Path, Session]:
    write(shared_session[0], 4)
    return shared_session


def test_preview_server_keeps_no_process_if_the_environment_says_so(server, monkeypatch):
    monkeypatch.setenv("BMVIS_KEEP_PROCESS", "0")
    assert session_of_process(server.pid) is None


def write(project: Path, size: object) -> None:
    project.joinpath("zoo.py").write_text(ZOO.replace("SIZE", str(size)))


class Seen(NamedTuple):
    """What a model saw of the process that built it."""

    template: int
    """The process ID of the worker process that forked it."""
    flag: str
    """The environment variable FLAG."""
    size: int


def build(project: Path, session: Session | None) -> Seen:
    """Build a model as one build of a preview server."""
    with Source(project, path=(".",), timeout=60, session=session) as source:
        return seen_by(source)


def seen_by(source: Source) -> Seen:
    template, flag, linear = source.resolve("zoo:template").model.modules[1:]
    return Seen(int(template.name.removeprefix("process")), flag.name, linear.parameters[0].shape[0])


def daemons() -> list[int]:
    """Return the process IDs of all daemons of this user."""
    return [pid for pid, command in _commands() if b"bmvis.worker.daemon" in command]


def _commands() -> Iterator[tuple[int, bytes]]:
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdecimal() and str(tempfile.gettempdir()).encode() in (place / "environ").read_bytes():
                yield int(place.name), (place / "cmdline").read_bytes()
        except OSError:
            continue


def test_builds_of_a_session_share_a_worker_process_and_see_edits(shared):
    project, session = shared
    first = build(project, session)
    write(project, 5)
    second = build(project, session)
    assert first.template == second.template != os.getpid()
    assert (first.size, second.size) == (4, 5)


def test_build_without_session_leaves_no_process(project):
    assert process_tree.process_id(build(project, None).template) is None
    assert daemons() == []


def test_daemon_ends_with_its_owner(project, session, server):
    template = build(project, session).template
    assert len(daemons()) == 1
    server.kill()
    server.wait()
    assert wait_until(lambda: daemons() == [] and process_tree.process_id(template) is None)
    assert [place.name for place in daemon_client.private_folder().iterdir()] == ["lock"]


def test_daemon_ends_without_builds(project, session, monkeypatch):
    monkeypatch.setattr(daemon_client, "IDLE", 0.1)
    build(project, session)
    assert wait_until(lambda: daemons() == [])


def test_changed_state_starts_another_worker(project, session, monkeypatch, tmp_path):
    libraries = tmp_path / "libraries"
    distribution = libraries / "own-1.dist-info"
    distribution.mkdir(parents=True)
    distribution.joinpath("RECORD").write_text("own.py,sha256=1,1\n")
    monkeypatch.syspath_prepend(str(libraries))
    built = [build(project, session)]
    distribution.joinpath("RECORD").write_text("own.py,sha256=2,1\n")
    built.append(build(project, session))
    monkeypatch.setenv("FLAG", "set")
    built.append(build(project, session))
    assert len({one.template for one in built}) == 3
    assert [one.flag for one in built] == ["unset", "unset", "set"]
    assert wait_until(lambda: len(daemons()) == 1)


@pytest.mark.builds
def test_worker_follows_modules_that_python_imports_when_it_starts(own_daemons, session, monkeypatch, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import builtins, part\nbuiltins.SIZE = part.SIZE\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    seen = []
    for size in (4, 4, 50, 50):
        (tmp_path / "part.py").write_text(f"SIZE = {size}\n")
        write(tmp_path, "SIZE")
        seen.append(build(tmp_path, session))
    assert [one.size for one in seen] == [4, 4, 50, 50]
    assert seen[0].template == seen[1].template != seen[2].template == seen[3].template


def test_worker_follows_a_project_folder_that_is_replaced(shared):
    """As some version control tools and synchronization programs do between two builds."""

    project, session = shared

    def size() -> int:
        with Source(project, path=(".",), timeout=60, session=session) as source:
            return source.resolve("zoo:reads").model.root.parameters[0].shape[0]

    (project / "size.txt").write_text("4")
    assert size() == 4
    shutil.rmtree(project.with_name("before"), ignore_errors=True)
    project.rename(project.with_name("before"))
    project.mkdir()
    write(project, 1)
    (project / "size.txt").write_text("5")
    assert size() == 5


def test_terminal_of_a_build_does_not_count(shared, monkeypatch):
    project, session = shared
    before = build(project, session)
    monkeypatch.setenv("TERM", "other")
    monkeypatch.setenv("TMUX_PANE", "%9")
    assert build(project, session).template == before.template


def test_model_that_ends_its_process_leaves_the_worker(shared):
    project, session = shared
    before = build(project, session)
    with Source(project, path=(".",), session=session) as source, pytest.raises(WorkerError, match="exit code 3"):
        source.resolve("zoo:ends")
    assert build(project, session).template == before.template


def test_interrupted_build_ends_its_model(shared, forked_starts):
    project, session = shared
    owner, started = session.owner
    script = (
        "from pathlib import Path; from bmvis.source.source import Source; "
        "from bmvis.worker.daemon_client import Session; from bmvis.worker.process_tree import ProcessId; "
        f"Source(Path('.'), path=('.',), session=Session(ProcessId({owner}, {started!r}))).resolve('zoo:sleeps')"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=project) as process:
        assert wait_until(lambda: (project / "sleeping").exists() and (project / "sleeping").read_text())
        model = int((project / "sleeping").read_text())
        assert process_tree.process_id(model)
        process.send_signal(signal.SIGKILL)
    assert wait_until(lambda: process_tree.process_id(model) is None)
    assert build(project, session).size == 4


def test_build_goes_on_if_the_daemon_is_killed(project, session):
    build(project, session)
    (daemon,) = daemons()
    project.joinpath("daemon").write_text(str(daemon))
    with Source(project, path=(".",), timeout=60, session=session) as source:
        assert source.resolve("zoo:kills_the_daemon").model.modules[0].type == "Linear"
        assert seen_by(source).size == 4


def test_build_uses_a_worker_of_its_own_while_another_build_is_served(shared, forked_starts):
    project, session = shared
    with Source(project, path=(".",), timeout=60, session=session) as first:
        one = seen_by(first).template
        assert build(project, session).template != one
    assert wait_until(lambda: build(project, session).template == one)


def test_folder_that_others_can_open_is_not_used(project, session):
    daemon_client.private_folder().chmod(0o755)
    assert build(project, session).size == 4
    assert daemons() == []
