"""Which states of a model process let a library be preloaded.

The states are tried in a process of its own: what other tests leave in this one is such a change too.
"""

import importlib
import json
import sys
import warnings
from types import ModuleType

import pytest
from forked_workers import printed_by_main

CHANGES = {
    "environment": lambda patch: patch.setenv("HF_HUB_OFFLINE", "other"),
    "class": lambda patch: patch.setattr("torch.nn.Linear", type("Other", (), {})),
    "function": lambda patch: patch.setattr("torch.relu", len),
    "stub": lambda patch: patch.setitem(sys.modules, "stub_of_a_library", ModuleType("stub_of_a_library")),
    "replaced module": lambda patch: patch.setitem(sys.modules, "json", ModuleType("json")),
    "finders": lambda patch: patch.setattr(sys, "meta_path", []),
    "working directory": lambda patch: patch.chdir("/"),
}
REGISTRY = "__warningregistry__"
"""The name that Python adds to a module that warns."""


def main():
    """Print for each change whether libraries can be preloaded before and after it."""
    import torch

    from bmvis.child.processes.import_effects import ProcessState
    from bmvis.child.processes.preloading import LibraryFinder, Loaded
    from bmvis.child.tracking.native_files import NativeReaders
    from bmvis.extraction.meta_device.meta_failures import FailureLog, watched_calls

    def new_finder():
        loaded = Loaded()
        loaded.note(sys.modules)
        return LibraryFinder(loaded, lambda wanted: None)

    finder = new_finder()
    with torch.device("meta"), watched_calls(FailureLog()):
        found = {"watched factory": finder._is_clean()}
    finder = new_finder()
    with warnings.catch_warnings(record=True):
        warnings.warn_explicit("old", UserWarning, "file", 1, registry=vars(torch.nn).setdefault(REGISTRY, {}))
    found["warning"] = REGISTRY in vars(torch.nn) and finder._is_clean()
    finder = new_finder()
    reader = torch.from_file
    NativeReaders(print).watch()
    found["readers"] = torch.from_file is not reader and finder._is_clean()
    for name, change in CHANGES.items():
        with pytest.MonkeyPatch.context() as patch:
            finder = new_finder()
            before = finder._is_clean()
            change(patch)
            found[name] = (before, finder._is_clean())
    import sympy  # noqa: F401  # a template has imported it

    state = ProcessState("torch")
    for module in ("torch.fx.experimental.symbolic_shapes", "torch._dynamo"):
        found[module] = (module in sys.modules, bool(importlib.import_module(module)), state.change())
    print(json.dumps(found))


@pytest.fixture(scope="module")
def found():
    return printed_by_main(__file__)


def test_factory_that_is_watched_can_import_preloaded_libraries(found):
    """Its imports are most of the time that a model takes."""
    assert found["watched factory"] is True


def test_readers_of_files_that_are_watched_do_not_prevent_preloading(found):
    assert found["readers"] is True


def test_library_that_warned_does_not_prevent_preloading(found):
    assert found["warning"] is True


@pytest.mark.parametrize("module", ["torch.fx.experimental.symbolic_shapes", "torch._dynamo"])
def test_parts_of_torch_that_calls_import_can_be_preloaded(module, found):
    """If a template cannot preload one of them, each model imports 1,000 modules again."""
    assert found[module] == [False, True, ""]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_that_a_library_can_observe_prevent_preloading(change, found):
    assert found[change] == [True, False]


ZOO = """
import sys
import torch
from torch import nn

class Compiling(nn.Linear):
    def forward(self, x):
        return torch.compile(super().forward, backend="eager")(x)

def net(width):
    return Compiling(width, 1 + ("torch._dynamo" in sys.modules))
"""


@pytest.mark.builds
@pytest.mark.skipif(sys.platform != "linux", reason="templates need Linux")
@pytest.mark.usefixtures("own_workers", "forked_starts")
def test_what_calls_of_models_import_is_preloaded_for_the_second_model(tmp_path):
    """PyTorch imports 800 modules for `torch.compile`, in a second."""
    from bmvis.source.source import Source

    (tmp_path / "zoo.py").write_text(ZOO)
    with Source(tmp_path, path=["."]) as source:
        built = [source.resolve(f"zoo:net({width})", inputs=f"float32[1, {width}]").model for width in (2, 3)]
    assert [model.root.call.macs is not None for model in built] == [True] * 2
    assert [model.root.parameters[0].shape for model in built] == [(1, 2), (2, 3)]


@pytest.mark.builds
@pytest.mark.skipif(sys.platform != "linux", reason="templates need Linux")
def test_first_model_starts_again_until_two_submodules_in_a_row_are_small(tmp_path, monkeypatch):
    """A start with transformers in memory takes longer than the import of most of its submodules.

    Here it starts for the library and for four submodules, of which the second one is large.
    """
    from bmvis.source.source import Source

    package = tmp_path / "site-packages" / "library"
    package.mkdir(parents=True)
    (tmp_path / "site-packages" / "library-1.0.dist-info").mkdir()
    (package / "__init__.py").write_text("")
    for number in range(30):
        (package / f"part{number}.py").touch()
    for number in range(6):
        parts = range(30) if number == 1 else []
        (package / f"late{number}.py").write_text("".join(f"import library.part{part}\n" for part in parts))
    (tmp_path / "zoo.py").write_text(
        "from torch import nn\nopen('starts', 'a').write('x')\nimport library\n"
        + "".join(f"import library.late{number}\n" for number in range(6))
        + "def net(width): return nn.Linear(width, 1)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    with Source(tmp_path, path=["."]) as source:
        assert source.resolve("zoo:net(2)").model.root.parameters[0].shape == (1, 2)
    assert (tmp_path / "starts").read_text() == "x" * (1 + 1 + 4)
