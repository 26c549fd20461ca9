"""One small site, built by each host."""

import re

import pytest
from hosts import build, make_site, needs_new_mkdocs

from bmvis.render.html import assets

pytestmark = pytest.mark.usefixtures("own_workers")
BROKEN = """---
title: Broken
---

# Broken

<model-structure factory="zoo:tiny" />

<model-structure factory="zoo.tiny" />

<model-structure factory="zo:tiny" />

- <b>in a list</b>

    <model-structure factory="zoo:raising" />

<model-structure factory="zoo:no_module" />

<model-structure
    factory="zoo:tiny"
    dept="3"
/>

<model-structure factory="zoo:tinny" />

<model-compare before="zoo:tiny" afer="zoo:tiny" />

> <model-optimizer factory="zoo:trained"
>   acept="frozen" />

<model-gallery models="
  zoo:tiny

  zoo:tiny(layers=1)" view="list" />
"""
PROBLEMS = {
    9: "no ':' in the factory reference 'zoo.tiny'",
    11: "no module named 'zo' (did you mean 'zoo'?)",
    15: "'zoo:raising' raised ValueError: no weights",
    17: "'zoo:no_module' returned a dict",
    19: "unknown attribute 'dept' (did you mean 'depth'?)",
    24: "'zoo' has no 'tinny' (did you mean 'tiny'?)",
    26: "unknown attribute 'afer' (did you mean 'after'?)",
    28: "unknown attribute 'acept' (did you mean 'accept'?)",
    31: "invalid value 'list' for option 'view'",
}


def plain_theme(config):
    config["theme"] = {"name": "mkdocs"}


def extension_alone(config):
    config["plugins"] = ["search"]


HOSTS = [
    pytest.param(("mkdocs", plain_theme), id="mkdocs"),
    pytest.param(("mkdocs", None), id="material"),
    pytest.param(("mkdocs", extension_alone), id="material-without-plugin"),
    pytest.param(("properdocs", None), id="properdocs"),
    pytest.param(("zensical", None), id="zensical"),
]


@pytest.fixture(scope="module", params=HOSTS)
def site(request, tmp_path_factory):
    """The site with a page of errors."""
    host, change = request.param
    strict = [] if host == "zensical" else ["--strict"]
    return host, build(
        host, make_site(tmp_path_factory.mktemp(host), {"broken.md": BROKEN}, change, shares_models=False), *strict
    )


def test_pages_have_their_trees(site):
    _, built = site
    page = built.page("index.html")
    trees = page.select(".bmvis")
    assert [tree["id"] for tree in trees] == ["tiny", "model-tiny"]
    assert trees[0].select_one(".bmvis-caption").get_text() == "A small model"
    assert "ReLU" in trees[1].get_text()
    assert page.select_one(".admonition .bmvis") is trees[1]
    assert len(built.page("nested/page/index.html").select(".bmvis")) == 1


def test_each_mistake_is_logged_with_file_and_line(site):
    _, built = site
    found = {int(line): text for line, text in re.findall(r"docs/broken\.md:(\d+): (.*)", built.log)}
    assert found.keys() == PROBLEMS.keys()
    for line, text in PROBLEMS.items():
        assert found[line].startswith(text)
    assert 'File "src/zoo.py", line' in built.log
    assert 'raise ValueError("no weights")' in built.log


def test_each_mistake_is_a_box_on_its_page(site):
    _, built = site
    page = built.page("broken/index.html")
    boxes = [box.get_text() for box in page.select(".bmvis-error")]
    assert len(boxes) == len(PROBLEMS)
    for box, (line, text) in zip(boxes, PROBLEMS.items(), strict=True):
        assert text.partition(" (did")[0] in box
        assert f"docs/broken.md:{line}" in box
    assert len(page.select(".bmvis:not(.bmvis-error)")) == 1


def test_build_does_not_import_torch_and_leaves_no_worker(site):
    _, built = site
    assert built.report["torch"] is False
    assert built.workers == []


def test_properdocs_does_not_need_mkdocs(site):
    host, built = site
    if host == "properdocs":
        assert built.report["mkdocs"] == "properdocs"


def test_stylesheet_and_script_come_once_to_a_page_with_trees(site):
    _, built = site
    page = built.page("index.html")
    linked = [shipped(built, link["href"]) for link in page.select("link[rel=stylesheet]")]
    loaded = [shipped(built, tag["src"]) for tag in page.select("script[src]")]
    found = linked + loaded + [tag.string for tag in page.select("style, script:not([src])")]
    for file in (assets.STYLE, assets.SCRIPT):
        assert found.count(assets.text(file)) == 1


def shipped(built, link):
    file = built.folder / "site" / link
    return file.read_text() if file.is_file() else ""


def test_element_in_code_is_not_expanded(site):
    _, built = site
    assert "<model-structure" not in built.text("index.html")
    assert '<model-structure factory="zoo:tiny" name="written">' in built.page("index.html").get_text()


@needs_new_mkdocs
def test_search_index_has_no_text_of_trees(site):
    host, built = site
    index = "search.json" if host == "zensical" else "search/search_index.json"
    text = built.text(index)
    assert "first block" in text
    assert "Sequential" not in text


def test_strict_fails_with_a_mistake(site):
    host, built = site
    assert built.report["code"] == (0 if host == "zensical" else 1), "Zensical's builds end with 0"


@pytest.mark.parametrize("host", ["mkdocs", "properdocs"])
def test_strict_passes_without_a_mistake(host, tmp_path):
    built = build(host, make_site(tmp_path, shares_models=False), "--strict")
    assert built.report["code"] == 0, built.log
