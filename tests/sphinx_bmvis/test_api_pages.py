"""Trees below the classes that autodoc and autosummary document."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from sphinx.errors import ConfigError

pytestmark = pytest.mark.skipif(not find_spec("torch"), reason="autodoc imports torch, which this Python does not have")

SOURCE = '''
"""Classes."""
import abc

from torch import nn


class Small(nn.Sequential):
    """A small net.

    Args:
        width: its width.
    """

    def __init__(self, width=4, *more, **others):
        """Create it."""
        super().__init__(nn.Linear(width, width))

    class Inner(nn.Linear):
        """A class in a class."""

        def __init__(self):
            super().__init__(3, 2)


class Needs(nn.Module):
    """A net that needs arguments."""

    def __init__(self, width, *, depth):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, 1) for _ in range(depth))


class Base(nn.Module, abc.ABC):
    """An abstract net."""

    @abc.abstractmethod
    def run(self):
        """Run."""


class Own(nn.Module):
    """Has its own.

    .. model-structure:: classes:Small(width=2)
    """


class Bare(nn.Linear):
    def __init__(self):
        super().__init__(1, 1)


class Config:
    """No net."""


def build():
    """Return a net."""
'''
AUTODOC = "API\n===\n\n.. automodule:: classes\n   :members:\n   :undoc-members:\n   :member-order: bysource\n"
EXTENSIONS = ["sphinx_bmvis", "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]


@pytest.fixture
def api(make_site, monkeypatch):
    def make(pages=None, **settings):
        site = make_site({"index.rst": AUTODOC} if pages is None else pages)
        site.folder.joinpath("src", "classes.py").write_text(SOURCE)
        monkeypatch.delitem(__import__("sys").modules, "classes", raising=False)
        site.settings = {"extensions": EXTENSIONS, "bmvis_autodoc": True} | settings
        return site

    return make


def trees(built, page="index.html") -> dict[str, str]:
    """Return the first row of the tree of each class."""
    found = {}
    for entry in built.page(page).select("dl.py.class"):
        own = [tree for tree in entry.select(".bmvis-tree") if tree.find_parent("dl", class_="class") == entry]
        assert len(own) < 2, "one tree for each class"
        found[entry.dt["id"]] = " ".join(own[0].get_text(" ", strip=True).split()) if own else ""
    return found


def test_each_module_has_a_tree_and_those_that_need_arguments_are_counted_once(api):
    site = api(autoclass_content="both")
    built = site.build(**site.settings)
    assert built.warnings == ""
    found = trees(built)
    assert [name.partition(".")[2] for name, tree in found.items() if tree] == ["Small", "Small.Inner", "Own", "Bare"]
    assert "[4, 4]" in found["classes.Small"]
    assert "[2, 3]" in found["classes.Small.Inner"]
    assert "[2, 2]" in found["classes.Own"]
    notes = re.findall("bmvis_autodoc: .*", built.status)
    text = "bmvis_autodoc: no tree for 2 classes that need arguments: classes.Base, classes.Needs (set arguments"
    assert len(notes) == 1
    assert notes[0].startswith(text)


def test_arguments_by_pattern_and_the_last_pattern_decides(api):
    rules = {"classes.*": "", "*.Needs": "width=5, depth=2", "classes.Small*": False, "classes.Small.Inner": True}
    site = api(bmvis_autodoc=rules)
    built = site.build(**site.settings)
    found = trees(built)
    assert [name.partition(".")[2] for name, tree in found.items() if tree] == ["Small.Inner", "Needs", "Own", "Bare"]
    assert "[1, 5]" in found["classes.Needs"]
    assert trees(site.build(**site.settings | {"bmvis_autodoc": False}))["classes.Needs"] == ""


def test_autosummary_and_mocked_torch(api):
    pages = {"index.rst": "API\n===\n\n.. autosummary::\n   :toctree: made\n\n   classes.Small\n   classes.Bare\n"}
    site = api(pages, autodoc_mock_imports=["torch"], autosummary_generate=True)
    built = site.build(**site.settings)
    assert "[4, 4]" in trees(built, "made/classes.Small.html")["classes.Small"]
    assert "[1, 1]" in trees(built, "made/classes.Bare.html")["classes.Bare"]
    assert [row.get_text(strip=True) for row in built.page("index.html").select("td:last-child")] == [
        "A small net.",
        "",
    ]


def test_a_changed_class_changes_its_tree_and_a_broken_one_is_a_warning_at_the_class(api):
    site = api()
    site.build(**site.settings)
    source = site.folder / "src" / "classes.py"
    source.write_text(SOURCE.replace("width=4", "width=7"))
    assert "[7, 7]" in trees(site.build(**site.settings))["classes.Small"]
    source.write_text(SOURCE.replace("nn.Linear(width, width)", "nn.Linear(width, none)"))
    broken = site.build(**site.settings)
    assert re.search(r"classes.py:docstring of classes.Small:\d+: WARNING: .*none.* is not defined", broken.warnings)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"*": "layers="}, "the arguments for '*' are invalid"),
        ({"*": "x=open('f')"}, "the arguments for '*' are invalid"),
        ({"*": 3}, "3 for '*' is not text"),
    ],
)
def test_invalid_setting_ends_the_build(api, written, message):
    site = api(bmvis_autodoc=written)
    with pytest.raises(ConfigError, match=re.escape(message)):
        site.build(**site.settings)


MANUAL = Path(__file__).parents[2] / "demo_docs"


@pytest.mark.parametrize("docstrings", ["sphinx.ext.napoleon", "numpydoc"])
def test_trees_in_templates_and_docstrings_as_in_the_manual(make_site, docstrings):
    if docstrings == "numpydoc":
        pytest.importorskip("numpydoc", reason="numpydoc is not installed: `make test-hosts` brings it")
    page = (MANUAL / "pages" / "api-pages.md").read_text()
    [example] = re.findall(r"```python\n(def encoder.*?)```", page, re.DOTALL)
    module = f"described_by_{docstrings.rpartition('.')[2]}"  # a name of its own: Sphinx imports it in this process
    source = (
        "from torch import nn\n\n\nclass Net(nn.Linear):\n    def __init__(self):\n        super().__init__(2, 2)\n"
    )
    index = f"API\n===\n\n.. autosummary::\n   :toctree: made\n\n   {module}.Net\n   {module}.encoder\n\n:model:`Net`\n"
    site = make_site({"index.rst": index})
    site.write(f"src/{module}.py", f"{source}\n\n{example}".replace("my_package.zoo", module))
    (site.folder / "_templates" / "autosummary").mkdir(parents=True)
    site.write("_templates/autosummary/class.rst", (MANUAL / "recipes" / "class.rst").read_text())
    extensions = [*EXTENSIONS[:-1], "sphinx.ext.doctest", docstrings]
    settings = {"extensions": extensions, "templates_path": ["_templates"], "autosummary_generate": True}
    if docstrings == "numpydoc":
        settings["numpydoc_show_class_members"] = False  # it would need stubs of all members of nn.Module
    built = site.build(**settings)
    assert built.warnings == ""
    assert built.page(f"made/{module}.Net.html").select_one("#Net .bmvis-tree")
    assert built.page("index.html").select_one(f"a.internal[href='made/{module}.Net.html#Net']")
    assert built.page(f"made/{module}.encoder.html").select_one("dd .bmvis-tree")
    tested = site.build("doctest", **settings)
    assert tested.warnings == ""
    assert "3 tests 0 failures in tests" in " ".join(tested.read("output.txt").split())
