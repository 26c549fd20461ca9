"""The demo: the source document's first picture, as text and on a page of each host."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from bs4 import BeautifulSoup
from commands import bmvis
from nu import check, needs_nu, of_bmvis
from test_pages import load

from bmvis.options.definitions import OPTIONS, Options
from bmvis.overviews.gallery_options import GALLERY_OPTIONS
from bmvis.render.text import to_text
from bmvis.source.source import Source
from bmvis.view.layout import layout

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo_docs"
REFERENCE = (ROOT / "tests" / "data" / "ref_bert.txt").read_text().splitlines()
COMMANDS = {
    "sphinx": ["-m", "sphinx", "-q", "-W", "--keep-going", str(DEMO / "sphinx")],
    "mkdocs": ["-m", "mkdocs", "build", "--strict", "-f", str(DEMO / "mkdocs" / "mkdocs.yml"), "-d"],
}


def on_both_sites(test):
    """Run a test in `make test-builds` with the site of each host; a build takes half a minute."""
    return pytest.mark.builds(pytest.mark.parametrize("site", COMMANDS, indirect=True)(test))


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    """Build the demo on one host; a warning fails it."""
    folder = tmp_path_factory.mktemp(request.param)
    subprocess.run([sys.executable, *COMMANDS[request.param], str(folder)], check=True, cwd=DEMO)
    return folder


def test_bert_has_the_rows_and_texts_of_the_source_document():
    with Source(DEMO, path=["."]) as source:
        model = source.resolve("models:bert").model
    assert to_text(layout(model, Options()), marks=False).splitlines() == REFERENCE


@pytest.mark.parametrize("file", ["ref_delta.txt", "ref_delta_nonparams.txt"])
def test_recorded_delta_model_has_the_rows_of_the_source_document(file):
    """The snapshot is from OpenDelta; tests/opendelta checks that it is up to date."""
    with Source(DEMO) as source:
        model = source.resolve("bert-delta").model
    drawn = to_text(layout(model, Options(non_params="nonparams" in file)), marks=False)
    assert drawn.splitlines() == (ROOT / "tests" / "data" / file).read_text().splitlines()


@on_both_sites
def test_demo_site_builds_without_warnings_and_shows_bert(site):
    page = BeautifulSoup((site / "index.html").read_text(), "html.parser")
    tree = page.find(id="bert")
    names = [name.get_text() for name in tree.select(".bmvis-tree b")]
    types = [kind.get_text() for kind in tree.select(".bmvis-tree i")]
    written = [line.lstrip("│├└─ ") for line in REFERENCE]
    assert names == [line.replace("(", " ").split()[0] for line in written]
    assert types[1:] == [line[line.index("(") :].split(")")[0] + ")" for line in written[1:]]
    delta = page.find(id="bert-delta")
    added = delta.select(".bmvis-tree .bmvis-delta")
    assert len(added) == len(delta.select(".bmvis-tree .bmvis-delta.bmvis-frozen")) == 12
    assert "dropout" in page.find(id="bert-delta-all").get_text()
    reference = next(path for path in (site / "options.html", site / "options" / "index.html") if path.exists())
    tables = BeautifulSoup(reference.read_text(), "html.parser").select("table")
    listed = [[row.td.get_text() for row in table.select("tbody tr")] for table in tables]
    assert listed[1:3] == [[option.name for option in options] for options in (OPTIONS, GALLERY_OPTIONS)]


@on_both_sites
def test_former_addresses_of_the_demo_site_lead_to_pages(site):
    for old in ("measured", "sphinx-host"):
        file = next(path for path in (site / f"{old}.html", site / old / "index.html") if path.exists())
        target = BeautifulSoup(file.read_text(), "html.parser").a["href"]
        assert "bmvis" in (file.parent / target).read_text()


@needs_nu
@on_both_sites
def test_trees_on_the_demo_site_are_valid_html(site):
    assert of_bmvis(check(site)) == []


def test_printed_model_in_the_manual_is_current():
    with torch.device("meta"):
        printed = str(load("models").bert())
    assert f"{printed}\n" == (DEMO / "print_bert.txt").read_text()


def test_picture_of_the_terminal_is_current(tmp_path):
    bmvis(DEMO, "show", "models:bert_lora", "--svg", str(tmp_path / "terminal.svg"))
    assert (tmp_path / "terminal.svg").read_text() == (DEMO / "pictures" / "terminal.svg").read_text()
