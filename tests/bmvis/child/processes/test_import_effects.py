"""What is recorded about modules before an import: no code of a library may run for it."""

import sys
from types import ModuleType

import pytest
import torch

from bmvis.child.processes import import_effects
from bmvis.child.processes.import_effects import ProcessState


class Lazy(dict):
    """A registry that imports what it names when it is read, as the mappings of transformers do."""

    def keys(self):
        raise AssertionError("the registry was read")

    __iter__ = items = values = keys

    def __getitem__(self, key):
        raise AssertionError("the registry was read")


class Proxy:
    """An object that is made when its attributes are read."""

    @property
    def __dict__(self):
        raise AssertionError("the object was made")

    def __getattr__(self, name):
        raise AssertionError("the object was made")


@pytest.fixture
def library(monkeypatch):
    module = ModuleType("lazylib")
    module.__file__ = "/usr/lib/python3/site-packages/lazylib/__init__.py"
    module.MODELS = Lazy(bert=1)
    module.PROXY = Proxy()
    monkeypatch.setattr(import_effects, "is_library", lambda file: file == module.__file__)
    monkeypatch.setitem(sys.modules, "lazylib", module)
    return module


def test_lazy_objects_are_recorded_without_their_code(library):
    state = ProcessState()
    assert state.change() == ""
    dict.__setitem__(library.MODELS, "bert", len)
    assert state.change() == "lazylib.MODELS"


def test_new_key_of_a_registry_is_an_effect(library):
    state = ProcessState()
    dict.__setitem__(library.MODELS, "gpt2", len)
    assert state.change() == "lazylib.MODELS"


def test_registry_that_no_model_is_built_from_is_no_effect(library, monkeypatch):
    monkeypatch.setattr(import_effects, "_OWN_CACHES", frozenset(["lazylib.MODELS"]))
    state = ProcessState()
    dict.__setitem__(library.MODELS, "gpt2", len)
    assert state.change() == ""


def test_registry_of_a_later_import_is_compared(library, monkeypatch):
    state = ProcessState()
    later = ModuleType("lazylib.later")
    later.__file__ = library.__file__
    later.LATE = {"width": 1}
    monkeypatch.setitem(sys.modules, "lazylib.later", later)
    assert state.change() == ""
    later.LATE["width"] = 2
    assert state.change() == "lazylib.later.LATE"


def test_class_of_torch_that_replaces_a_class_of_a_library_is_an_effect(library):
    library.Norm = type("Norm", (), {})
    state = ProcessState()
    library.Norm = torch.nn.LayerNorm
    assert state.change() == "lazylib.Norm"


def test_class_of_a_library_that_replaces_a_class_of_torch_is_an_effect(library, monkeypatch):
    state = ProcessState()
    monkeypatch.setattr(torch.nn, "LayerNorm", type("LayerNorm", (), {"__module__": "lazylib"}))
    assert state.change() == "torch.nn.LayerNorm"


def test_torch_may_replace_its_own_names(monkeypatch):
    state = ProcessState()
    monkeypatch.setattr(torch.nn, "LayerNorm", torch.nn.RMSNorm)
    assert state.change() == ""
