"""The pages of the demo: the same text for both sites, and correct."""

import importlib
import json
import re
import sys
from pathlib import Path

import msgspec
import pytest
from bs4 import BeautifulSoup
from commands import sphinx_build
from torch import nn

import bmvis
from mkdocs_bmvis.settings import Settings

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo_docs"
PAGES = {page.stem: page.read_text() for page in sorted((DEMO / "pages").glob("*.md"))}
CONF = f"""
extensions = ["sphinx_bmvis"]
bmvis_path = [{str(DEMO)!r}]
suppress_warnings = ["bmvis.factory", "bmvis.reference", "bmvis.checkpoint"]  # as they are written is what counts
"""


def load(name):
    """Import a module of the demo, whose folder is not to stay on the path of other tests."""
    sys.path.insert(0, str(DEMO))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DEMO))


dialects = load("dialects")
site_pages = load("site_pages")
generated = load("generated")


@pytest.mark.parametrize(
    ("element", "myst", "rst"),
    [
        (
            '<model-structure factory="zoo:bert(layers=2)" depth="3" non-params />',
            "```{model-structure} zoo:bert(layers=2)\n:depth: 3\n:non-params:\n```",
            ".. model-structure:: zoo:bert(layers=2)\n   :depth: 3\n   :non-params:",
        ),
        (
            '<model-compare before="zoo:a"\n  after="zoo:b" caption="What: it&#39;s new" />',
            "```{model-compare}\n:before: zoo:a\n:after: zoo:b\n:caption: 'What: it''s new'\n```",
            ".. model-compare::\n   :before: zoo:a\n   :after: zoo:b\n   :caption: What: it's new",
        ),
        (
            '<model-gallery sort="name" models="\nzoo:a | A\nzoo:b\n"></model-gallery>',
            "```{model-gallery}\n:sort: name\n\nzoo:a | A\nzoo:b\n```",
            ".. model-gallery::\n   :sort: name\n\n   zoo:a | A\n   zoo:b",
        ),
    ],
    ids=["structure", "compare", "gallery"],
)
def test_element_becomes_a_directive_on_sphinx(element, myst, rst):
    assert dialects.for_sphinx(element) == myst
    shown = dialects.for_sphinx(f"```html\n{element}\n```")
    assert f"````markdown\n{myst}\n````" in shown
    assert f"```rst\n{rst}\n```" in shown
    live = dialects.for_sphinx(f"```html live\n{element}\n```")
    assert live.startswith(myst)
    assert live.endswith(shown)
    assert dialects.for_mkdocs(f"```html live\n{element}\n```") == f"{element}\n\n```html\n{element}\n```"


@pytest.mark.parametrize(
    ("written", "on_sphinx"),
    [
        ('Set `flow="auto"`.', "Set `:flow: auto`."),
        ('[`inputs="x: int64[1, 8]"`](shapes.md)', "[`:inputs: x: int64[1, 8]`](shapes.md)"),
        ('`sort="GLUE ascending"`, `thumbnail="flow"`', "`:sort: GLUE ascending`, `:thumbnail: flow`"),
        ('`markdown="block"` and torch\'s `device="meta"`', '`markdown="block"` and torch\'s `device="meta"`'),
        ('```toml\nsort="name"\n```', '```toml\nsort="name"\n```'),
    ],
    ids=["option", "link", "gallery", "no option", "code"],
)
def test_attribute_in_a_sentence_becomes_an_option_on_sphinx(written, on_sphinx):
    assert dialects.for_sphinx(written) == on_sphinx
    assert dialects.for_mkdocs(written) == written


def test_each_host_reads_its_own_part_and_code_stays_code():
    text = (
        "a\n<!-- on sphinx -->\nb\n<!-- on mkdocs -->\nc\n<!-- on both -->\nd\n"
        '```python title="x.py"\n<model-structure factory="zoo:a" />\n```\n'
    )
    assert dialects.for_sphinx(text).startswith("a\nb\nd\n```{code-block} python\n:caption: x.py\n\n<model-structure")
    assert dialects.for_mkdocs(text) == text.replace("<!-- on sphinx -->\nb\n<!-- on mkdocs -->\n", "").replace(
        "<!-- on both -->\n", ""
    )


@pytest.mark.parametrize(
    ("pages", "least"),
    [
        pytest.param(["map-module-names"], 1, id="one page"),
        pytest.param(list(PAGES), 40, id="all", marks=pytest.mark.builds),
    ],
)
def test_restructuredtext_examples_build_without_warnings(pages, least, tmp_path):
    """MyST is tried by the site itself: what is shown there is what was drawn."""
    snippets = [snippet for page in pages for snippet in dialects.rst_of(dialects.chosen(PAGES[page], "sphinx"))]
    snippets = [re.sub(r"^   :(name|toctree|common): .*\n?", "", snippet, flags=re.MULTILINE) for snippet in snippets]
    (tmp_path / "conf.py").write_text(CONF)
    [data] = re.findall(r'^```text title="models.csv"\n(.*?)^```', PAGES["model-table"], re.MULTILINE | re.DOTALL)
    (tmp_path / "models.csv").write_text(data)
    (tmp_path / "index.rst").write_text("Snippets\n========\n\n" + "\n\n".join(snippets))
    done = sphinx_build("-q", "-W", tmp_path, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    page = BeautifulSoup((tmp_path / "out" / "index.html").read_text(), "html5lib")
    assert len(page.select(".bmvis, .bmvis-table, .bmvis-error")) >= len(snippets) >= least


def test_each_page_is_in_the_navigation_once():
    listed = [page for entries in site_pages.navigation().values() for _, page in entries]
    assert sorted(listed) == sorted(PAGES)


def test_sphinx_has_the_navigation_of_mkdocs():
    contents = re.findall(r":caption: ([^\n]+)\n\n(.*?)\n```", site_pages.toctrees(), re.DOTALL)
    sphinx = {
        heading: [tuple(re.fullmatch(r"(.+) <([\w-]+)>", entry).groups()) for entry in entries.splitlines()]
        for heading, entries in contents
    }
    for entries in sphinx.values():
        entries[:] = [(title, "index" if page == "self" else page) for title, page in entries]
    assert sphinx == site_pages.navigation()


def test_former_addresses_redirect_to_existing_pages():
    assert set(site_pages.REDIRECTS.values()) <= set(PAGES)
    assert set(site_pages.REDIRECTS) & set(PAGES) == set()


@pytest.mark.parametrize(
    ("file", "target"), [("{}.html", "benchmarks.html"), ("{}/index.html", "../benchmarks/index.html")]
)
def test_former_address_has_a_redirect_page(file, target, tmp_path):
    site_pages.write_redirects(tmp_path, file.format)
    page = BeautifulSoup((tmp_path / file.format("measured")).read_text(), "html.parser")
    assert page.find("meta", {"http-equiv": "refresh"})["content"] == f"0; url={target}"
    assert page.a["href"] == page.find("link", rel="canonical")["href"] == target
    assert f'"{target}" + location.hash' in page.script.get_text()


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("sphinx", {name for name, *_ in generated.registered()}),
        ("mkdocs", {field.name for field in msgspec.structs.fields(Settings)}),
    ],
)
def test_configuration_page_has_a_row_for_each_setting(host, names):
    table = generated.filled(f"{{{{ settings {host} }}}}", host).splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert {name.strip("`") for name, *_ in rows} == names
    assert [name for name, _, description in rows if not description] == []
    assert f"{{{{ settings {host} }}}}" in PAGES["configuration"]


def test_architecture_page_lists_the_packages():
    listed = re.findall(r"^\| `(\w+(?:\.\w+)?)` \|", PAGES["architecture"], re.MULTILINE)
    packages = [file.parent.relative_to(ROOT) for file in ROOT.glob("bmvis/*/__init__.py")]
    assert sorted(listed) == sorted(
        [".".join(package.parts) for package in packages] + ["sphinx_bmvis", "mkdocs_bmvis"]
    )


def test_python_reference_lists_each_public_name():
    listed = [name for names in re.findall(r"\{\{ api (.+) \}\}", PAGES["python-api"]) for name in names.split()]
    assert {name.split(".")[1] for name in listed} == set(bmvis.__all__)


def test_python_page_starts_with_runnable_code():
    code = re.search(r"^```python\n(.*?)^```$", PAGES["python-api"], re.DOTALL | re.MULTILINE)[1]
    model = nn.ModuleDict({"attention": nn.ModuleDict({"output": nn.ModuleDict({"dense": nn.Linear(2, 2)})})})
    *statements, names, types = code.strip().splitlines()
    space = {"model": model}
    exec("\n".join(statements), space)
    assert eval(names, space) == ["attention.output.dense"]
    assert eval(types, space)["attention.output.dense"] == "Linear"


def test_benchmarks_page_names_the_compared_releases():
    pinned = dict(re.findall(r"^(\w+)==(\S+)$", (ROOT / "constraints" / "bench.txt").read_text(), re.MULTILINE))
    tools = ("bigmodelvis", "torchinfo", "marimo", "treescope", "torchview", "torchlens", "torchvista")
    named = dict(re.findall(rf"({'|'.join(tools)}) (\d[\d.]*\d)", PAGES["benchmarks"]))
    assert named == {name: pinned[name] for name in tools}


def test_benchmarks_page_has_the_compared_tools_of_the_last_run():
    run = json.loads((DEMO / "peers.json").read_text())
    rows = [line.strip("| ").split(" | ") for line in generated.filled(PAGES["benchmarks"], "sphinx").splitlines()]
    for name, figures in run["models"].items():
        seconds, sizes = figures["seconds"], figures["bytes"]
        times = [seconds["bigmodelvis"] / seconds["bmvis text"], seconds["treescope"] / seconds["bmvis html"]]
        timed, sized, *_ = [row for row in rows if row[0] == name]
        assert [float(timed[2]), float(timed[5])] == pytest.approx(times, rel=0.05, abs=0.06)
        assert float(sized[2]) == pytest.approx(sizes["marimo"] / sizes["bmvis html"], rel=0.05)
    pinned = dict(re.findall(r"^(\w+)==(\S+)$", (ROOT / "constraints" / "bench.txt").read_text(), re.MULTILINE))
    assert {
        name: run["versions"][name] for name in ("bigmodelvis", "torchinfo", "marimo", "treescope")
    }.items() <= pinned.items()


@pytest.mark.parametrize("part", ["edits", "large", "gallery", "serve"])
def test_benchmarks_page_has_the_figures_of_the_last_run(part):
    figures = json.loads((DEMO / "builds.json").read_text())[part]
    rows = [line.strip("| ").split(" | ") for line in generated.filled(PAGES["benchmarks"], "sphinx").splitlines()]
    assert list(figures) in rows
    for case in next(iter(figures.values())):
        measured = [f"{found[case]:.2f}" for found in figures.values()]
        assert any(row[0] == case and [cell.split()[0] for cell in row[1:]] == measured for row in rows)
