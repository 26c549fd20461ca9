"""Digests that builds remember: files that are unchanged are not read, and no change is missed."""

import os
import shutil
import time

import pytest

from bmvis.source import fingerprint
from bmvis.source.cache_folder import CacheFolder
from bmvis.source.digest_memo import DigestMemo

LATER = 5_000_000_000
RECORD = "torch-2.dist-info/RECORD"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a folder with two distributions and a path file, written a few seconds ago."""
    folder = tmp_path / "site-packages"
    for name in ("numpy-2.dist-info", "torch-2.dist-info", "old.egg-info"):
        (folder / name).mkdir(parents=True)
    for name in ("numpy-2.dist-info", "torch-2.dist-info"):
        (folder / name / "RECORD").write_text(f"{name} sha256=0")
    (folder / "project.pth").write_text("/src")
    let_time_pass(monkeypatch)
    return folder


@pytest.fixture
def read(monkeypatch):
    """Return a list that fills with the files that are read."""
    files = []
    of_file = fingerprint.of_file

    def noted(file):
        files.append(file)
        return of_file(file)

    monkeypatch.setattr(fingerprint, "of_file", noted)
    return files


def let_time_pass(monkeypatch):
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + LATER)


def digest(installed):
    """Return the digest in a new build."""
    return DigestMemo(CacheFolder(installed.parent / "cache")).of_installed(str(installed))


def test_unchanged_distributions_are_not_read_again(installed, read):
    before = digest(installed)
    assert before == fingerprint.of_installed(str(installed))
    read.clear()
    assert digest(installed) == before
    assert read == []


@pytest.mark.parametrize("change", ["content", "added", "removed", "path file", "replaced", "linked"])
def test_each_change_has_another_digest_with_the_same_size_and_time(change, installed, monkeypatch):
    before, times = digest(installed), (installed / RECORD).stat()
    if change == "content":
        (installed / RECORD).write_text("torch-2.dist-info sha256=1")
    elif change == "added":
        (installed / "wheel-1.dist-info").mkdir()
    elif change == "removed":
        shutil.rmtree(installed / "numpy-2.dist-info")
    elif change == "path file":
        (installed / "project.pth").write_text("/new")
    elif change == "replaced":
        (installed / "new").write_text("torch-2.dist-info sha256=1")
        (installed / "new").replace(installed / RECORD)
    else:
        (installed / "new").write_text("torch-2.dist-info sha256=1")
        (installed / RECORD).unlink()
        (installed / RECORD).symlink_to(installed / "new")
    for file in installed.rglob("*"):
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    let_time_pass(monkeypatch)
    assert before != digest(installed) == fingerprint.of_installed(str(installed))


def test_files_that_were_just_written_are_not_remembered(installed, monkeypatch):
    monkeypatch.undo()
    digest(installed)
    assert not (installed.parent / "cache" / "digests.msgpack").exists()


@pytest.mark.parametrize(
    "content", [b"", b"\xff garbage", b"0" * 32, "valid"], ids=["empty", "garbage", "digest", "other"]
)
def test_file_that_cannot_be_read_counts_as_missing(content, installed):
    expected = digest(installed)
    file = installed.parent / "cache" / "digests.msgpack"
    if content == "valid":
        content = fingerprint.of_bytes(b"\x01").encode() + b"\x01"
    file.write_bytes(content)
    assert digest(installed) == expected


def test_digests_without_a_cache(installed):
    memo = DigestMemo(None)
    assert memo.of_installed(str(installed)) == fingerprint.of_installed(str(installed))
    assert memo.of_bmvis() == fingerprint.of_bmvis()


def test_edit_of_the_code_of_bmvis_has_another_digest(installed, monkeypatch, read):
    package = installed.parent / "bmvis"
    (package / "view").mkdir(parents=True)
    (package / "view" / "fold.py").write_text("a = 1")
    monkeypatch.setattr(fingerprint, "PACKAGE", package)

    def code():
        fingerprint.of_bmvis.cache_clear()
        return DigestMemo(CacheFolder(installed.parent / "cache")).of_bmvis()

    try:
        before = code()
        read.clear()
        assert code() == before
        assert read == []
        (package / "view" / "fold.py").write_text("a = 2")
        assert code() != before
    finally:
        fingerprint.of_bmvis.cache_clear()


def test_memo_of_many_projects_stays_small(tmp_path):
    sizes = []
    for number in range(100, 170):
        DigestMemo(CacheFolder(tmp_path / "cache")).of_installed(str(tmp_path / str(number)))
        sizes.append((tmp_path / "cache" / "digests.msgpack").stat().st_size)
    assert sizes[30] < sizes[40] < sizes[55] == sizes[-1]


def test_cache_that_cannot_be_written_needs_no_memo(installed, caplog):
    (installed.parent / "cache").write_text("a file where the folder should be")
    assert digest(installed) == fingerprint.of_installed(str(installed))
    assert caplog.records == []
