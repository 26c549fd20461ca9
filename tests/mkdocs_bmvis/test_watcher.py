"""Changes that start a build of a preview server."""

import os
import threading
import time
from pathlib import Path

import pytest
from waiting import PATIENCE, wait_until

from bmvis.source.dependencies import with_value
from bmvis.worker.protocol import Dependency
from mkdocs_bmvis import path_poller
from mkdocs_bmvis.watch_list import WatchList
from mkdocs_bmvis.watcher import Watcher


class Server:
    """The files that a preview server watches; the first one is changed to start a build."""

    def __init__(self):
        self.watched = []

    def watch(self, path, *, recursive):
        assert not recursive
        self.watched.append(path)

    def unwatch(self, path):
        self.watched.remove(path)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def watcher(server, monkeypatch):
    monkeypatch.setattr(path_poller, "_INTERVAL", 0.01)
    watcher = Watcher(server)
    yield watcher
    watcher.stop()


@pytest.fixture
def folder(tmp_path):
    """Return a folder without a recent change."""
    made = tmp_path / "folder"
    made.mkdir()
    long_ago(made)
    return made


def long_ago(path):
    os.utime(path, (time.time() - 1000,) * 2)


def needed(*dependencies):
    found = WatchList()
    found.add(map(with_value, dependencies))
    return found


def starts_build(server, change, seconds=PATIENCE):
    """Return whether a change starts a build."""
    (signal, *_) = server.watched
    os.utime(signal, (0, 0))
    change()
    return wait_until(lambda: Path(signal).stat().st_mtime > 0, seconds)


def starts_none(server, change):
    """Return whether a change starts no build while the watcher looks ten times."""
    return not starts_build(server, change, seconds=0.2)


def test_folder_whose_names_count(server, watcher, folder):
    (folder / "weights.bin").write_text("0")
    watcher.update(needed(Dependency("names", str(folder))))
    assert starts_none(server, lambda: (folder / ".weights.bin.swp").write_text("a copy of an editor"))
    assert starts_none(server, lambda: (folder / "weights.bin").write_text("1"))
    assert starts_build(server, lambda: (folder / "more.bin").write_text("0"))
    assert starts_build(server, lambda: (folder / "more.bin").unlink())


def test_file_that_a_model_looked_for(server, watcher, folder):
    file = folder / "config" / "model.json"
    watcher.update(needed(Dependency("file", str(file))))
    assert starts_none(server, lambda: (folder / "build.log").write_text("line\n"))
    assert starts_none(server, file.parent.mkdir)
    watcher.update(needed(Dependency("file", str(file))))
    assert starts_build(server, lambda: file.write_text("{}"))
    watcher.update(needed(Dependency("file", str(file))))
    assert server.watched[1:] == [str(file)]


def test_removed_file_is_watched_again(server, watcher, folder):
    file = folder / "zoo.py"
    file.write_text("x = 1\n")
    watcher.update(needed(Dependency("source", str(file))))
    assert server.watched[1:] == [str(file)]
    assert starts_build(server, file.unlink)
    watcher.update(needed(Dependency("source", str(file))))
    assert server.watched[1:] == []
    assert starts_build(server, lambda: file.write_text("x = 2\n"))
    watcher.update(needed(Dependency("source", str(file))))
    assert server.watched[1:] == [str(file)]


def test_change_during_a_build_starts_another_one(server, watcher, folder):
    read = needed(Dependency("names", str(folder)))
    (folder / "more.bin").write_text("0")
    assert starts_build(server, lambda: watcher.update(read))


@pytest.mark.parametrize(("age", "is_noticed"), [(0, True), (1000, False), (-1000, False)])
def test_folder_with_a_recent_time_is_read_again(server, watcher, folder, monkeypatch, age, is_noticed):
    """The time of a folder can be the same after a second change."""
    changed = time.time_ns() - age * 10**9
    monkeypatch.setattr(path_poller, "_state", lambda path: (1, changed, changed))
    watcher.update(needed(Dependency("names", str(folder))))
    assert starts_build(server, (folder / "more.bin").touch, PATIENCE if is_noticed else 0.2) is is_noticed


def test_no_thread_is_left(server):
    watcher = Watcher(server)
    assert "bmvis-watcher" in {thread.name for thread in threading.enumerate()}
    watcher.stop()
    assert wait_until(lambda: "bmvis-watcher" not in {thread.name for thread in threading.enumerate()})
