"""Default arguments of factories, `[tool.bmvis.arguments]`: for single references, patterns, names and checks."""

from math import prod

import pytest

from bmvis.errors import FactoryError, ProjectError
from bmvis.source.pyproject import read_project
from bmvis.source.source import Source

ZOO = """
import enum
import torch
from torch import nn

class Size(enum.Enum):
    SMALL = 2
    LARGE = 8

def net(width=2, pretrained=True):
    if pretrained:
        raise RuntimeError("no download in a docs build")
    return nn.Linear(width, width, bias=False)

def plain(width=3):
    return nn.Linear(width, width, bias=False)

def needy(width):
    return nn.Linear(width, width, bias=False)

def sized(size=Size.SMALL, dtype=torch.float32):
    return nn.Linear(size.value, 1, bias=False, dtype=dtype)

def loose(**options):
    return nn.Linear(options.get("width", 1), 1, bias=False)

class Zoo(nn.Linear):
    def __init__(self, width=1):
        super().__init__(width, 1, bias=False)

    @staticmethod
    def build(width=1):
        return nn.Linear(width, 1, bias=False)

ready = nn.Linear(4, 1, bias=False)
NETS = {"a": plain}
"""


@pytest.fixture
def project(tmp_path):
    """Return a function that makes a project with these default arguments, and the source of its models."""
    tmp_path.joinpath("zoo.py").write_text(ZOO)
    opened = []

    def make(arguments, models="", **settings):
        table = "\n".join(f"{pattern!r} = {text!r}" for pattern, text in arguments.items())
        text = f"[tool.bmvis.models]\n{models}\n[tool.bmvis.arguments]\n{table}\n"
        tmp_path.joinpath("pyproject.toml").write_text(text)
        opened.append(Source(tmp_path, path=["."], **settings))
        return opened[-1]

    yield make
    for source in opened:
        source.close()


def count(source, reference):
    return sum(prod(found.shape) for module in source.resolve(reference).model.modules for found in module.parameters)


BOTH = {"zoo:*": "pretrained=False, width=5", "zoo:plain": "width=6", "other:*": "width=99"}


def test_references_get_the_defaults_that_they_accept_and_do_not_set(project):
    source = project(BOTH, 'named = "zoo:net"\nown = "zoo:net(width=7)"')
    expected = {
        "zoo:net": 25,
        "zoo:net()": 25,
        "zoo:net(3)": 9,
        "zoo:net(width=4)": 16,
        "zoo:plain": 36,
        "zoo:needy": 25,
        "zoo:loose": 5,
        "zoo:Zoo": 5,
        "zoo:Zoo.build": 5,
        "zoo:ready": 4,
        'zoo:NETS["a"]': 25,
        "named": 25,
        "own": 49,
    }
    assert {reference: count(source, reference) for reference in expected} == expected
    with pytest.raises(FactoryError, match="no download"):
        source.resolve("zoo:net(pretrained=True)")


def test_defaults_can_name_members_and_data_types(project):
    source = project({"zoo:sized": "size=Size.LARGE, dtype=torch.bfloat16"})
    [parameter] = source.resolve("zoo:sized").model.modules[0].parameters
    assert (parameter.shape, parameter.dtype) == ((1, 8), "bfloat16")


def test_pattern_finds_what_takes_the_defaults(project):
    assert "zoo:needy" not in project({}).find_all("zoo:*").references
    source = project(BOTH)
    assert "zoo:needy" in source.find_all("zoo:*").references
    assert "zoo:net" in source.find_all("zoo:n*").references


def test_changed_defaults_build_again_with_a_cache(project, tmp_path):
    first = project({"zoo:plain": "width=5"}, cache=tmp_path / "cache")
    before = first.resolve("zoo:plain")
    second = project({"zoo:plain": "width=6"}, cache=tmp_path / "cache")
    assert (count(first, "zoo:plain"), count(second, "zoo:plain")) == (25, 36)
    assert set(before.dependencies) != set(second.resolve("zoo:plain").dependencies)


@pytest.mark.parametrize(
    ("factory", "text", "message"),
    [
        ("plain", "wide=5", "'zoo:plain': the factory does not accept the argument 'wide' (did you mean 'width'?)"),
        ("plain", "width=5, pretrained=False", "the argument 'pretrained' (known: width)"),
        ("Zoo.build", "size=5", "the argument 'size' (known: width)"),
        ("ready", "width=5", "the argument 'width' (it takes no arguments)"),
    ],
)
def test_argument_that_the_factory_of_an_entry_does_not_accept_is_an_error(project, factory, text, message):
    source = project({"zoo:*": "nothing=1", f"zoo:{factory}": text})
    with pytest.raises(FactoryError) as caught:
        source.resolve(f"zoo:{factory}")
    assert message in str(caught.value)
    assert "[tool.bmvis.arguments] in pyproject.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "text", "message"),
    [
        ("zoo:p*", "wide=5", "no factory in 'zoo' accepts the argument 'wide' (did you mean 'width'?)"),
        ("zoo:ne*", "width=4, heads=2", "no factory in 'zoo' accepts the argument 'heads' (known: width)"),
    ],
)
def test_argument_that_no_factory_of_a_pattern_accepts_is_an_error(project, pattern, text, message):
    source = project({pattern: text})
    with pytest.raises(FactoryError) as raised:
        source.resolve("zoo:plain" if pattern == "zoo:p*" else "zoo:needy(width=1)")
    assert str(raised.value) == f"[tool.bmvis.arguments] in pyproject.toml, {pattern!r}: {message}"


def test_argument_that_another_factory_of_a_pattern_accepts_is_no_error(project):
    source = project({"zoo:*": "pretrained=False, size=Size.LARGE", "zoo.*:*": "unknown=1"})
    assert source.resolve("zoo:plain").model.root.parameters[0].shape == (3, 3)


PACKAGE = {
    "one": "from torch import nn\ndef build(width=3): return nn.Linear(width, width, bias=False)\n",
    "two": "from torch import nn\ndef build(width=3, depth=2): return nn.Linear(width, depth, bias=False)\n",
}


@pytest.fixture
def package(tmp_path):
    """Return a function that writes modules of a package `nets`."""

    def make(more):
        folder = tmp_path / "nets"
        folder.mkdir(exist_ok=True)
        for name, text in {"__init__": "", **PACKAGE, **more}.items():
            (folder / f"{name}.py").write_text(text)

    return make


def test_argument_that_no_factory_of_a_pattern_of_modules_accepts_is_an_error(project, package):
    package({})
    source = project({"nets.*:build": "wide=5"})
    with pytest.raises(FactoryError) as raised:
        source.resolve("nets.one:build")
    message = "no factory in 'nets.*' accepts the argument 'wide' (did you mean 'width'?)"
    assert str(raised.value) == f"[tool.bmvis.arguments] in pyproject.toml, 'nets.*:build': {message}"


@pytest.mark.parametrize(
    "more",
    [
        {"three": "def build(wide): ..."},
        {"three": "def build(**options): ..."},
        {"three": "from elsewhere import build"},
        {"three": "from elsewhere import *"},
        {"three": "import elsewhere\nbuild = elsewhere.net"},
        {"three": "import functools\nbuild = functools.partial(print, wide=1)"},
        {"three": "from elsewhere import Base\nclass build(Base): ..."},
        {"three": "from torch import nn\nclass build(nn.Module):\n    def __init__(self, *, wide): ...\n"},
        {"three": "this is no Python"},
    ],
    ids=["argument", "any", "import", "star", "alias", "partial", "base", "class", "syntax"],
)
def test_argument_that_a_module_that_is_not_imported_may_accept_is_no_error(project, package, more):
    package(more)
    assert project({"nets.*:build": "wide=5"}).resolve("nets.one:build").model.root.parameters[0].shape == (3, 3)


@pytest.mark.parametrize(
    "more",
    [
        {"three": "from torch import nn\nfrom .two import build\n"},
        {"three": "from nets.two import build as net\nfrom elsewhere import other\nwide = 3\n"},
        {"three": "from torch import nn\nclass build(nn.Module):\n    def __init__(self, width): ...\n"},
        {"three": "wide = build = 3\ndef other(**options): ..."},
    ],
    ids=["own module", "other names", "class", "values"],
)
def test_module_that_is_not_imported_does_not_accept_an_argument(project, package, more):
    package(more)
    with pytest.raises(FactoryError, match="no factory in 'nets\\.\\*' accepts"):
        project({"nets.*:build": "wide=5"}).resolve("nets.one:build")


def test_argument_that_a_module_accepts_later_ends_the_error(project, package, tmp_path):
    package({})
    text = {"nets.*:build": "wide=5"}
    with pytest.raises(FactoryError, match="no factory"):
        project(text, cache=tmp_path / "cache").resolve("nets.one:build")
    package({"two": "def build(wide): ..."})
    assert project(text, cache=tmp_path / "cache").resolve("nets.one:build").model.root.type == "Linear"


def test_sources_that_the_check_reads_are_no_dependencies_of_a_model(project, package):
    package({})
    built = project({"nets.*:build": "depth=5"}).resolve("nets.one:build")
    assert not [one for one in built.dependencies if one.path.endswith("two.py")]


def test_default_that_the_reference_sets_by_position_is_no_error(project):
    source = project({"zoo:plain": "width=5", "zoo:loose": "width=5"})
    assert [count(source, reference) for reference in ("zoo:plain(2)", "zoo:loose")] == [4, 5]


@pytest.mark.parametrize(
    ("pattern", "text", "message"),
    [
        ("zoo", "width=1", "is not a pattern"),
        ("zoo:*()", "width=1", "is not a pattern"),
        ("zoo:*", "", "is not a list of named arguments"),
        ("zoo:*", "1", "is not a list of named arguments"),
        ("zoo:*", "width=open()", "the argument"),
        ("zoo:*", "width=1) + (2", "is not a single call"),
    ],
)
def test_invalid_entry_is_an_error_with_its_place(project, tmp_path, pattern, text, message):
    project({pattern: text})
    with pytest.raises(ProjectError, match=message) as caught:
        read_project(tmp_path)
    assert "[tool.bmvis.arguments] in" in str(caught.value)
