"""Invalid input: a warning at its line with a hint, a box instead of the tree, and all other pages built."""

import re

import pytest
from docutils import nodes

from sphinx_bmvis.unused_markup import _roles

PAGE = """\
Wrong
=====

.. model-structure:: zoo.tiny
.. model-structure::
.. model-structure:: zoo:tiny(layers=n())
.. model-structure:: zoo:tiny
   :dept: 2
.. model-structure:: zoo:tiny
   :depth: deep
.. model-structure:: zoology:tiny
.. model-structure:: zoo:tyni
.. model-structure:: zoo:raising
.. model-structure:: zoo:no_module
.. model-structure:: zoo:ending
.. model-structure:: zoo:tiny
.. model-structure::
   :factory: zoo:tiny
.. model-compare::
   :factory: zoo:tiny
   :after: zoo:tiny
.. model-compare:: zoo:tiny zoo:tiny(layers=3)
"""

CASES = {
    "no colon": (4, "reference", "no ':' in the factory reference 'zoo.tiny'"),
    "no reference": (5, "reference", "the factory reference is empty (write package.module:factory"),
    "no literal": (6, "reference", "the argument 'n()' of 'zoo:tiny(layers=n())' is not supported"),
    "unknown option": (7, "option", "unknown option 'dept' (did you mean 'depth'?)"),
    "wrong value": (9, "option", "invalid value 'deep' for option 'depth' (expected an integer, 1 or greater)"),
    "no such module": (11, "factory", "no module named 'zoology'"),
    "no such attribute": (12, "factory", "'zoo' has no 'tyni' (did you mean 'tiny'?)"),
    "factory raises": (13, "factory", "'zoo:raising' raised ValueError: no weights"),
    "no nn.Module": (14, "factory", "'zoo:no_module' returned a dict (a factory must return a torch.nn.Module)"),
    "process ends": (15, "worker", "the process that built 'zoo:ending' ended with exit code 3"),
    "reference as an option": (
        17,
        "option",
        "unknown option 'factory' (write the reference after the name of the directive)",
    ),
    "reference of another directive": (
        19,
        "option",
        "unknown option 'factory' (did you mean 'before' or 'after'?)",
    ),
    "comparison with an argument": (
        22,
        "option",
        "the comparison has an argument: 'zoo:tiny zoo:tiny(layers=3)' (set the options before and after)",
    ),
}


ELEMENTS = """\
# Elements

<div>
<model-structure factory="zoo:tiny"></model-structure>
</div>

- It has <model-fact model="zoo:tiny" /> parameters.

```html
<model-structure factory="zoo:tiny" />
```

<model-viewer></model-viewer>

<!-- Soon: <model-structure factory="zoo:tiny" /> -->
"""


@pytest.fixture(scope="module")
def site(make_site):
    return make_site({"index.rst": "Start\n=====\n\n.. toctree::\n\n   wrong\n", "wrong.rst": PAGE})


@pytest.fixture(scope="module")
def wrong(site):
    return site.build("html")


@pytest.mark.parametrize(("line", "kind", "text"), CASES.values(), ids=CASES)
def test_warning_has_file_line_and_hint(wrong, site, line, kind, text):
    found = re.search(rf"^{site.folder}/wrong\.rst:{line}: WARNING: (.*(?:\n .*)*)", wrong.warnings, re.MULTILINE)
    assert found, wrong.warnings
    assert text in found[1]
    assert found[1].endswith(f"[bmvis.{kind}]")


@pytest.mark.parametrize(("line", "text"), [(c[0], c[2].partition(" (")[0]) for c in CASES.values()], ids=CASES)
def test_error_box_replaces_the_tree(wrong, line, text):
    [box] = [box for box in wrong.boxes("wrong.html") if box.select_one("small").get_text() == f"wrong.rst:{line}"]
    assert text in box.get_text()


def test_error_box_shows_frames_of_the_user(wrong):
    [box] = [box for box in wrong.boxes("wrong.html") if "no weights" in box.get_text()]
    assert 'File "src/zoo.py"' in box.select_one("pre").get_text()
    assert box.select_one("pre")["tabindex"] == "0"  # it can scroll
    assert "raise ValueError" in wrong.warnings


def test_failed_model_does_not_affect_other_pages(wrong):
    assert len(wrong.boxes("wrong.html")) == len(CASES)
    assert len(wrong.trees("wrong.html")) == 1
    assert "Start" in wrong.read("index.html")


def test_each_error_is_reported_once(wrong):
    assert wrong.warnings.count("WARNING") == len(CASES)


def test_warning_can_be_suppressed_by_kind(site):
    quiet = site.build("html", suppress_warnings=["bmvis"])
    assert quiet.warnings == ""
    assert len(quiet.boxes("wrong.html")) == len(CASES)


@pytest.mark.parametrize("builder", ["latex", "text", "man", "texinfo", "epub", "xml", "pseudoxml", "singlehtml"])
def test_each_format_shows_the_errors(site, builder):
    built = site.build(builder, man_pages=[("index", "small", "Small", [], 1), ("wrong", "wrong", "Wrong", [], 1)])
    pages = [
        file
        for file in built.folder.rglob("*")
        if file.suffix in {".tex", ".txt", ".1", ".texi", ".xhtml", ".xml", ".pseudoxml", ".html"}
    ]
    text = " ".join(" ".join(page.read_text(encoding="utf-8") for page in pages).split())
    assert text.count("This model could not be drawn") >= len(CASES)
    assert "no weights" in text


RST = """\
Mistakes
========

.. model-structure: zoo:tiny
   :depth: 1

- .. model-gallery zoo:tiny

..model-structure:: zoo:tiny

```{model-structure} zoo:tiny
```

<model_structure factory="zoo:tiny"></model_structure>

.. code-block:: rst

   .. model-structure: zoo:tiny

.. .. model-structure:: zoo:tiny

.. model-structure of the paper

``.. model-structure::`` is a directive.

.. model-structure::zoo:tiny

.. toctree::

   page
"""
MYST = """\
# Mistakes

.. model-structure:: zoo:tiny

<Model-Structure factory="zoo:tiny"></Model-Structure>

<model-struture factory="zoo:tiny"></model-struture>

<model-viewer src="model.glb"></model-viewer>

<model-structure factory="zoo:tiny></model-structure>

`.. model-structure::` is a directive.
"""
NOTHING = "Sphinx draws nothing for the"


def test_markup_that_shows_nothing_is_reported(make_site):
    pytest.importorskip("myst_parser")
    site = make_site({"index.rst": RST, "page.md": MYST})
    warnings = site.build(extensions=["myst_parser", "sphinx_bmvis"]).warnings
    found = [line.partition(".")[2].replace(" [bmvis.option]", "") for line in warnings.splitlines()]
    directive = "write .. model-structure:: package.module:factory"
    assert found == [
        f"rst:{line}: WARNING: {message}"
        for line, message in {
            4: "the comment '.. model-structure:' is not a directive (write .. model-structure::)",
            7: "the comment '.. model-gallery' is not a directive (write .. model-gallery::)",
            9: f"{NOTHING} text '..model-structure::' ({directive})",
            11: f"{NOTHING} text '```{{model-structure}}' ({directive})",
            14: f"{NOTHING} element <model_structure> (write the directive model-structure)",
            26: "the comment '.. model-structure::zoo:tiny' is not a directive "
            "(write .. model-structure::, then a space)",
        }.items()
    ] + [
        f"md:{line}: WARNING: {message}"
        for line, message in {
            3: f"{NOTHING} text '.. model-structure::' (write ```{{model-structure}} package.module:factory)",
            5: f"{NOTHING} element <Model-Structure> (write the directive model-structure)",
            7: f"{NOTHING} element <model-struture> (write the directive model-structure)",
            11: f"{NOTHING} element <model-structure> (write the directive model-structure)",
        }.items()
    ]


def test_elements_of_mkdocs_in_myst_are_reported(make_site):
    pytest.importorskip("myst_parser")
    site = make_site({"index.md": ELEMENTS})
    warnings = site.build(extensions=["myst_parser", "sphinx_bmvis"]).warnings.splitlines()
    assert [line.partition("index.md:")[2] for line in warnings] == [
        "4: WARNING: Sphinx draws nothing for the element <model-structure> (write the directive model-structure)"
        " [bmvis.option]",
        "7: WARNING: Sphinx draws nothing for the element <model-fact>"
        " (write the role {model-fact}`package.module:factory`) [bmvis.option]",
    ]


ROLES_RST = """Title
=====

It has {params}`zoo:tiny` and
<model-fact model="zoo:tiny" /> parameters, {name}`x` and ``{params}`zoo:tiny`.``

.. toctree::

   page
"""
ROLES_MYST = """# Title

It has :params:`zoo:tiny` and <model-params model="zoo:tiny" />, :name:`x` and `` :params:`zoo:tiny` `` parameters.
"""


def test_roles_of_the_other_format_and_elements_in_sentences_are_reported(make_site):
    pytest.importorskip("myst_parser")
    site = make_site({"index.rst": ROLES_RST, "page.md": ROLES_MYST})
    warnings = site.build(extensions=["myst_parser", "sphinx_bmvis"]).warnings.splitlines()
    fact = "element <{}> (write the role {{model-fact}}`package.module:factory`)"
    assert [line.partition(".")[2].replace(" [bmvis.option]", "") for line in warnings] == [
        f"rst:4: WARNING: {NOTHING} role '{{params}}' (write :params:`…`)",
        f"rst:5: WARNING: {NOTHING} {fact.format('model-fact')}",
        f"md:3: WARNING: {NOTHING} role ':params:' (write {{params}}`…`)",
        f"md:3: WARNING: {NOTHING} {fact.format('model-params')}",
    ]


def test_paragraph_without_content_is_accepted():
    assert list(_roles(nodes.paragraph(), is_rst=True)) == []
