"""The state of a worker covers the Python that runs it, wherever that Python's distributions are."""

from pathlib import Path

import pytest

from bmvis.source.digest_memo import DigestMemo
from bmvis.source.worker_state import worker_state


@pytest.fixture
def other_python(tmp_path: Path) -> Path:
    """A virtual environment's interpreter that is not the running one, with an empty site-packages folder."""
    (tmp_path / "venv/lib/python3.11/site-packages").mkdir(parents=True)
    python = tmp_path / "venv/bin/other-python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    return python


def install(python: Path, name: str, version: str) -> None:
    folder = python.parent.parent / f"lib/python3.11/site-packages/{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_distribution_of_another_python_changes_state(other_python: Path) -> None:
    before = worker_state(str(other_python), DigestMemo(None))
    install(other_python, "zoo", "1.0")
    assert before != "" != worker_state(str(other_python), DigestMemo(None)) != before


def test_python_given_by_name_is_found_on_path(other_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(other_python.parent), prepend=":")
    before = worker_state(other_python.name, DigestMemo(None))
    install(other_python, "zoo", "1.0")
    assert before != "" != worker_state(other_python.name, DigestMemo(None)) != before


def test_python_without_known_folder_has_no_state(tmp_path: Path) -> None:
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\n")
    assert worker_state(str(python), DigestMemo(None)) == ""
