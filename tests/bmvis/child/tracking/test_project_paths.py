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


def test_project_of_an_imported_module_counts(tmp_path: Path) -> None:
    paths = ProjectPaths()
    paths.set_roots([str(tmp_path / "project")])
    (tmp_path / "other/src/zoo").mkdir(parents=True)
    (tmp_path / "other/pyproject.toml").touch()
    paths.add_project_of(str(tmp_path / "other/src/zoo/__init__.py"))
    assert paths.is_in_scope(str(tmp_path / "other/config.json"))
    assert not paths.is_in_scope(str(tmp_path / "config.json"))


@pytest.mark.parametrize("kind", ["temporary folder", "home folder", "folder of installed packages"])
def test_module_in_a_folder_of_many_projects_adds_no_project(kind, tmp_path, monkeypatch):
    if kind == "temporary folder":
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    elif kind == "home folder":
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
    else:
        (tmp_path / "zoo-1.dist-info").mkdir()
        monkeypatch.syspath_prepend(str(tmp_path))
    paths = ProjectPaths()
    paths.set_roots([str(tmp_path / "project")])
    paths.add_project_of(str(tmp_path / "zoo.py"))
    assert not paths.is_in_scope(str(tmp_path / "config.json"))
