"""The same reference and options give the same tree on a Sphinx page and on a Markdown page."""

from pathlib import Path
from textwrap import indent

import pytest
from bs4 import BeautifulSoup
from commands import sphinx_build
from markdown import markdown
from pythons import TORCH_PYTHON

from bmvis.options.definitions import OPTIONS
from bmvis.overviews.gallery_options import GALLERY_OPTIONS

SRC = Path(__file__).parent / "sites" / "markdown" / "src"
TREES = {
    "plain": {},
    "cut": {"depth": "1"},
    "whole": {
        "non-params": "",
        "buffers": "",
        "extra-repr": "",
        "expand-params": "",
        "root-name": "net",
        "class": "wide left",
    },
    "marked": {"highlight": "1.0 [r]\\d\\.1", "whole-names": "", "depth": "1"},
    "compared": {"base": "zoo:tiny(layers=2)", "only-changes": ""},
    "common": {"common": "MAPPING", "only-common": ""},
    "called": {"inputs": "float32[2, 4]", "order": "execution", "columns": "output macs share"},
    "drawn": {"inputs": "float32[2, 4]", "flow": "2", "flow-open": "0", "flow-closed": "1", "flow-ops": "all"},
    "folded": {"fold": "similar", "no-root": ""},
    "trained": {"factory": "zoo:trained", "optimizer": "", "accept": "frozen"},
    "described": {
        "alt": "Four layers",
        "caption": "A <small> model & its layers",
        "open": "1",
        "device": "cpu",
        "search": "",
        "map": "",
    },
}


GALLERY_LINES = """zoo:tiny | Tiny & small | text, small | mAP=53.1 | latency=2 ms
zoo:tiny(layers=1) | Smaller | image | mAP=60
zoo:raising | | image
zoo:trained | | | latency=1 ms"""
GALLERIES = {
    "gallery-table": {"group": "", "sort": "mAP ascending", "view": "table", "alt": "Models", "class": "wide"},
    "gallery-cards": {
        "sort": "latency",
        "thumbnail": "map",
        "caption": "A <small> gallery",
        "device": "cpu",
        "data": "FILE",
        "columns": "paper, latency",
    },
}
"""Galleries of the same lines. Their models have no pages: only the plugin of MkDocs makes them."""


def test_galleries_use_every_option():
    written = {name for options in GALLERIES.values() for name in options}
    assert {option.name for option in GALLERY_OPTIONS} - {"name", "toctree"} == written


def test_trees_use_every_option():
    written = {name for options in TREES.values() for name in options} - {"factory"}
    assert {option.name for option in OPTIONS} - {"name"} == written


@pytest.fixture(scope="module")
def on_sphinx(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sphinx")
    settings = f"bmvis_path = [{str(SRC)!r}]\nbmvis_python = {TORCH_PYTHON!r}\n"
    (folder / "conf.py").write_text(f"extensions = ['sphinx_bmvis']\n{settings}")
    (folder / "index.rst").write_text("Trees\n=====\n" + "".join(map(directive, [*TREES, *GALLERIES])))
    log = sphinx_build("-q", "-b", "html", folder, folder / "out").stderr
    assert log.count("WARNING") == log.count("raised ValueError: no weights") == len(GALLERIES)
    return BeautifulSoup((folder / "out" / "index.html").read_text(), "html5lib")


@pytest.fixture(scope="module")
def on_markdown():
    text = "\n\n".join(map(element, [*TREES, *GALLERIES]))
    settings = {"path": [str(SRC)], "python": TORCH_PYTHON}
    return BeautifulSoup(
        markdown(text, extensions=["mkdocs_bmvis"], extension_configs={"mkdocs_bmvis": settings}),
        "html5lib",
    )


@pytest.fixture(scope="module", autouse=True)
def mapping(tmp_path_factory):
    file = tmp_path_factory.mktemp("mapping") / "mine.toml"
    file.write_text('models = ["Sequential"]\n[names]\n"0" = "encoder.first"\n')
    TREES["common"]["common"] = str(file)
    data = file.with_name("data.csv")
    data.write_text("model,paper,mAP\nTiny & small,[Ours](https://example.org/a),1\nzoo:trained,draft,2\n")
    GALLERIES["gallery-cards"]["data"] = str(data)


def directive(name):
    if name in GALLERIES:
        options = "".join(f"   :{option}: {value}\n" for option, value in {"name": name, **GALLERIES[name]}.items())
        return f"\n.. model-gallery::\n{options}\n{indent(GALLERY_LINES, '   ')}\n"
    written = {"name": name, **TREES[name]}
    factory = written.pop("factory", "zoo:tiny")
    options = "".join(f"   :{option}: {value}\n" for option, value in written.items())
    return f"\n.. model-structure:: {factory}\n{options}"


def element(name):
    if name in GALLERIES:
        options = "".join(f' {option}="{value}"' for option, value in {"name": name, **GALLERIES[name]}.items())
        return f'<model-gallery{options} models="\n{GALLERY_LINES}\n"></model-gallery>'
    written = {"factory": "zoo:tiny", "name": name, **TREES[name]}
    options = "".join(f' {option}="{value}"' for option, value in written.items())
    return f"<model-structure{options}></model-structure>"


@pytest.mark.parametrize("name", TREES)
def test_both_hosts_draw_the_same_tree(on_sphinx, on_markdown, name):
    assert str(on_sphinx.find(id=name)) == str(on_markdown.find(id=name))
    assert "Sequential" in on_sphinx.find(id=name).get_text()


@pytest.mark.parametrize("name", GALLERIES)
def test_both_hosts_draw_the_same_gallery(on_sphinx, on_markdown, name):
    galleries = [host.find(id=name) for host in (on_sphinx, on_markdown)]
    for gallery in galleries:
        for place in gallery.select("small"):
            place.parent.decompose()
    assert str(galleries[0]) == str(galleries[1])
    assert len(galleries[0].select(".bmvis-card")) == 4
