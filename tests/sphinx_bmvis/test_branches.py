"""Trees that a build leaves out: in branches of `only` and `ifconfig`, and for builders that write no pages."""

import pytest
from sphinx.util.inventory import InventoryFile

BRANCHES = """\
Models
======

.. model-structure:: zoo:tiny
   :name: kept

.. only:: html

   .. model-structure:: zoo:tiny(layers=3)
      :name: page

.. only:: latex

   .. model-structure:: zoo:absent
      :name: print

.. ifconfig:: language == 'fr'

   .. model-structure:: zoo:absent
      :name: french

   .. model-gallery::

      zoo:absent

:model:`page`, :model:`print`
"""


def listed(built):
    with (built.folder / "objects.inv").open("rb") as file:
        return sorted(InventoryFile.load(file, "", lambda base, uri: uri)["bmvis:model"])


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site({"index.rst": BRANCHES})
    conf = site.folder / "conf.py"
    conf.write_text(conf.read_text() + '\nextensions += ["sphinx.ext.ifconfig"]\n')
    return site


def test_a_branch_that_is_left_out_is_not_built_linked_or_listed(site):
    built = site.build()
    assert listed(built) == ["kept", "page"]
    assert len(built.trees("index.html")) == 2
    assert not built.boxes("index.html")
    assert "absent" not in built.warnings
    assert "no tree is named 'print'" in built.warnings
    assert built.warnings.count("WARNING") == 1


def test_builders_that_share_doctrees_each_read_their_branches(site):
    site.build()
    latex = site.build("latex").warnings
    assert "zoo:absent" in latex or "has no 'absent'" in latex
    assert "no tree is named 'page'" in latex
    again = site.build()
    assert listed(again) == ["kept", "page"]
    assert "no tree is named 'print'" in again.warnings
    assert "absent" not in again.warnings


PLAIN = """\
Models
======

.. model-structure:: zoo:absent
   :name: broken
   :caption: Translate me

.. model-gallery::
   :caption: Our zoo

   zoo:absent

.. model-table::
   :caption: Numbers

   zoo:absent

:model:`broken` and :module:`broken:layer.0`
"""


@pytest.mark.parametrize("builder", ["dummy", "linkcheck", "gettext", "changes"])
def test_builders_that_write_no_pages_build_no_models(make_site, builder):
    built = make_site({"index.rst": PLAIN}).build(builder)
    assert built.warnings == ""
    assert not built.worker_ran


def test_gettext_extracts_captions(make_site):
    built = make_site({"index.rst": PLAIN}).build("gettext")
    catalog = built.read("index.pot")
    assert [text in catalog for text in ("Translate me", "Our zoo", "Numbers")] == [True] * 3


def test_html_after_a_builder_without_pages_builds_the_models(make_site):
    site = make_site({"index.rst": PLAIN})
    site.build("dummy")
    built = site.build()
    assert built.worker_ran
    assert built.warnings.count("has no 'absent'") == 3
