"""Facts of a model: their current values, the paths that a preview server watches, and the project folder."""

import msgspec
import pytest

from bmvis.source.facts import (
    FOLDERS,
    entry_fact,
    first_change,
    value_of,
    watched,
    with_changed_paths,
    with_written_files,
)
from bmvis.source.pyproject import project_folder
from bmvis.worker.protocol import Fact


@pytest.fixture
def project(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a")
    (tmp_path / "data" / "link").symlink_to("a.txt")
    (tmp_path / "pyproject.toml").write_text("[tool.bmvis.models]\nbert = 'zoo:bert'\ngpt = 'zoo:gpt'\n")
    return tmp_path


@pytest.mark.parametrize(
    ("fact", "places"),
    [
        (Fact("file", "data/a.txt"), {"data/a.txt"}),
        (Fact("file", "data/late/deep/b.txt"), {"data"}),
        (Fact("exists", "late.txt"), {"."}),
        (Fact("names", "data"), {"data"}),
        (Fact("link", "data/link", "a.txt"), {"data"}),
        (Fact("link", "data/a.txt"), {"data/a.txt"}),
        (Fact("file", "data/link"), {"data/link", "data/a.txt"}),
        (Fact("entry", "pyproject.toml", of="bert"), {"pyproject.toml"}),
        (Fact("file", "data/a.txt", left=True), set()),
        (Fact("installed", "data"), set()),
        (Fact("variable", "WIDTH"), set()),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_preview_server_watches_the_paths_of_facts(fact, places, project):
    absolute = msgspec.structs.replace(fact, path=str(project / fact.path))
    assert watched([absolute]) == {str(project / place) for place in places}


@pytest.mark.parametrize("kind", ["file", "exists", "names", "link", "modules", "entry", "installed", "variable"])
@pytest.mark.parametrize("path", ["missing", "nul\0", "x" * 5000])
def test_inaccessible_path_has_no_value_and_no_error(kind, path, project):
    assert isinstance(value_of(Fact(kind, str(project / path))), str)


def test_name_of_a_variable_is_not_taken_for_a_path(monkeypatch):
    monkeypatch.setenv("WIDTH", "3")
    fact = Fact("variable", "WIDTH", value_of(Fact("variable", "WIDTH")))
    assert with_changed_paths([fact], lambda path: f"/other/{path}") == (fact,)
    assert str(fact) == "environment variable WIDTH"
    assert first_change([fact], {}) is None
    monkeypatch.setenv("WIDTH", "4")
    assert first_change([fact], {}) == fact


def test_entry_depends_only_on_itself(project):
    file = project / "pyproject.toml"
    facts = [entry_fact(file, "bert"), entry_fact(file, "gpt")]
    file.write_text("[project]\nversion = '2'\n" + file.read_text().replace("zoo:gpt", "zoo:gpt(layers=2)"))
    assert [first_change([fact], {}) for fact in facts] == [None, facts[1]]


def test_folders_of_the_table_are_a_fact_of_their_own(project):
    file = project / "pyproject.toml"
    fact = entry_fact(file, FOLDERS)
    file.write_text(file.read_text().replace("zoo:gpt", "zoo:gpt(layers=2)"))
    assert first_change([fact], {}) is None
    file.write_text(
        file.read_text().replace("[tool.bmvis.models]", "[tool.bmvis]\npath = ['src']\n\n[tool.bmvis.models]")
    )
    assert first_change([fact], {}) == fact


def test_files_written_by_a_factory_count_as_of_the_last_build(project):
    file = project / "data" / "a.txt"
    facts = (Fact("file", str(file), "old", left=True), Fact("file", str(file), "old"))
    left, other = with_written_files(facts)
    assert (left.value, other.value) == (value_of(left), "old")
    file.write_text("by hand")
    assert first_change([left], {}) == left


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
        (lambda folder: (folder / ".hidden").touch(), False),
        (lambda folder: [(folder / "a.txt").unlink(), (folder / "a.txt").mkdir()], True),
    ],
    ids=["new", "renamed", "edited", "hidden", "a folder now"],
)
def test_listed_folder_changes_with_its_names_and_kinds(edit, is_changed, project):
    fact = Fact("names", str(project / "data"))
    before = value_of(fact)
    edit(project / "data")
    assert (value_of(fact) != before) == is_changed
