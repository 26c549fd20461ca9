"""References to trees and to their modules, within a project and from another one; types as links."""

import pytest
from sphinx.util.inventory import InventoryFile

CONTENTS = "Start\n=====\n\n.. toctree::\n\n   models\n"
MODELS = """\
Models
======

.. model-structure:: zoo:tiny(layers=3)
   :name: tiny.net
   :caption: The tiny one
"""


@pytest.fixture(scope="module")
def site(make_site):
    return make_site(
        {
            "models.rst": MODELS,
            "index.rst": CONTENTS
            + """
* :model:`tiny.net`
* :bmvis:model:`that model <tiny.net>`
* :module:`tiny.net:0.dense`
* :bmvis:module:`tiny.net:2.norm`
* :any:`tiny.net`
* :module:`tiny.net:dense`
* :module:`wrapped <tiny.net:base_model.model.2.norm>`
""",
        }
    )


@pytest.fixture(scope="module")
def built(site):
    return site.build()


def links(built, page):
    return [(a.get_text(), a["href"]) for a in built.page(page).select("li p > a")]


def assert_rows_exist(built, found):
    page = built.page("models.html")
    for _, href in found:
        assert page.find(id=href.partition("#")[2])


def test_references_lead_to_the_row_that_shows_the_module(built):
    assert built.warnings == ""
    assert links(built, "index.html") == [
        ("tiny.net", "models.html#tiny.net"),
        ("that model", "models.html#tiny.net"),
        ("0.dense", "models.html#tiny.net.0.dense"),
        ("2.norm", "models.html#tiny.net.0.norm"),
        ("The tiny one", "models.html#tiny.net"),
        ("dense", "models.html#tiny.net.0.dense"),
        ("wrapped", "models.html#tiny.net.0.norm"),
    ]
    assert_rows_exist(built, links(built, "index.html"))


def test_index_page_lists_named_trees(built):
    [row] = [row for row in built.page("bmvis-models.html").select("tr") if "tiny.net" in row.get_text()]
    assert row.find("a")["href"] == "models.html#tiny.net"
    assert "zoo:tiny(layers=3)" in row.get_text()


@pytest.mark.parametrize(
    ("role", "message"),
    [
        (":model:`tiny.nett`", "no tree is named 'tiny.nett' (did you mean 'tiny.net'?)"),
        (
            ":module:`tiny.net:0.dens`",
            "the tree 'tiny.net' has no module '0.dens' (did you mean '0.dense', '2.dense' or ",
        ),
        (
            ":model:`zoo:tiny(layers=3)`",
            "'zoo:tiny(layers=3)' is a factory, and links name a tree (its tree has the name 'tiny.net')",
        ),
        (
            ":model:`zoo:tiny`\n\n.. model-structure:: zoo:tiny",
            "'zoo:tiny' is a factory, and links name a tree (give its tree a :name:, or link to its page with :doc:)",
        ),
        (":model:`zoo:none`", "no tree is named 'zoo' (known: tiny.net)"),
    ],
    ids=["tree", "module", "factory of a named tree", "factory", "other factory"],
)
def test_missing_target_is_a_warning_at_its_line(make_site, role, message):
    site = make_site({"models.rst": MODELS, "index.rst": CONTENTS + f"\n{role}\n"})
    assert f"{site.folder}/index.rst:8: WARNING: {message}" in site.build().warnings


TITLED = {
    "index.rst": """
Tiny
====

.. model-structure:: zoo:tiny
   :name: tiny

Our
---

.. model-gallery::
   :name: our

   zoo:tiny

.. toctree::

   myst
""",
    "myst.md": """
# Small

```{model-structure} zoo:tiny
:name: small
```
""",
}


def test_tree_keeps_its_name_if_a_section_has_it(make_site):
    built = make_site(TITLED).build()
    assert built.warnings == ""
    for page, sections in {"index.html": ["tiny-1", "our-1"], "myst.html": ["small-1"]}.items():
        soup = built.page(page)
        assert [section["id"] for section in soup.select("section[id]")] == sections
        for name in sections:
            (tree,) = soup.select(f"#{name.removesuffix('-1')}")
            assert "bmvis" in tree["class"]
    assert 'href="#our-1"' in built.read("index.html")


def test_duplicate_tree_name_is_a_warning(make_site):
    second = "\n.. model-structure:: zoo:tiny\n   :name: tiny.net\n"
    site = make_site({"models.rst": MODELS, "index.rst": CONTENTS + second})
    assert "duplicate tree name 'tiny.net'" in site.build().warnings


@pytest.mark.parametrize(
    "second",
    [".. model-structure:: zoo:tiny\n   :name: net\n   :depth: 1\n", ".. _net:\n\nText.\n"],
    ids=["tree", "label"],
)
def test_duplicate_name_on_a_page_is_reported_briefly(make_site, second):
    first = ".. model-structure:: zoo:tiny\n   :name: net\n"
    warnings = make_site({"index.rst": f"Start\n=====\n\n{first}\n{second}"}).build().warnings
    assert "uplicate" in warnings
    assert "Options(" not in warnings


def test_duplicate_tree_name_on_a_page_is_one_warning_and_one_id(make_site):
    tree = ".. model-structure:: zoo:tiny\n   :name: net\n   :depth: {}\n\n"
    built = make_site({"index.rst": f"Start\n=====\n\n{tree.format(1)}{tree.format(2)}* :model:`net`\n"}).build()
    (warning,) = built.warnings.splitlines()
    assert "index.rst:8: WARNING: duplicate tree name 'net', also in" in warning
    assert [tree["id"] for tree in built.trees("index.html")] == ["net", "model-index-tiny"]
    assert links(built, "index.html") == [("net", "#net")]


def test_another_project_reaches_the_trees_through_intersphinx(make_site, built):
    other = make_site(
        {
            "index.rst": "Other\n=====\n\n* :module:`tiny.net:2.dense`\n* :external+small:bmvis:model:`tiny.net`\n"
            "* :external+small:bmvis:module:`tiny.net:1.norm`\n"
        }
    )
    there = other.build(
        extensions=["sphinx_bmvis", "sphinx.ext.intersphinx"],
        intersphinx_mapping={"small": ("https://small.example/", str(built.folder / "objects.inv"))},
    )
    assert there.warnings == ""
    assert links(there, "index.html") == [
        ("2.dense", "https://small.example/models.html#tiny.net.0.dense"),
        ("tiny.net", "https://small.example/models.html#tiny.net"),
        ("1.norm", "https://small.example/models.html#tiny.net.0.norm"),
    ]
    assert_rows_exist(built, links(there, "index.html"))


def test_objects_inv_lists_every_module(built):
    with built.folder.joinpath("objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, uri: uri)
    text = str(sorted(inventory["bmvis:module"]) if "bmvis:module" in inventory else inventory)
    assert text.count("tiny.net:2.dense") == 1


API = """\
API
===

.. py:class:: zoo.Block
"""


@pytest.mark.parametrize("nitpicky", [False, True])
def test_types_link_where_they_are_documented_and_are_plain_where_not(make_site, nitpicky):
    site = make_site({"models.rst": MODELS, "index.rst": CONTENTS + "   api\n", "api.rst": API})
    built = site.build(nitpicky=nitpicky)
    assert built.warnings == ""
    [tree] = built.trees("models.html")
    assert [(a.get_text(), a["href"]) for a in tree.select("i a")] == [("Block", "api.html#zoo.Block")]
    assert "(Linear)" in tree.get_text()


def test_type_of_the_whole_model_links_too(make_site):
    built = make_site({"index.rst": f"{API}\n.. model-structure:: zoo:Block\n"}).build()
    assert [link["href"] for link in built.trees("index.html")[0].select("i a")] == ["#zoo.Block"]


def test_types_link_through_intersphinx(make_site, tmp_path):
    torch = make_site({"index.rst": "T\n=\n\n.. py:class:: torch.nn.Linear\n"}).build()
    site = make_site({"models.rst": MODELS, "index.rst": CONTENTS})
    built = site.build(
        extensions=["sphinx_bmvis", "sphinx.ext.intersphinx"],
        intersphinx_mapping={"torch": ("https://torch.example", str(torch.folder / "objects.inv"))},
    )
    [link] = built.trees("models.html")[0].select("i a")
    assert (link.get_text(), link["href"]) == ("Linear", "https://torch.example/index.html#torch.nn.Linear")


def test_tree_with_an_invalid_option_keeps_its_name(make_site):
    wrong = "\n.. model-structure:: zoo:tiny\n   :name: wrong\n   :depht: 1\n\n* :model:`wrong`\n* :module:`wrong:0`\n"
    site = make_site({"index.rst": f"Start\n=====\n{wrong}"})
    for builder in ("html", "text"):
        warnings = site.build(builder).warnings
        assert "unknown option 'depht'" in warnings or builder == "text"
        assert "no tree is named" not in warnings
    assert links(site.build(), "index.html") == [("wrong", "#wrong"), ("0", "#wrong")]


def test_one_text_shown_on_two_pages_is_no_duplicate(make_site):
    part = ".. model-structure:: zoo:tiny\n   :name: shared\n"
    pages = {name: f"{name}\n=====\n\n.. include:: part.txt\n\n* :model:`shared`\n" for name in ("one", "two")}
    start = "Start\n=====\n\n.. toctree::\n\n   one\n   two\n"
    site = make_site({"part.txt": part, "index.rst": start} | {f"{name}.rst": text for name, text in pages.items()})
    built = site.build()
    assert built.warnings == ""
    assert links(built, "two.html") == [("shared", "one.html#shared")]


def test_one_docstring_shown_twice_on_a_page_is_no_duplicate(make_site, monkeypatch):
    twice = ".. automodule:: documented\n   :members:\n   {}\n\n"
    site = make_site({"index.rst": "Start\n=====\n\n" + twice.format("") + twice.format(":no-index:")})
    conf = site.folder / "conf.py"
    conf.write_text(conf.read_text() + '\nextensions += ["sphinx.ext.autodoc"]\n')
    monkeypatch.syspath_prepend(site.folder)
    site.write(
        "documented.py", 'def f():\n    """A net.\n\n    .. model-structure:: zoo:tiny\n       :name: net\n    """\n'
    )
    built = site.build()
    assert built.warnings == ""
    assert [tree["id"] for tree in built.trees("index.html")] == ["net", "model-index-tiny"]
