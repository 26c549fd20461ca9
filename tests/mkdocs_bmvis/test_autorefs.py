"""Trees in docstrings that mkdocstrings renders, and autorefs links to and from trees."""

import zlib
from importlib.metadata import version

import pytest
from hosts import build, make_site

pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed")
needs_elements = pytest.mark.skipif(
    version("mkdocs-autorefs").startswith("1.0."), reason="links to and from modules need autorefs 1.1"
)

API = '''
from torch import nn


class Own(nn.Linear):
    """A layer of our own.

    <model-structure factory="api:own" />
    """


def own():
    """Build one.

    <model-structure factory="api:own" name="in-docstring" />

    Examples:
        ```html
        <model-structure factory="api:own" dept="1" />
        ```

    <model-structure factory="api:own" dept="2" />
    """
    return nn.Sequential(Own(2, 3), nn.Linear(3, 1), nn.LayerNorm(1))


def others():
    """Show the other elements.

    Note:
        <model-compare before="zoo:tiny"

            after="zoo:deep" />

    Returns:
        A model.

            <model-optimizer factory="zoo:trained" accept="frozen" />

    <model-gallery models="
        zoo:tiny

        zoo:deep
    "></model-gallery>
    """
    return own()


def nested():
    layers = [nn.ModuleDict({"query": nn.Linear(1, size), "key": nn.Linear(9, size)}) for size in (2, 3)]
    return nn.ModuleDict({"layer": nn.ModuleList(layers), "head": nn.Linear(3, 1)})
'''
PAGE = """# API

<model-structure factory="api:own" />

::: api

[Deeply][tiny:1.0], [widely][tiny] and [inwardly][in-docstring:0].
"""
OTHERS = """# Others

<model-structure factory="zoo:tiny(layers=3)" name="bert-base" />

<model-compare before="zoo:tiny" after="zoo:tiny(layers=3)" name="compared" />

<model-optimizer factory="zoo:trained" name="trained" accept="frozen" />

<model-gallery models="zoo:tiny" name="shelf" />

<model-structure factory="api:nested" name="nested" />
"""
REFERENCES = """# References

[layer 2][bert-base:2.0], [what was added][compared:2], [what is frozen][trained:0] and [all][shelf].

[One end][nested:1.query], and [another][nested:1.key].

[By](others.md#bert-base.0) [hand](others.md#compared.2), [even](others.md#trained.0) [cards](others.md#shelf).
"""
GONE = "# Gone\n\n[Misspelled][nested:layer.1.query2], [unclear][nested:query], [unnamed][nothing:head].\n"
PAGES = {"api.md": PAGE, "others.md": OTHERS, "references.md": REFERENCES, "gone.md": GONE}

INVENTORY = b"""# Sphinx inventory version 2
# Project: torch
# Version: 2
# The remainder of this file is compressed using zlib.
""" + zlib.compress(b"torch.nn.Linear py:class 1 nn.Linear.html#$ -\n")


def add_mkdocstrings(config):
    inventory = {"url": "file:torch.inv", "base_url": "https://example.org/torch/"}
    python = {"paths": ["src"], "inventories": [inventory]}
    config["plugins"] = ["search", "bmvis", {"mkdocstrings": {"handlers": {"python": python}}}]


@pytest.fixture(scope="module", params=["mkdocs", pytest.param("zensical", marks=pytest.mark.builds)])
def built(request, tmp_path_factory):
    folder = make_site(tmp_path_factory.mktemp(request.param), PAGES, add_mkdocstrings)
    (folder / "src" / "api.py").write_text(API)
    (folder / "torch.inv").write_bytes(INVENTORY)
    return build(request.param, folder)


@pytest.fixture
def page(built):
    return built.page("api/index.html")


def href(page, text):
    return next(link["href"] for link in page.select("a") if link.get_text() == text).removeprefix("./")


def test_trees_in_docstrings_have_distinct_ids(page):
    anchors = [tree["id"] for tree in page.select(".bmvis[id]")]
    assert sorted(anchors) == [
        "bmvis-gallery",
        "in-docstring",
        "model-deep",
        "model-own",
        "model-own-2",
        "model-trained",
    ]
    assert len(page.select("#bmvis-gallery .bmvis-card")) == 2
    ids = [tag["id"] for tag in page.select(".bmvis [id]")]
    assert len(ids) == len(set(ids))


def test_example_in_a_docstring_stays_code(page):
    assert 'dept="1"' in page.get_text()


def test_error_in_a_docstring_has_its_source_location(built, page):
    line = next(number for number, text in enumerate(API.splitlines(), 1) if 'dept="2"' in text)
    assert f"src/api.py:{line}: unknown attribute 'dept'" in built.log
    assert len(page.select(".bmvis-error")) == 1


@needs_elements
def test_type_links_to_its_documentation(page):
    assert href(page, "Own") == "#api.Own"


@needs_elements
def test_undocumented_type_has_its_full_name(page):
    assert page.select_one(".bmvis [title='torch.nn.LayerNorm']").get_text() == "LayerNorm"


@needs_elements
def test_torch_type_links_to_torch_documentation(page):
    assert href(page, "Linear") == "https://example.org/torch/nn.Linear.html#torch.nn.Linear"


def test_autorefs_links_to_modules(page):
    assert href(page, "Deeply") == "../#tiny.0.0", "the second block is folded into the first"
    assert href(page, "widely") == "../#tiny"
    assert href(page, "inwardly") == "#in-docstring.0"


@pytest.mark.parametrize(
    ("text", "anchor"),
    [
        ("layer 2", "bert-base.0.0"),
        ("what was added", "compared.2"),
        ("what is frozen", "trained.0"),
        ("all", "shelf"),
        pytest.param("One end", "nested.layer.1.query", marks=needs_elements),
        pytest.param("another", "nested.layer.1.key", marks=needs_elements),
    ],
)
def test_autorefs_links_to_elements_by_name(built, text, anchor):
    assert href(built.page("references/index.html"), text) == f"../others/#{anchor}"
    assert built.page("others/index.html").find(id=anchor)


@needs_elements
def test_link_validation_finds_anchors_of_trees(built):
    warnings = [line for line in built.log.splitlines() if "references.md" in line or "anchor" in line]
    assert warnings == []


@needs_elements
def test_reference_without_a_row_suggests_modules(tmp_path):
    folder = make_site(tmp_path, PAGES, add_mkdocstrings)
    (folder / "src" / "api.py").write_text(API)
    (folder / "torch.inv").write_bytes(INVENTORY)
    log = build("mkdocs", folder).log
    misspelled, unclear = (line for line in log.splitlines() if "gone.md: the tree" in line)
    assert misspelled.endswith(
        "gone.md: the tree 'nested' has no module 'layer.1.query2'"
        " (did you mean 'layer.1.query', 'layer.0.query' or 'layer.1.key'?)"
    )
    assert unclear.endswith(
        "gone.md: the tree 'nested' has 2 modules 'query' (did you mean 'layer.0.query' or 'layer.1.query'?)"
    )
