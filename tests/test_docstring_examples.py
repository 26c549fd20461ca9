"""The examples in docstrings run and print what they show; each name of the public API has one."""

import doctest
import importlib
import pkgutil

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bmvis
from bmvis.extraction import adapters

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
FINDER = doctest.DocTestFinder(exclude_empty=True)
FOR_ALL = {"bmvis": bmvis, "torch": torch, "nn": nn}


def modules():
    """Return the names of all modules but those that run a command or a process when they are imported."""
    found = []
    for package in ("bmvis", "sphinx_bmvis", "mkdocs_bmvis"):
        path = importlib.import_module(package).__path__
        found += [package, *(module.name for module in pkgutil.walk_packages(path, f"{package}."))]
    return [name for name in found if not name.endswith("__main__")]


def examples(name):
    module = importlib.import_module(name)
    found = FINDER.find(module, name, globs={**vars(module), **FOR_ALL})
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", modules())
def test_examples_run(name, monkeypatch):
    monkeypatch.setattr(adapters, "_detectors", [*adapters._detectors])
    written = []
    for test in examples(name):
        doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=written.append)
    assert not written, "".join(written)


@pytest.mark.parametrize("name", bmvis.__all__)
def test_public_name_has_an_example(name):
    assert ">>> " in (getattr(bmvis, name).__doc__ or "")
