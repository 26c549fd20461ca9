"""Which states of a model process let a library be preloaded."""

import sys
from types import ModuleType

import pytest
import torch

from bmvis.child.preloading import LibraryFinder, Loaded
from bmvis.extraction.meta_failures import FailureLog, watched_calls


def new_finder():
    """Return a finder for the present state. It is no fixture: pytest sets an environment variable after those."""
    loaded = Loaded()
    loaded.note(sys.modules)
    return LibraryFinder(loaded, lambda wanted: None)


def test_factory_that_is_watched_can_import_preloaded_libraries():
    """Its imports are most of the time that a model takes."""
    finder = new_finder()
    with torch.device("meta"), watched_calls(FailureLog()):
        assert finder._is_clean()


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setenv("HF_HUB_OFFLINE", "other"),
        lambda patch: patch.setattr(torch.nn, "Linear", torch.nn.Conv1d),
        lambda patch: patch.setattr(torch, "relu", len),
        lambda patch: patch.setitem(sys.modules, "stub_of_a_library", ModuleType("stub_of_a_library")),
        lambda patch: patch.setitem(sys.modules, "json", ModuleType("json")),
        lambda patch: patch.setattr(sys, "meta_path", []),
        lambda patch: patch.chdir("/"),
    ],
    ids=["environment", "class", "function", "stub", "replaced module", "finders", "working directory"],
)
def test_changes_that_a_library_can_observe_prevent_preloading(change, monkeypatch):
    finder = new_finder()
    assert finder._is_clean()
    change(monkeypatch)
    assert not finder._is_clean()
