"""Files that factories wrote: an edit by hand is seen, whichever models the builds before and after it ask for."""

import os

import pytest

from bmvis.source.cache import Cache, CachedHtml
from bmvis.source.cache_folder import CacheFolder
from bmvis.worker.protocol import Dependency, Failed, Listed


class Project:
    """A project in which each build opens the cache again."""

    def __init__(self, folder):
        self.folder = folder
        self.opened = None

    def build(self, cwd="", *, shared=False):
        """Start a build, in the project's folder or one below it. It can share the record of the last one."""
        written = self.opened.written if shared else None
        self.opened = Cache(CacheFolder(self.folder / ".cache"), self.folder / cwd, str, written)
        return self

    def call(self, name, *files, kind="file", reply=Listed):
        """Build the model `name`, whose factory writes files."""
        for file in files:
            with (self.folder / file).open("a") as opened:
                opened.write(name)
        dependencies = tuple(Dependency(kind, str(self.folder / file), is_written=True) for file in files)
        given = ((name,),) if reply is Listed else ("factory", "late")
        built = reply(*given, dependencies=dependencies)
        self.opened.put(built, name)
        return built

    def edit(self, file, text="by hand"):
        (self.folder / file).write_text(text)
        return self

    def has(self, name):
        return (self.opened.get_html if name == "html" else self.opened.get)(name) is not None


@pytest.fixture
def project(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "pyproject.toml").touch()
    return Project(tmp_path)


@pytest.mark.parametrize("is_shared", [False, True], ids=["own record", "shared record"])
def test_models_of_another_folder_of_the_project_keep_the_entry(project, is_shared):
    project.build().call("counter", "counter.txt")
    project.build("site", shared=is_shared).call("log", "run.log")
    assert project.has("log")
    project.build("site", shared=is_shared).call("other", "other.txt")
    assert project.build(shared=is_shared).has("counter")
    assert project.build("site").has("log")


def test_edit_is_seen_after_a_build_that_did_not_ask_for_the_model(project):
    project.build().call("counter", "counter.txt")
    project.edit("counter.txt").build().call("other", "other.txt")
    assert not project.build().has("counter")
    assert project.has("other")


def test_edit_is_seen_after_another_model_wrote_the_file_again(project):
    project.build().call("first", "run.log")
    project.edit("run.log").build().call("second", "run.log")
    assert project.has("second")
    assert not project.has("first")
    project.build().call("third", "run.log")
    assert not project.build().has("first")
    assert project.has("second")


def test_edit_while_another_model_is_built_is_seen(project):
    project.build().call("counter", "counter.txt")
    project.edit("counter.txt").call("other", "other.txt")
    assert not project.build().has("counter")


def test_removed_file_is_seen_though_it_is_written_again(project):
    project.build().call("first", "run.log")
    (project.folder / "run.log").unlink()
    project.build().call("second", "run.log")
    assert not project.build().has("first")


@pytest.mark.parametrize("reply", [Listed, Failed], ids=["model", "failure that may not occur again"])
def test_writing_of_another_model_keeps_the_entry(project, reply):
    project.build().call("first", "run.log")
    project.build().call("second", "run.log", reply=reply)
    assert project.build().has("first")


@pytest.mark.parametrize("kind", ["names", "time"])
def test_file_of_another_model_in_a_folder_keeps_the_entry(project, kind):
    (project.folder / "logs").mkdir()
    project.build()
    dependencies = (Dependency(kind, str(project.folder / "logs"), is_written=True),)
    project.opened.put(Listed(("first",), dependencies=dependencies), "first")
    os.utime(project.folder / "logs", (1, 1))
    project.opened.put(Listed(("first",), dependencies=dependencies), "first")
    (project.folder / "logs/version_1").mkdir()
    project.call("second", "logs/version_1/metrics.csv")
    assert project.build().has("first")
    project.edit("logs/by_hand.csv").build()
    assert not project.has("first")


def test_builds_at_the_same_time_keep_the_edits_that_either_has_found(project):
    project.build().call("first", "run.log")
    project.call("last", "run.log")
    early = Project(project.folder).build()
    project.edit("run.log").build().call("first", "run.log")
    early.call("second", "run.log")
    assert not project.build().has("last")


def test_cached_html_is_valid_as_long_as_its_model(project):
    built = project.build().call("counter", "counter.txt")
    project.build().opened.put(CachedHtml("<p></p>", dependencies=built.dependencies), "html")
    assert project.build().has("html")
    project.edit("counter.txt").build().call("other", "other.txt")
    assert not project.build().has("html")


def test_html_with_a_file_of_unknown_state_is_not_kept(project):
    project.build().edit("counter.txt")
    facts = (Dependency("file", str(project.folder / "counter.txt"), is_written=True),)
    project.opened.put(CachedHtml("<p></p>", dependencies=facts), "html")
    assert not project.build().has("html")


def test_cached_html_does_not_hide_an_edit_while_it_is_drawn(project):
    built = project.build().call("counter", "counter.txt")
    project.edit("counter.txt").opened.put(CachedHtml("<p></p>", dependencies=built.dependencies), "html")
    assert not project.build().has("html")
    assert not project.has("counter")


@pytest.mark.parametrize("damage", [b"", b"\x00\xff", None], ids=["empty", "garbage", "removed"])
def test_without_a_record_the_model_is_built_again(project, damage):
    project.build().call("counter", "counter.txt")
    record = project.folder / ".cache/written.msgpack"
    record.write_bytes(damage) if damage is not None else record.unlink()
    assert not project.build().has("counter")
    project.edit("counter.txt").call("other", "counter.txt")
    assert not project.build().has("counter")
    assert project.has("other")


def test_moved_checkout_keeps_the_entry(project, tmp_path_factory):
    project.build().call("counter", "counter.txt")
    moved = tmp_path_factory.mktemp("elsewhere") / "project"
    project.folder.rename(moved)
    assert Project(moved).build().has("counter")
