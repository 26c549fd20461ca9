"""Trees with common extensions: in their containers, in docstrings, and with torch mocked."""

from importlib.util import find_spec

import pytest

pytest.importorskip("sphinx_design", reason="sphinx-design is not installed")
pytest.importorskip("sphinx_copybutton", reason="sphinx-copybutton is not installed")

EXTENSIONS = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "sphinx_copybutton",
    "myst_parser",
    "sphinx_bmvis",
]
DOCUMENTED = '''
"""A module with trees in its docstrings."""

import torch


def build():
    """Return a model.

    .. model-structure:: zoo:tiny
       :name: in-docstring

    Returns:
        torch.nn.Module: the model.
    """
    return torch.nn.Linear(1, 1)
'''
PAGE = """\
Neighbors
=========

.. autosummary::

   documented.build

.. automodule:: documented
   :members:

.. doctest::

   >>> 1 + 1
   2

.. tab-set::

   .. tab-item:: One

      .. model-structure:: zoo:tiny
         :name: in-tab

   .. tab-item:: Two

      .. model-compare::
         :before: zoo:tiny
         :after: zoo:tiny(layers=4)
         :name: in-other-tab

.. dropdown:: More

   .. model-structure:: zoo:tiny
      :name: in-dropdown

.. card:: A card

   .. model-structure:: zoo:tiny
      :name: in-card

.. list-table::

   * - cell
     - .. model-structure:: zoo:tiny
          :name: in-cell

.. figure:: picture.png

   A caption.

   .. model-structure:: zoo:tiny
      :name: in-legend
"""
PLACES = ["in-docstring", "in-tab", "in-other-tab", "in-dropdown", "in-card", "in-cell", "in-legend"]
PIXEL = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f"
    b"\0\5\0\1\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82"
)


@pytest.fixture(scope="module")
def site(make_site):
    made = make_site({"index.rst": PAGE})
    (made.folder / "picture.png").write_bytes(PIXEL)
    (made.folder / "src" / "documented.py").write_text(DOCUMENTED)
    return made


needs_torch = pytest.mark.skipif(
    not find_spec("torch"), reason="autodoc imports torch, which this Python does not have"
)


@pytest.mark.parametrize(
    "mocked", [pytest.param([], marks=needs_torch, id="torch"), pytest.param(["torch"], id="mocked")]
)
def test_trees_in_all_containers(site, mocked):
    built = site.build(extensions=EXTENSIONS, autodoc_mock_imports=mocked)
    assert built.warnings == ""
    page = built.page("index.html")
    assert [tree["id"] for tree in built.trees("index.html")] == PLACES
    for tree in built.trees("index.html"):
        assert not tree.select("button.copybtn, pre")
        assert "dense (Linear)" in tree.get_text()
    assert page.select("#in-tab")[0].find_parent(class_="sd-tab-content")
    assert page.select("#in-dropdown")[0].find_parent("details", class_="sd-dropdown")
    assert page.select("#in-cell")[0].find_parent("td")


def test_doctest_builder_runs_with_trees(site):
    mocked = [] if find_spec("torch") else ["torch"]
    built = site.build("doctest", extensions=EXTENSIONS, autodoc_mock_imports=mocked)
    assert built.warnings == ""
    output = " ".join(built.read("output.txt").split())
    assert "1 test 0 failures in tests" in output
