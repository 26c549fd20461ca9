"""Facts of a model: their values now, what a preview server watches for them, and where a project begins."""

import msgspec
import pytest

from bmvis.source.facts import entry_fact, first_change, settled, value_of, watched
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
        (Fact("link", "data/link"), {"data"}),
        (Fact("file", "data/link"), {"data/link", "data/a.txt"}),
        (Fact("entry", "pyproject.toml", of="bert"), {"pyproject.toml"}),
        (Fact("file", "data/a.txt", left=True), set()),
        (Fact("installed", "data"), set()),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_a_preview_server_watches_where_a_change_shows(fact, places, project):
    absolute = msgspec.structs.replace(fact, path=str(project / fact.path))
    assert watched([absolute]) == {str(project / place) for place in places}


@pytest.mark.parametrize("kind", ["file", "exists", "names", "link", "modules", "entry", "installed"])
@pytest.mark.parametrize("path", ["missing", "nul\0", "x" * 5000])
def test_what_cannot_be_looked_at_has_no_value_and_no_error(kind, path, project):
    assert isinstance(value_of(Fact(kind, str(project / path))), str)


def test_an_entry_depends_on_itself_only(project):
    file = project / "pyproject.toml"
    facts = [entry_fact(file, "bert"), entry_fact(file, "gpt")]
    file.write_text("[project]\nversion = '2'\n" + file.read_text().replace("zoo:gpt", "zoo:gpt(layers=2)"))
    assert [first_change([fact], {}) for fact in facts] == [None, facts[1]]


def test_what_a_factory_wrote_counts_as_it_was_left(project):
    file = project / "data" / "a.txt"
    facts = (Fact("file", str(file), "old", left=True), Fact("file", str(file), "old"))
    left, other = settled(facts)
    assert (left.value, other.value) == (value_of(left), "old")
    file.write_text("by hand")
    assert first_change([left], {}) == left


def test_a_project_is_its_repository_or_the_folder_of_pyproject(project):
    docs = project / "docs" / "deep"
    docs.mkdir(parents=True)
    assert project_folder(docs) == project
    (project.parent / ".git").mkdir(exist_ok=True)
    assert project_folder(docs) == project.parent
