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

   :model:`print`, :module:`its layer <print:0>`

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


TEXTS = """\
Models
======

.. model-structure:: zoo:tiny
   :caption: A caption
   :alt: An accessible name

.. model-gallery::
   :alt: All cards

   zoo:tiny | A title | first tag, second tag

.. model-table::
   :caption: A table
   :columns: name, score
   :data: scores.csv
   :group:

   zoo:tiny | A title | first tag
"""
WRITTEN = ["A caption", "An accessible name", "All cards", "A title", "first tag", "second tag", "A table"]


def test_texts_of_directives_are_translated(make_site):
    site = make_site({"index.rst": TEXTS, "scores.csv": "name,score\nA title,79.6\n"})
    (site.folder / "pyproject.toml").write_text("")
    built = site.build("gettext")
    assert built.warnings == ""
    assert not built.worker_ran
    catalog = built.read("index.pot")
    assert [text for text in WRITTEN if f'msgid "{text}"' not in catalog] == []
    translations = [f'msgid "{text}"\nmsgstr "Q{text}"\n' for text in WRITTEN]
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8"\n'
    (site.folder / "locale" / "de" / "LC_MESSAGES").mkdir(parents=True)
    site.write("locale/de/LC_MESSAGES/index.po", "\n".join([header, *translations]))
    built = site.build(language="de", locale_dirs=["locale"])
    assert built.warnings == ""
    page = built.page("index.html")
    shown = " ".join(element.get_text(" ") for element in page.select(".bmvis-caption, .bmvis-card, table"))
    names = [element.get("aria-label", "") for element in page.select("[aria-label]")]
    assert [text for text in WRITTEN if f"Q{text}" not in shown + " ".join(names)] == []
    assert "79.6" in page.select_one("table").get_text()


def test_html_after_a_builder_without_pages_builds_the_models(make_site):
    site = make_site({"index.rst": PLAIN})
    site.build("dummy")
    built = site.build()
    assert built.worker_ran
    assert built.warnings.count("has no 'absent'") == 3
