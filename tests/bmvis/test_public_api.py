"""Public names keep working, whatever else of bmvis is imported.

Python writes an imported submodule into its parent: a package `bmvis.capture` would replace the function
`bmvis.capture` as soon as anything imports it.
"""

import ast
import json
import re
from inspect import getdoc, getmodule, isclass, isfunction, ismodule
from operator import attrgetter
from pathlib import Path

import pytest
from forked_workers import start_script

import bmvis

CALLS = {
    "capture": "public(model).root.type == 'Sequential'",
    "compare": "public(model, model).headline == '' and not public(bmvis.capture(model), model)",
    "register_delta": "public(detector) is detector",
    "address.find": "list(public(['', 'encoder', 'encoder.fc'], 'fc')) == [2]",
    "address.match": "public(bmvis.capture(model), 'fc') == ['fc']",
    "address.missing": "'fx' in str(public(bmvis.capture(model), ['', 'fc'], 'fx'))",
    "address.parse_patterns": "public('fc, norm') == ('fc', 'norm')",
}
"""For each public function, an expression that calls it as `public` and is true if it works."""

SCRIPT = """
import importlib, json, operator, pkgutil, sys
from collections import OrderedDict
from torch import nn
import bmvis

def detector(modules):
    return {}

def works(name, call):
    try:
        return bool(eval(call, globals() | {"public": operator.attrgetter(name)(bmvis)}))
    except Exception as error:
        return repr(error)

model = nn.Sequential(OrderedDict(fc=nn.Linear(2, 3)))
calls = json.loads(sys.argv[1])
before = {name: works(name, call) for name, call in calls.items()}
loaded = [*sys.modules]
for module in pkgutil.walk_packages(bmvis.__path__, "bmvis."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
found = {name: [before[name], works(name, call)] for name, call in calls.items()}
print(json.dumps({"calls": found, "loaded": loaded}))
"""


PACKAGES = sorted(path.parent for path in Path(bmvis.__file__).parent.glob("**/__init__.py"))


def public_functions():
    """Yield the dotted name of each public function: those of the package, and those of its public modules."""
    for name in bmvis.__all__:
        found = getattr(bmvis, name)
        if isfunction(found):
            yield name
        elif ismodule(found):
            own = (key for key, value in vars(found).items() if isfunction(value) and getmodule(value) is found)
            yield from (f"{name}.{key}" for key in own if not key.startswith("_"))


@pytest.fixture(scope="module")
def results():
    """Call every function in a new process, import every submodule of bmvis, call every function again."""
    started = start_script(SCRIPT, json.dumps(CALLS), cwd=Path.cwd())
    with started.stdout:
        printed = started.stdout.read()
    assert started.wait() == 0, printed.decode()
    return json.loads(printed)


def test_every_public_function_has_a_call():
    assert sorted(CALLS) == sorted(public_functions())


@pytest.mark.parametrize("name", CALLS)
def test_function_works_before_and_after_importing_every_submodule(results, name):
    assert results["calls"][name] == [True, True]


def test_capture_imports_no_library_of_models(results):
    assert {"torch", "bmvis"} <= {*results["loaded"]}
    assert not {"bitsandbytes", "torchao", "peft", "transformers"} & {*results["loaded"]}


@pytest.mark.parametrize("name", [*CALLS, *(name for name in bmvis.__all__ if isclass(getattr(bmvis, name)))])
def test_public_docstring_has_an_example(name):
    assert "Examples:\n    >>> " in getdoc(attrgetter(name)(bmvis))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda folder: folder.name)
def test_package_docstring_shows_what_is_public(package):
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text()))
    assert re.search(r"\b(public|internal)\b", docstring, re.IGNORECASE)


def test_public_names_are_attributes_in_alphabetical_order():
    assert bmvis.__all__ == sorted(bmvis.__all__)
    assert [name for name in bmvis.__all__ if not hasattr(bmvis, name)] == []
