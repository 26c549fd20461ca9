"""The project of the tests of snapshots."""

import pytest
from snapshot_project import PYPROJECT, ZOO, run


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "zoo.py").write_text(ZOO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def recorded_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "zoo.py").write_text(ZOO)
    result = run("snapshot", "--project", str(folder))
    assert result.exit_code == 0, result.output
    return {file.name: file.read_text() for file in (folder / "snapshots").iterdir()}


@pytest.fixture
def recorded(project, recorded_files):
    """A project with its snapshots."""
    (project / "snapshots").mkdir()
    for name, text in recorded_files.items():
        (project / "snapshots" / name).write_text(text)
    return project
