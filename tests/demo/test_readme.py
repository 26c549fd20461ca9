"""The README's quick starts are run."""

import re
import shlex
import sys
from pathlib import Path

import hosts
import pytest
import yaml
from bs4 import BeautifulSoup
from commands import bmvis, sphinx_build

README = (Path(__file__).parents[2] / "README.md").read_text()
ZOO = """
from torch import nn

def bert(layers):
    return nn.Sequential(*[nn.Linear(4, 4) for _ in range(layers)], nn.Linear(4, 2))
"""


def example(heading, language):
    """Return the first code block in `language` below a heading."""
    section = re.search(rf"^## {heading}.*?(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)[0]
    return re.search(rf"^(`{{3,}}){language}\n(.*?)^\1$", section, re.MULTILINE | re.DOTALL)[2]


@pytest.fixture
def project(tmp_path):
    package = tmp_path / "src" / "my_package"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "zoo.py").write_text(ZOO)
    (tmp_path / "docs").mkdir()
    return tmp_path


def assert_shows_the_model(html):
    names = [name.get_text() for name in BeautifulSoup(html, "html5lib").select(".bmvis-tree b")]
    assert names == ["root", "0-1", "2"]


@pytest.mark.parametrize(("language", "page"), [("rst", "index.rst"), ("markdown", "index.md")])
def test_sphinx_example_builds_a_page_with_the_model(project, language, page):
    settings = example("Sphinx", "python").replace('".."', '"../src"')
    if language == "markdown":
        settings += 'extensions += ["myst_parser"]\n'
    title = "# Model\n\n" if language == "markdown" else "Model\n=====\n\n"
    (project / "docs" / "conf.py").write_text(settings)
    (project / "docs" / page).write_text(title + example("Sphinx", language))
    done = sphinx_build("-W", "-q", project / "docs", project / "out")
    assert done.returncode == 0, done.stderr
    assert_shows_the_model((project / "out" / "index.html").read_text())


@pytest.mark.parametrize(
    ("program", "theme"),
    [
        pytest.param("mkdocs", "mkdocs", marks=pytest.mark.builds),
        ("mkdocs", "material"),
        pytest.param("properdocs", "material", marks=pytest.mark.builds),
    ],
)
def test_mkdocs_example_builds_a_page_with_the_model(project, program, theme):
    settings = yaml.safe_load(example("MkDocs", "yaml")) | {"site_name": "Models", "theme": {"name": theme}}
    (project / "mkdocs.yml").write_text(yaml.safe_dump(settings))
    (project / "docs" / "index.md").write_text(example("MkDocs", "html"))
    done = hosts.build(program, project, "-q", "--strict")
    assert done.report["code"] == 0, done.log
    assert_shows_the_model((project / "site" / "index.html").read_text())


def test_zensical_example_builds_a_page_with_the_model(project):
    (project / "zensical.toml").write_text('[project]\nsite_name = "Models"\n\n' + example("Zensical", "toml"))
    (project / "docs" / "index.md").write_text(example("MkDocs", "html"))
    done = hosts.build("zensical", project, config="zensical.toml")
    assert done.report["code"] == 0, done.log
    assert_shows_the_model((project / "site" / "index.html").read_text())


def test_python_markdown_example_renders_the_model(project, monkeypatch):
    monkeypatch.chdir(project)
    space = {}
    exec(example("Python-Markdown", "python"), space)
    assert_shows_the_model(space["html"])


def test_terminal_and_notebook_examples_run(project, monkeypatch):
    command = shlex.split(example("Terminal and notebook", "console").removeprefix("$ "))
    assert command[0] == "bmvis"
    assert "0-1(Linear)" in bmvis(project / "src", *command[1:]).stdout
    script = f"from my_package import zoo\nmodel = zoo.bert(2)\n{example('Terminal and notebook', 'python')}"
    monkeypatch.syspath_prepend(project / "src")
    cell = {}
    exec(script, cell)
    assert cell["bmvis"].capture(cell["model"]).root.type == "Sequential"
    for name in ("my_package", "my_package.zoo"):
        del sys.modules[name]


@pytest.mark.builds
def test_numbers_and_figure_are_current():
    """To write them again, run `bmvis update --path demo_docs README.md`."""
    done = bmvis(Path(__file__).parents[2], "update", "--check", "--path", "demo_docs", "README.md")
    assert done == (0, "", "")
