"""The site of the source document, with trees instead of pictures, built as its authors do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

pytest.importorskip("sphinx_toolbox", reason="sphinx-toolbox is not installed: `make test-matrix` brings it")

ROOT = Path(__file__).parents[2]
SITE = ROOT / "tests" / "sites" / "source_document"
MODELS = ("models.py", "pyproject.toml", "snapshots")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Build the site, and return its pages by name."""
    folder = tmp_path_factory.mktemp("source_document")
    shutil.copytree(SITE, folder, dirs_exist_ok=True)
    for name in MODELS:
        copy = shutil.copytree if (ROOT / "demo_docs" / name).is_dir() else shutil.copy
        copy(ROOT / "demo_docs" / name, folder / "source" / name)
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", folder / "source", folder / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return {page.stem: BeautifulSoup(page.read_text(), "html5lib") for page in (folder / "out" / "notes").iterdir()}


def written(name):
    text = (ROOT / "tests" / "data" / name).read_text().splitlines()
    return [line.lstrip("│├└─ ").partition(" ")[0].partition("(")[0] for line in text]


@pytest.mark.parametrize(
    ("tree", "reference"),
    [
        ("bert_vis", "ref_bert.txt"),
        ("bertdelta_vis", "ref_delta.txt"),
        ("bertdelta_noparam", "ref_delta_nonparams.txt"),
    ],
)
def test_trees_show_what_the_pictures_showed(pages, tree, reference):
    names = [name.get_text() for name in pages["visualization"].find(id=tree).select(".bmvis-tree b")]
    assert names == written(reference)


def test_trees_in_collapse_directives_fold_by_themselves(pages):
    for name in ("raw_print", "bertdelta_vis", "bertdelta_noparam"):
        tree = pages["visualization"].find(id=name)
        collapse = tree.find_parent("details")
        assert collapse.summary.get_text() == "Click to view output"
        assert not collapse.find_parent(class_="bmvis")
        assert tree.select("details summary")


PLACES = {
    "in-admonition": "div.admonition.tip",
    "in-html-admonition": "div.admonition.note",
    "in-collapse": "details",
    "in-tab": ".sd-tab-content",
    "in-second-tab": ".sd-tab-content",
    "in-list": "ol > li",
    "in-nested-list": "ol ul > li",
    "in-cell": "td",
    "in-legend": "figure .legend",
    "in-quotation": "blockquote",
}


@pytest.mark.parametrize(("name", "place"), PLACES.items())
def test_trees_in_all_containers_of_the_site(pages, name, place):
    [tree] = pages["places"].select(f"{place} [id='{name}']")
    assert "SmallCNN" in tree.get_text()
    assert tree.select(".bmvis-tree > li")


def test_figures_of_all_kinds_are_counted_together(pages):
    assert pages["visualization"].select_one("#bert_vis .bmvis-caption").get_text() == "Fig. 1 The backbone"
    assert pages["places"].select_one("#zoo > .bmvis-caption").get_text() == "Fig. 3 A gallery"
