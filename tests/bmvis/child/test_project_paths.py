"""Paths that user code accesses belong to the project, or are recorded as outside it."""

from pathlib import Path

from bmvis.child.project_paths import ProjectPaths


def test_file_outside_the_project_is_recorded(tmp_path: Path) -> None:
    paths = ProjectPaths()
    paths.set_roots([str(tmp_path / "project")])
    inside, outside = str(tmp_path / "project/model.pt"), str(tmp_path / "weights/model.pt")
    assert paths.is_in_scope(inside)
    assert not paths.is_in_scope(outside)
    assert paths.outside == {("file", outside)}


def test_installed_package_in_the_project_is_recorded_as_outside(tmp_path: Path) -> None:
    paths = ProjectPaths()
    paths.set_roots([str(tmp_path)])
    installed = str(tmp_path / "venv/lib/python3.11/site-packages/zoo/model.pt")
    assert not paths.is_in_scope(installed)
    assert paths.outside == {("file", installed)}
