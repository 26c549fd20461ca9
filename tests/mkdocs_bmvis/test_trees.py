"""One Source for pages that are converted in a row, where no host says when a build ends."""

import time

import pytest

from mkdocs_bmvis import trees
from mkdocs_bmvis.settings import Settings


class RecordedSource:
    def __init__(self):
        self.asked = []
        self.closed = False

    def resolve(self, reference, device):
        self.asked.append(reference)
        if reference == "m:bad":
            raise ValueError(reference)

    def close(self):
        self.closed = True


@pytest.fixture
def opened(monkeypatch):
    sources = []

    def open_source(settings):
        sources.append(RecordedSource())
        return sources[-1]

    monkeypatch.setattr(trees, "open_source", open_source)
    monkeypatch.setattr(trees, "IDLE", 0.2)
    return sources


def test_pages_in_a_row_share_one_source_and_a_pause_ends_it(opened):
    shared = trees.SharedSource(Settings())
    shared.resolve("m:a")
    time.sleep(0.1)
    shared.resolve("m:b")
    time.sleep(0.15)
    assert [source.closed for source in opened] == [False], "the pause starts anew with each question"
    time.sleep(0.3)
    shared.resolve("m:c")
    assert [source.asked for source in opened] == [["m:a", "m:b"], ["m:c"]]
    assert [source.closed for source in opened] == [True, False]
    shared.close()
    assert opened[1].closed


def test_a_failure_does_not_keep_the_source_open(opened):
    shared = trees.SharedSource(Settings())
    with pytest.raises(ValueError, match="m:bad"):
        shared.resolve("m:bad")
    time.sleep(0.5)
    assert opened[0].closed


def test_equal_settings_share_trees():
    assert trees.shared_trees(Settings(path=("a",))) is trees.shared_trees(Settings(path=("a",)))
    assert trees.shared_trees(Settings(path=("a",))) is not trees.shared_trees(Settings(path=("b",)))
