"""The `model-table` directive: rows of numbers in every format, sorted, grouped, numbered, and linked."""

import re
import shutil
import subprocess
import textwrap

import pytest

MODELS = """
from torch import nn

def small(width=8):
    return nn.Sequential(nn.Linear(width, width), nn.ReLU())

def large():
    return nn.Linear(2000, 1000).requires_grad_(False)

def broken(where=""):
    raise ValueError(f"no weights{where}")
"""
INDEX = """\
Models
======

See :numref:`sizes`.

.. model-table::
   :name: sizes
   :caption: What we & they have
   :columns: name, type, parameters, trainable, size, macs, accuracy, paper
   :inputs: float32[1, 8]
   :data: data.csv
   :sort: parameters
   :class: wide

   nets:small | Small | text | inputs=float32[4, 8]
   nets:broken
   nets:large | Large | images

Trees
-----

.. model-structure:: nets:small
"""
CSV = "model,accuracy,paper\nSmall,76.1,[Ours](https://example.org/a)\nnets:large,80,\n"


@pytest.fixture
def nets(make_site):
    def make(pages):
        site = make_site(pages if isinstance(pages, dict) else {"index.rst": pages})
        site.folder.joinpath("src", "nets.py").write_text(MODELS)
        site.write("data.csv", CSV)
        return site

    return make


def rows(built, page="index.html", number=0):
    table = built.page(page).select(".bmvis-table table")[number]
    return [[cell.get_text(" ", strip=True) for cell in row.select("th, td")] for row in table.select("tr")]


def test_a_table_of_numbers_with_links_errors_and_own_columns(nets):
    built = nets(INDEX).build()
    assert rows(built) == [
        ["Model", "Type", "Parameters", "Trainable", "Size", "MACs", "accuracy", "paper"],
        ["Large", "Linear", "2M", "0", "8 MB", "–", "80", "–"],
        ["Small", "Sequential", "72", "72", "288 bytes", "256", "76.1", "Ours"],
        ["broken", "Not built: 'nets:broken' raised ValueError: no weights (index.rst:16)"],
    ]
    page = built.page("index.html")
    assert page.select_one("#sizes caption").get_text().rstrip("¶") == "Table 1 What we & they have"
    assert "See Table 1." in page.get_text()
    assert "wide" in page.select_one("#sizes")["class"]
    assert [link["href"] for link in page.select("#sizes tbody a")] == [
        f"#{page.select_one('.bmvis-tree').parent['id']}",
        "https://example.org/a",
    ]
    assert page.select_one("#sizes tbody td span[title]")["title"] == "2,001,000"
    assert page.select_one("#sizes tbody td span[title]")["data-number"] == "2001000"
    warnings = [line for line in built.warnings.splitlines() if "WARNING" in line]
    assert re.search(r"index.rst:16: WARNING: 'nets:broken' raised ValueError: no weights", built.warnings)
    assert re.search(r"index.rst:17: WARNING: the model of 'nets:large' could not be called", built.warnings)
    assert len(warnings) == 2
    assert "bmvis-table.js" in built.read("index.html")


def test_rows_in_groups_and_all_models_of_a_module(nets):
    text = "# M\n\n```{model-table}\n:group:\n\nnets:small | Small | text\nnets:s* | | text\nnets:large\n```\n"
    built = nets({"index.md": text}).build()
    assert built.warnings == ""
    assert rows(built)[1:] == [["text"], ["Small", "72", "288 bytes"], ["Other"], ["large", "2M", "8 MB"]]
    group = built.page("index.html").select_one(".bmvis-group > *")
    assert group["colspan"] == "3"


def test_a_page_for_each_model(nets):
    pages = {"index.md": "# M\n\n```{model-table} nets:[sl]*\n:toctree: models\n```\n\n```{toctree}\nmore\n```\n"}
    pages["more.rst"] = "More\n====\n\n.. model-table:: nets:small\n"
    built = nets(pages).build()
    assert built.warnings == ""
    links = [link["href"] for link in built.page("index.html").select(".bmvis-table a")]
    assert links == ["models/nets.small.html", "models/nets.large.html"]
    assert built.page("models/nets.large.html").select_one(".bmvis-tree")
    assert built.page("more.html").select_one(".bmvis-table a")["href"] == "models/nets.small.html"


def test_rows_link_to_trees_with_a_name_of_pyproject(nets):
    index = "M\n=\n\n.. model-table::\n\n   nets:small\n   big\n\n.. toctree::\n\n   trees\n"
    trees = "T\n=\n\n.. model-structure:: tiny\n\n.. model-structure:: nets:large\n"
    site = nets({"index.rst": index, "trees.rst": trees})
    site.write("pyproject.toml", "[tool.bmvis.models]\ntiny = 'nets:small'\nbig = 'nets:large'\n")
    links = [link["href"] for link in site.build().page("index.html").select(".bmvis-table tbody a")]
    assert links == ["trees.html#model-trees-tiny", "trees.html#model-trees-large"]
    site.write("trees.rst", trees.replace(" tiny\n", " tiny\n   :name: other\n"))
    links = [link["href"] for link in site.build().page("index.html").select(".bmvis-table tbody a")]
    assert links == ["trees.html#other", "trees.html#model-trees-large"]


def test_a_change_of_a_model_or_of_the_data_changes_the_table(nets):
    site = nets(INDEX)
    site.build()
    assert not site.build(suppress_warnings=["bmvis"]).read("index.html").count("272")
    source = site.folder / "src" / "nets.py"
    source.write_text(MODELS.replace("width=8", "width=16"))
    changed = site.build()
    assert [rows(changed)[2][index] for index in (0, 2)] == ["Small", "272"]
    site.write("data.csv", CSV.replace("80", "81.5"))
    assert rows(site.build())[1][6] == "81.5"


def test_columns_of_models_in_pyproject(nets):
    site = nets("M\n=\n\n.. model-table::\n   :columns: name, license, accuracy\n   :data: data.csv\n")
    entry = 'Small = {reference = "nets:small", columns = {license = "MIT", accuracy = 1}}'
    site.write("pyproject.toml", f'[tool.bmvis]\npath = ["src"]\n[tool.bmvis.models]\n{entry}\n')
    assert rows(site.build())[1:] == [["Small", "MIT", "76.1"]]
    site.write("pyproject.toml", site.folder.joinpath("pyproject.toml").read_text().replace("MIT", "Apache"))
    assert rows(site.build())[1:] == [["Small", "Apache", "76.1"]]


MISTAKES = {
    "column": ("nets:small\n   :columns: name, parameter", 4, "the table has no column 'parameter'"),
    "inputs": ("nets:small\n   :columns: macs", 4, "the column 'macs' requires the option 'inputs'"),
    "option": ("nets:small\n   :sorted: name", 4, "unknown table option 'sorted' (did you mean 'sort'?)"),
    "reference": ("\n   :models: nets:small", 4, "write the references in the content of the directive, a line each"),
    "data": ("nets:small\n   :data: none.csv", 4, "cannot read the data file 'none.csv': No such file or directory"),
    "flag": ("nets:small\n   :group: perhaps", 4, "invalid value 'perhaps' for option 'group'"),
    "line": ("\n\n   nets:small\n   nets:large | L | t | 80", 4, "'80' in the line 'nets:large | L | t | 80'"),
    "pattern": ("\n\n   nets:small\n   nets:x*", 7, "the pattern 'nets:x*' matches no model"),
    "typo": (
        "\n   :data: data.csv\n   :columns: accuracy\n\n   nets:small | Smal\n   nets:large",
        8,
        "one for 'Small'",
    ),
}


def test_mistakes_are_reported_with_their_line(nets):
    pages = {f"{name}.rst": f"M\n=\n\n.. model-table:: {lines}\n" for name, (lines, _, _) in MISTAKES.items()}
    built = nets(pages | {"index.rst": "M\n=\n\n.. toctree::\n   :glob:\n\n   *\n"}).build()
    for name, (_, line, message) in MISTAKES.items():
        [warning] = [text for text in built.warnings.splitlines() if f"/{name}.rst:{line}: WARNING: " in text]
        assert message in warning
        assert name == "typo" or message.partition(" (")[0] in built.page(f"{name}.html").get_text()


def test_every_builder_takes_tables(nets):
    more = "More\n====\n\n.. model-table:: nets:*\n   :group:\n"
    site = nets({"index.rst": INDEX + "\n.. toctree::\n\n   more\n", "more.rst": more})
    for builder in ("dirhtml", "singlehtml", "epub", "man", "texinfo", "gettext", "xml", "pseudoxml"):
        built = site.build(builder, suppress_warnings=["bmvis"])
        assert "bmvis" not in built.warnings, builder
        assert "ERROR" not in built.warnings, builder
        assert "not supported" not in built.warnings, builder
    assert 'msgid "What we & they have"' in site.build("gettext").read("index.pot")
    text = site.build("text").read("index.txt").replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"\| Large +\| Linear +\| +2M ", text)
    assert re.search(r"\| Small +\| Sequential +\| +72 ", text)
    book = site.build("latex").read("smallmodels.tex")
    assert r"\sphinxcaption{What we \& they have}\label{\detokenize{index:sizes}}" in book
    assert r"80\phantom{.0}" in book
    assert r"\raggedright{}\sphinxstylestrong{Not built:}" in book
    assert book.count(r"\raggedleft\arraybackslash}\Y{") == 5 + 2
    assert book.count(r"\raggedright\arraybackslash}\Y{") == 3 + 1


WIDE = """\
.. model-table::
   :columns: name, reference, type, parameters, trainable, delta, active, size, dtype, macs, input, depth, tags
   :inputs: float32[1, 8]

   nets:small | A network with a long name | text, vision
   nets:small(width=8) | Other | text
"""


@pytest.mark.builds
def test_wide_table_of_a_book_is_on_a_turned_page_of_its_own(nets):
    listed = "- In a list:\n\n" + textwrap.indent(WIDE, "  ")
    site = nets(f"{INDEX}\n{WIDE}\nMore.\n\n{listed}")
    book = site.build("latex").read("smallmodels.tex")
    turned = re.findall(r"\\begin\{landscape\}(.*?)\\end\{landscape\}", book, re.DOTALL)
    assert [part.count("A network with a long name") for part in turned] == [1]
    assert r"\begingroup\scriptsize" in turned[0]
    assert book.count("A network with a long name") == 2
    assert book.count(r"\begingroup\footnotesize") == book.count(r"\begingroup") - 1
    assert book.count(r"\begingroup") == book.count(r"\endgroup")
    assert "landscape" not in site.build().page("index.html").get_text()


@pytest.mark.builds
@pytest.mark.skipif(not shutil.which("latexmk"), reason="needs TeX Live")
def test_the_book_is_typeset_without_overfull_lines(nets):
    models = "\n".join(f"   nets:small(width={width}) | Model {width} | even" for width in range(2, 82, 2))
    missing = f"nets_of_the_second_edition.{'of_one_family.' * 9}with_a_long_name:build"
    lost = f"nets:broken(where=' in {'checkpoints_of_2026/' * 9}model')"
    long = f".. model-table::\n   :group:\n   :caption: Long\n\n{models}\n   nets:broken\n   {missing}\n   {lost}\n"
    folder = nets(f"{INDEX}\n{WIDE}\n{long}").build("latex").folder
    command = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "smallmodels.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=500)
    log = folder.joinpath("smallmodels.log").read_text(errors="replace")
    assert done.returncode == 0, log[-3000:]
    assert not [width for width in re.findall(r"Overfull \\hbox \((\d+)", log) if int(width) > 5]


def test_pages_read_and_written_in_parallel(nets):
    pages = {f"p{n}.rst": f"P{n}\n==\n\n.. model-table:: nets:[sl]*\n   :caption: T{n}\n" for n in range(8)}
    pages["index.rst"] = "M\n=\n\n.. toctree::\n\n   " + "\n   ".join(f"p{n}" for n in range(8)) + "\n"
    built = nets(pages).build(jobs=2)
    assert built.warnings == ""
    assert len(rows(built, "p7.html")) == 3


def test_hostile_titles_and_values_are_text(nets):
    hostile = "<img src=x onerror=alert(1)>"
    line = f"nets:small | {hostile} | {hostile} | own={hostile}"
    built = nets(f"M\n=\n\n.. model-table::\n   :columns: name, tags, own\n\n   {line}\n").build()
    assert rows(built)[1] == [hostile] * 3
    assert not built.page("index.html").select(".bmvis-table img")
