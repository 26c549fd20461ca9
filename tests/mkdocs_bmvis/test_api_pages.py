"""Trees below the classes that mkdocstrings documents."""

import re

import pytest
from hosts import build, make_site

pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed")
griffe = pytest.importorskip("griffe", reason="griffe is not installed")
if not hasattr(griffe, "Alias"):
    pytest.skip("the extension needs griffe 1.0", allow_module_level=True)

SOURCE = '''
"""Classes."""
import abc

from torch import nn
from torch.nn import Sequential


class Small(Sequential):
    """A small net.

    Args:
        width: its width.
    """

    def __init__(self, width=4, *more, **others):
        super().__init__(nn.Linear(width, width))


class Child(Small):
    """Inherits."""


class Needs(nn.Module):
    """A net that needs arguments."""

    def __init__(self, width, *, depth):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, 1) for _ in range(depth))


class Plain(nn.Linear):
    """A library class that needs arguments."""


class Base(nn.Module, abc.ABC):
    """An abstract net."""

    @abc.abstractmethod
    def run(self):
        """Run."""


class Own(nn.Module):
    """Has its own.

    <model-structure factory="classes:Small(width=2)" />
    """


class Undocumented(Sequential):
    pass


class Config:
    """No net."""
'''


def site(folder, arguments):
    def change(config):
        extension = {"mkdocs_bmvis.griffe_extension": {"arguments": arguments}}
        python = {"paths": ["src"], "options": {"extensions": [extension], "members_order": "source"}}
        config["plugins"] = ["search", "bmvis", {"mkdocstrings": {"handlers": {"python": python}}}]

    made = make_site(folder, {"api.md": "# API\n\n::: classes\n"}, change)
    (made / "src" / "classes.py").write_text(SOURCE)
    return made


def trees(built) -> dict[str, str]:
    found = {}
    for entry in built.page("api/index.html").select(".doc-class"):
        drawn = entry.select(".bmvis-tree")
        assert len(drawn) < 2
        found[entry.select_one(".doc-heading")["id"]] = drawn[0].get_text(" ", strip=True) if drawn else ""
    return found


@pytest.mark.parametrize("host", ["mkdocs", pytest.param("zensical", marks=pytest.mark.builds)])
def test_each_module_has_a_tree_and_those_that_need_arguments_are_counted_once(tmp_path, host):
    built = build(host, site(tmp_path, True))
    found = trees(built)
    assert [name for name, tree in found.items() if tree] == ["classes.Small", "classes.Child", "classes.Own"]
    assert "[4, 4]" in found["classes.Child"]
    assert "classes.Undocumented" not in found
    if host == "mkdocs":
        names = "classes.Base, classes.Needs, classes.Plain"
        assert len(re.findall("no tree for", built.log)) == 1
        assert f"no tree for 3 classes that need arguments: {names} (set 'arguments'" in built.log


def test_last_pattern_that_matches_a_class_sets_its_arguments(tmp_path):
    rules = {"*": True, "classes.[NP]*": "2, depth=3", "classes.Plain": "2, 5", "classes.Child": False}
    found = trees(build("mkdocs", site(tmp_path, rules)))
    assert [name.partition(".")[2] for name, tree in found.items() if tree] == ["Small", "Needs", "Plain", "Own"]
    assert "[1, 2]" in found["classes.Needs"]
    assert "[5, 2]" in found["classes.Plain"]


def test_directive_of_sphinx_in_a_docstring_is_reported_with_its_line(tmp_path):
    folder = site(tmp_path, False)
    docstring = "A net.\n\n    Example:\n        .. model-structure:: classes:Net\n    "
    text = f'from torch import nn\n\n\nclass Net(nn.Linear):\n    """{docstring}"""\n'
    (folder / "src" / "classes.py").write_text(text)
    log = build("mkdocs", folder).log
    assert log.count("Markdown draws nothing for the directive '.. model-structure::'") == 1
    assert "src/classes.py:8: Markdown draws nothing" in log


@pytest.mark.parametrize(
    ("style", "docstring", "expected"),
    [
        ("google", "Text.\n\nArgs:\n    x: y", "Text.\n\nArgs:\n    x: y\n\nTREE"),
        ("numpy", "Text.\n\nParameters\n----------\nx\n    y", "Text.\n\nTREE\n\nParameters\n----------\nx\n    y"),
        ("sphinx", "Text.\n\n:param x: y", "Text.\n\nTREE\n\n:param x: y"),
        ("numpy", "Text.", "Text.\n\nTREE"),
    ],
)
def test_the_tree_is_in_no_section_of_the_docstring(tmp_path, style, docstring, expected):
    (tmp_path / "net.py").write_text(f'from torch import nn\nclass Net(nn.Module):\n    """{docstring}"""\n')
    extensions = griffe.load_extensions("mkdocs_bmvis.griffe_extension")
    parser = griffe.Parser(style)
    loader = griffe.GriffeLoader(search_paths=[tmp_path], extensions=extensions, docstring_parser=parser)
    text = loader.load("net")["Net"].docstring.value
    assert text.replace('<model-structure factory="net:Net" />', "TREE") == expected
