"""Paths that user code accesses belong to the project, or are recorded as outside it."""

from pathlib import Path

import pytest

from bmvis.child.tracking.project_paths import ProjectPaths


def test_file_outside_the_project_is_recorded(tmp_path: Path) -> None:
    paths = ProjectPaths()
    paths.set_roots([str(tmp_path / "project")])
    inside, outside = str(tmp_path / "project/model.pt"), str(tmp_path / "weights/model.pt")
    assert paths.is_in_scope(inside)
    assert not paths.is_in_scope(outside)
    assert paths.outside == {("file", outside)}


@pytest.mark.parametrize(
    ("name", "is_inside"),
    [("HEAD", True), ("refs/heads/main", True), ("packed-refs", True), ("index", False), ("objects/0a/1b", False)],
)
def test_of_the_folder_of_git_only_what_names_commits_belongs_to_the_project(name, is_inside, tmp_path):
    paths = ProjectPaths()
    paths.set_roots([str(tmp_path)])
    assert paths.is_in_scope(str(tmp_path / ".git" / name)) is is_inside


def test_installed_package_in_the_project_is_recorded_as_outside(tmp_path: Path) -> None:
    paths = ProjectPaths()
    paths.set_roots([str(tmp_path)])
    installed = str(tmp_path / "venv/lib/python3.11/site-packages/zoo/model.pt")
    assert not paths.is_in_scope(installed)
    assert paths.outside == {("file", installed)}
