"""One Source for pages that are converted in a row, if no host reports the end of a build."""

import pytest

from bmvis.errors import FactoryError
from bmvis.model.tree import Model, Module
from bmvis.source.dependencies import file_dependencies
from bmvis.worker.protocol import Built, ModelRequest
from mkdocs_bmvis import sources
from mkdocs_bmvis.settings import Settings

MODEL = Model((Module("", 0, "Net"),))


class RecordedSource:
    def __init__(self, file=""):
        self.file = file
        self.asked = []
        self.closed = False

    def answer(self, asked):
        self.asked.append(asked.reference)
        if asked.reference == "m:bad":
            raise FactoryError(asked.reference)
        return Built(MODEL, (str(self.file),), file_dependencies([str(self.file)]))

    def close(self):
        self.closed = True


@pytest.fixture
def opened(monkeypatch, tmp_path):
    found = []

    def open_source(settings, session=None):
        found.append(RecordedSource(tmp_path / "zoo.py"))
        return found[-1]

    monkeypatch.setattr(sources, "open_source", open_source)
    return found


@pytest.fixture
def timers(monkeypatch):
    """Replace timers with ones that the test ends."""
    found = []

    class Timer:
        def __init__(self, seconds, function):
            self.seconds, self.end, self.state = seconds, function, "made"
            found.append(self)

        def start(self):
            self.state = "runs"

        def cancel(self):
            self.state = "canceled"

    monkeypatch.setattr(sources.threading, "Timer", Timer)
    return found


def test_pages_share_one_source_until_a_pause(opened, timers):
    shared = sources.SharedSource(Settings())
    shared.answer(ModelRequest("m:a"))
    shared.answer(ModelRequest("m:b"))
    assert [source.closed for source in opened] == [False]
    assert [timer.state for timer in timers] == ["canceled", "runs"], "each request restarts the pause"
    assert timers[-1].seconds == sources.IDLE
    timers[-1].end()
    shared.answer(ModelRequest("m:c"))
    assert [source.asked for source in opened] == [["m:a", "m:b"], ["m:c"]]
    assert [source.closed for source in opened] == [True, False]
    shared.close()
    assert opened[1].closed


def test_failed_request_does_not_keep_the_source_open(opened, timers):
    shared = sources.SharedSource(Settings())
    with pytest.raises(FactoryError, match="m:bad"):
        shared.answer(ModelRequest("m:bad"))
    timers[-1].end()
    assert opened[0].closed


def test_changed_file_closes_the_source(opened, tmp_path):
    zoo = tmp_path / "zoo.py"
    zoo.write_text("1")
    shared = sources.SharedSource(Settings(cwd=str(tmp_path)))
    shared.answer(ModelRequest("zoo:a"))
    shared.answer(ModelRequest("zoo:b"))
    zoo.write_text("2")
    shared.answer(ModelRequest("zoo:a"))
    assert [source.asked for source in opened] == [["zoo:a", "zoo:b"], ["zoo:a"]]
    shared.close()


def test_changed_file_of_a_failed_model_closes_the_source(opened, tmp_path):
    (tmp_path / "m.py").write_text("1")
    shared = sources.SharedSource(Settings(cwd=str(tmp_path)))
    for _ in range(2):
        with pytest.raises(FactoryError):
            shared.answer(ModelRequest("m:bad"))
    (tmp_path / "m.py").write_text("2")
    with pytest.raises(FactoryError):
        shared.answer(ModelRequest("m:bad"))
    assert [len(source.asked) for source in opened] == [2, 1]
    shared.close()


@pytest.mark.parametrize("folder", ["", "records"], ids=["pyproject's", "own"])
def test_source_reads_snapshots_from_the_configured_folder(tmp_path, folder):
    (tmp_path / "pyproject.toml").write_text("[tool.bmvis]\nsnapshots = 'kept'\n")
    with sources.open_source(Settings(cwd=str(tmp_path), snapshots=folder)) as source:
        assert source.project.snapshots == tmp_path / (folder or "kept")


@pytest.mark.parametrize(
    ("reference", "files"),
    [
        ("zoo:net", ["zoo.py"]),
        (" pack.nets:net(a=':')", ["pack/nets/__init__.py"]),
        ("", []),
        (":net", []),
        ("...:net", []),
        ("zoo\0:net", []),
        ("../zoo:net", []),
        ("z" * 5000, []),
    ],
    ids=["module", "package", "empty", "no-module", "dots", "null", "folder", "long"],
)
def test_likely_files_of_any_reference(tmp_path, reference, files):
    folder = tmp_path / "src"
    for name in ("zoo.py", "pack/nets/__init__.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    settings = Settings(cwd=str(tmp_path), path=("src",))
    assert sources.likely_files(reference, settings) == [str(folder / name) for name in files]
