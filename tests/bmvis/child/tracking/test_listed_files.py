"""Entries of `os.scandir` report the files whose state is read, and are otherwise what Python returns."""

import os

import pytest

from bmvis.child.tracking import listed_files


@pytest.fixture
def seen(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("abc")
    monkeypatch.setattr(os, "scandir", os.scandir)  # restored afterwards
    monkeypatch.setattr(os, "supports_fd", set(os.supports_fd))
    monkeypatch.chdir(tmp_path)
    found = []
    listed_files.watch_entries(found.append)
    return found


def test_state_of_an_entry_is_reported_with_its_path(seen, tmp_path):
    with os.scandir(tmp_path) as entries:
        sizes = {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
    assert (sizes, seen) == ({"file": 3}, [str(tmp_path / "file")])


def test_names_and_kinds_are_not_reported(seen):
    assert sorted((entry.name, entry.path, entry.is_dir()) for entry in os.scandir()) == [
        ("file", "./file", False),
        ("folder", "./folder", True),
    ]
    assert seen == []


@pytest.mark.skipif(os.scandir not in os.supports_fd, reason="needs folders by descriptor")
def test_open_folders_are_listed(seen, tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    assert os.scandir in os.supports_fd
    with os.scandir(descriptor) as entries:
        assert sorted(entry.name for entry in entries) == ["file", "folder"]
    os.close(descriptor)


def test_entries_are_those_of_python_for_other_code(seen, tmp_path):
    entry = next(entry for entry in os.scandir(os.fsencode(tmp_path)) if entry.is_dir())
    assert isinstance(entry, os.DirEntry)
    assert (os.fspath(entry), repr(entry)) == (os.fsencode(tmp_path / "folder"), "<DirEntry b'folder'>")
    assert os.stat(entry).st_ino == entry.inode()  # noqa: PTH116  # an entry, not a path
    assert not hasattr(entry, "nothing")
    with pytest.raises(FileNotFoundError):
        os.scandir(tmp_path / "none")
    assert list(os.walk(tmp_path)) == [(str(tmp_path), ["folder"], ["file"]), (str(tmp_path / "folder"), [], [])]
