"""Which files the kernel reports that other programs open."""

import os
import subprocess
import sys

import pytest

from bmvis.child.tracking import opened_files
from bmvis.child.tracking.opened_files import OpenedFiles

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is part of Linux")


@pytest.fixture
def project(tmp_path):
    for name in ("a.txt", "deep/b.txt", "deep/er/c.txt", ".hidden/d.txt", "node_modules/e.txt", "package/f.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def run(project, code):
    """Return what is noticed of a shell command: files and folders, relative to the project."""
    opened = OpenedFiles()
    opened.start([str(project)])
    subprocess.run(["sh", "-c", code], cwd=project, check=True, stdout=subprocess.DEVNULL)
    start = len(f"{project}/")
    return [path[start:] for path in opened.files()], [path[start:] for path in opened.data_folders()]


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("true", []),
        ("cat deep/er/c.txt a.txt", ["a.txt", "deep/er/c.txt"]),
        ("test -f a.txt", []),
        ("echo > new.txt; cat new.txt", []),
        ("echo >> a.txt", []),
        ("cat a.txt; cp deep/b.txt a.txt", ["deep/b.txt"]),
        ("cp a.txt b; mv b c; cat c", ["a.txt"]),
        ("cat .hidden/d.txt node_modules/e.txt", []),
        ("mkdir package/__pycache__; cat package/f.py", ["package/f.py"]),
    ],
)
def test_opened_files_are_noticed_but_not_those_that_are_written(code, files, project):
    assert run(project, code)[0] == files


@pytest.mark.parametrize(
    ("code", "folders"),
    [("ls deep/er", ["deep/er"]), ("ls package .", []), ("cd deep; cat b.txt", []), ("ls deep/*", ["deep", "deep/er"])],
)
def test_listed_folders_are_noticed_but_not_those_with_modules(code, folders, project):
    assert run(project, code)[1] == folders


def test_bytecode_is_noticed_as_its_source(project):
    cache = project / "package/__pycache__"
    cache.mkdir()
    (cache / "f.cpython-311.pyc").touch()
    assert run(project, "cat package/__pycache__/f.cpython-311.pyc")[0] == ["package/f.py"]


def test_what_bmvis_opens_can_be_forgotten(project):
    opened = OpenedFiles()
    opened.start([str(project)])
    opened.start([str(project)])
    (project / "a.txt").read_text()
    opened.collect()
    (project / "deep/b.txt").read_text()
    opened.forget()
    assert opened.files() == [str(project / "a.txt")]


def test_number_of_watched_folders_is_limited(project, monkeypatch):
    monkeypatch.setattr(opened_files, "_MAX_FOLDERS", 1)
    assert run(project, "cat a.txt deep/b.txt deep/er/c.txt")[0] == ["a.txt"]


def test_folders_after_one_with_many_entries_are_not_watched(project, monkeypatch):
    monkeypatch.setattr(opened_files, "_MAX_ENTRIES", 2)
    assert run(project, "cat a.txt deep/b.txt")[0] == ["a.txt"]


def test_nothing_is_noticed_without_the_kernel(project, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert run(project, "cat a.txt; ls deep") == ([], [])


def test_end_of_the_queue_by_user_code_is_no_error(project):
    opened = OpenedFiles()
    opened.start([str(project)])
    os.close(opened._descriptor)
    assert opened.files() == []
