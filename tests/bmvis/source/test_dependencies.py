"""Dependencies of a model: their current values, the paths that a preview server watches, and the project folder."""

import msgspec
import pytest

from bmvis.source.dependencies import (
    FOLDERS,
    CurrentValues,
    entry_dependency,
    value_of,
    watched,
    with_changed_paths,
    with_written_files,
)
from bmvis.source.pyproject import project_folder
from bmvis.worker.protocol import Dependency


@pytest.fixture
def project(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a")
    (tmp_path / "data" / "link").symlink_to("a.txt")
    (tmp_path / "pyproject.toml").write_text("[tool.bmvis.models]\nbert = 'zoo:bert'\ngpt = 'zoo:gpt'\n")
    return tmp_path


@pytest.mark.parametrize(
    ("dependency", "paths"),
    [
        (Dependency("file", "data/a.txt"), {"data/a.txt"}),
        (Dependency("file", "data/late/deep/b.txt"), {"data"}),
        (Dependency("exists", "late.txt"), {"."}),
        (Dependency("names", "data"), {"data"}),
        (Dependency("link", "data/link", "a.txt"), {"data"}),
        (Dependency("link", "data/a.txt"), {"data/a.txt"}),
        (Dependency("file", "data/link"), {"data/link", "data/a.txt"}),
        (Dependency("entry", "pyproject.toml", of="bert"), {"pyproject.toml"}),
        (Dependency("file", "data/a.txt", is_written=True), set()),
        (Dependency("installed", "data"), set()),
        (Dependency("variable", "WIDTH"), set()),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_preview_server_watches_the_paths_of_dependencies(dependency, paths, project):
    absolute = msgspec.structs.replace(dependency, path=str(project / dependency.path))
    assert watched(absolute) == {str(project / place) for place in paths}


@pytest.mark.parametrize("kind", ["file", "exists", "names", "link", "modules", "entry", "installed", "variable"])
@pytest.mark.parametrize("path", ["missing", "nul\0", "x" * 5000])
def test_inaccessible_path_has_no_value_and_no_error(kind, path, project):
    assert isinstance(value_of(Dependency(kind, str(project / path))), str)


def test_name_of_a_variable_is_not_taken_for_a_path(monkeypatch):
    monkeypatch.setenv("WIDTH", "3")
    dependency = Dependency("variable", "WIDTH", value_of(Dependency("variable", "WIDTH")))
    assert with_changed_paths([dependency], lambda path: f"/other/{path}") == (dependency,)
    assert str(dependency) == "environment variable WIDTH"
    assert CurrentValues().first_change([dependency]) is None
    monkeypatch.setenv("WIDTH", "4")
    assert CurrentValues().first_change([dependency]) == dependency


def test_entry_depends_only_on_itself(project):
    file = project / "pyproject.toml"
    dependencies = [entry_dependency(file, "bert"), entry_dependency(file, "gpt")]
    file.write_text("[project]\nversion = '2'\n" + file.read_text().replace("zoo:gpt", "zoo:gpt(layers=2)"))
    assert [CurrentValues().first_change([dependency]) for dependency in dependencies] == [None, dependencies[1]]


def test_folders_of_the_table_are_a_fact_of_their_own(project):
    file = project / "pyproject.toml"
    dependency = entry_dependency(file, FOLDERS)
    file.write_text(file.read_text().replace("zoo:gpt", "zoo:gpt(layers=2)"))
    assert CurrentValues().first_change([dependency]) is None
    file.write_text(
        file.read_text().replace("[tool.bmvis.models]", "[tool.bmvis]\npath = ['src']\n\n[tool.bmvis.models]")
    )
    assert CurrentValues().first_change([dependency]) == dependency


def test_files_written_by_a_factory_count_as_of_the_last_build(project):
    file = project / "data" / "a.txt"
    dependencies = (Dependency("file", str(file), "old", is_written=True), Dependency("file", str(file), "old"))
    left, other = with_written_files(dependencies)
    assert (left.value, other.value) == (value_of(left), "old")
    file.write_text("by hand")
    assert CurrentValues().first_change([left]) == left


def test_project_folder_is_the_repository_or_that_of_pyproject(tmp_path):
    project = tmp_path / "repository" / "project"
    docs = project / "docs" / "deep"
    docs.mkdir(parents=True)
    (project / "pyproject.toml").touch()
    assert project_folder(docs) == project
    (project.parent / ".git").mkdir()
    assert project_folder(docs) == project.parent


@pytest.mark.parametrize(
    ("edit", "is_changed"),
    [
        (lambda folder: (folder / "b.txt").touch(), True),
        (lambda folder: (folder / "a.txt").rename(folder / "c.txt"), True),
        (lambda folder: (folder / "a.txt").write_text("b"), False),
        (lambda folder: (folder / ".hidden").touch(), True),
        (lambda folder: (folder / ".pytest_cache").mkdir(), False),
        (lambda folder: [(folder / "a.txt").unlink(), (folder / "a.txt").mkdir()], True),
    ],
    ids=["new", "renamed", "edited", "hidden", "a cache of a tool", "a folder now"],
)
def test_listed_folder_changes_with_its_names_and_kinds(edit, is_changed, project):
    dependency = Dependency("names", str(project / "data"))
    before = value_of(dependency)
    edit(project / "data")
    assert (value_of(dependency) != before) == is_changed
