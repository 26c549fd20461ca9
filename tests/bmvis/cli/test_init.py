"""`bmvis init` in the projects that people have: what it writes, and that the site then builds."""

import sys

import programs
import pytest
import yaml
from click.testing import CliRunner

from bmvis.cli.commands import main

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TREE = "torch.nn:Transformer(d_model=64)"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(**files):
        for name, text in files.items():
            file = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path

    return make


def run(*arguments, answer="y\n"):
    return CliRunner().invoke(main, ["init", *arguments], input=answer)


CONFS = {
    "empty": ("", ["sphinx_bmvis"]),
    "none": ("project = 'é'\n", ["sphinx_bmvis"]),
    "empty list": ("extensions = []\n", ["sphinx_bmvis"]),
    "empty list of lines": ("extensions = [\n]\nx = 1\n", ["sphinx_bmvis"]),
    "one line": ("é = 1; extensions = ['a', 'b']  # ours\n", ["a", "b", "sphinx_bmvis"]),
    "trailing comma": ("extensions = [\n    'a',\n    'é',  # why\n]\n", ["a", "é", "sphinx_bmvis"]),
    "no trailing comma": ("extensions = [\n    'a',\n    'b'\n]\n", ["a", "b", "sphinx_bmvis"]),
    "closed in the line": ("extensions = ['a',\n              'b']\n", ["a", "b", "sphinx_bmvis"]),
    "tuple": ("extensions = ('a',)\n", ["a", "sphinx_bmvis"]),
    "computed": ("extensions = ['a'] + ['b']\n", ["a", "b", "sphinx_bmvis"]),
    "annotated": ("extensions: list[str] = ['a']\n", ["a", "sphinx_bmvis"]),
    "no last line break": ("extensions = ['a']", ["a", "sphinx_bmvis"]),
}


@pytest.mark.parametrize(("conf", "extensions"), CONFS.values(), ids=CONFS)
def test_conf_py_gets_the_extension_and_the_folder(project, conf, extensions):
    folder = project(docs__conf_dot_py=conf, src__pkg_dot_py="")
    assert run().exit_code == 0
    found = {}
    exec((folder / "docs/conf.py").read_text(), found)
    assert list(found["extensions"]) == extensions
    assert found["bmvis_path"] == ["../src"]


@pytest.mark.parametrize(
    ("written", "plugins"),
    [
        ("site_name: x\n", ["search", "bmvis"]),
        ("site_name: x\nplugins:\n", ["search", "bmvis"]),
        ("plugins:\n  - search\n  - tags:\n      x: 1\n\nnav:\n  - index.md\n", ["search", "tags", "bmvis"]),
        ("plugins:\n- search # why\n- tags\ntheme: material\n", ["search", "tags", "bmvis"]),
        ("plugins:\n  # a comment\n\n  - search", ["search", "bmvis"]),
        ("plugins: [search, tags]\ntheme: x\n", ["search", "tags", "bmvis"]),
        ("plugins: []\n", ["bmvis"]),
        ("plugins:\n  search: {}\n  tags:\n    x: 1\ntheme: x\n", ["search", "tags", "bmvis"]),
    ],
)
def test_mkdocs_yml_gets_the_plugin(project, written, plugins):
    folder = project(mkdocs_dot_yml=written)
    assert run().exit_code == 0
    config = yaml.safe_load((folder / "mkdocs.yml").read_text())
    found = config["plugins"].items() if isinstance(config["plugins"], dict) else config["plugins"]
    pairs = [next(iter(one.items())) if isinstance(one, dict) else (one, None) for one in found]
    pairs = list(config["plugins"].items()) if isinstance(config["plugins"], dict) else pairs
    assert [name for name, _ in pairs] == plugins
    assert pairs[-1][1] == {"path": ["."]}
    before = yaml.safe_load(written)
    assert {key: value for key, value in config.items() if key != "plugins"} == {
        key: value for key, value in before.items() if key != "plugins"
    }


def test_zensical_toml_gets_the_extension(project):
    folder = project(zensical_dot_toml='[project]\nsite_name = "x"\n')
    done = run()
    assert done.exit_code == 0
    assert "If zensical.toml has a nav, add models.md to it, then run: zensical serve" in done.output
    config = tomllib.loads((folder / "zensical.toml").read_text())
    assert config["project"]["markdown_extensions"]["mkdocs_bmvis"] == {"path": ["."]}
    assert TREE in (folder / "docs/models.md").read_text()


def test_zensical_keeps_the_extensions_that_it_enables_itself(project):
    """It enables them only for sites that list none."""
    zensical = pytest.importorskip("zensical.config", reason="Zensical is not installed")
    folder = project(zensical_dot_toml='[project]\nsite_name = "x"  # no markdown_extensions\n')
    assert run().exit_code == 0
    config = zensical.parse_config(str(folder / "zensical.toml"))
    missing = set(zensical.DEFAULT_MARKDOWN_EXTENSIONS) - set(config["markdown_extensions"])
    assert (missing, "mkdocs_bmvis" in config["markdown_extensions"]) == (set(), True)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("[project.markdown_extensions]\nadmonition = {}", id="table"),
        pytest.param('markdown_extensions = [\n  "admonition",  # a comment\n]', id="list"),
        pytest.param('markdown_extensions = ["admonition"]', id="list-in-line"),
        pytest.param("markdown_extensions = { admonition = {} }", id="table-in-line"),
    ],
)
def test_extensions_of_zensical_toml_stay(project, written):
    zensical = pytest.importorskip("zensical.config", reason="Zensical is not installed")
    folder = project(zensical_dot_toml=f'[project]\nsite_name = "x"\n{written}\n')
    assert run().exit_code == 0
    config = zensical.parse_config(str(folder / "zensical.toml"))
    assert {"admonition", "mkdocs_bmvis"} <= set(config["markdown_extensions"])
    assert config["mdx_configs"]["mkdocs_bmvis"] == {"path": ["."]}


def test_empty_list_of_extensions_in_zensical_toml_gets_the_extension(project):
    folder = project(zensical_dot_toml="[project]\nmarkdown_extensions = []\n")
    assert run().exit_code == 0
    config = tomllib.loads((folder / "zensical.toml").read_text())
    assert config["project"]["markdown_extensions"] == [{"mkdocs_bmvis": {"path": ["."]}}]


@pytest.mark.parametrize(
    ("conf", "file", "line"),
    [
        ("extensions = ['myst_parser']\n", "docs/models.md", f"```{{model-structure}} {TREE}"),
        ("extensions = []\n", "docs/models.rst", f".. model-structure:: {TREE}"),
    ],
)
def test_first_page_is_in_the_markup_of_the_site(project, conf, file, line):
    folder = project(docs__conf_dot_py=conf)
    assert run().exit_code == 0
    assert line in (folder / file).read_text().splitlines()


def test_nothing_is_written_without_consent(project):
    folder = project(docs__conf_dot_py="extensions = []\n")
    declined = run(answer="n\n")
    assert declined.exit_code == 1
    assert '+extensions = ["sphinx_bmvis"]' in declined.output
    assert (folder / "docs/conf.py").read_text() == "extensions = []\n"
    assert not (folder / "docs/models.rst").exists()


def test_second_run_changes_nothing(project):
    folder = project(mkdocs_dot_yml="site_name: x\n", docs__models_dot_md="mine")
    assert run("--yes").exit_code == 0
    assert (folder / "docs/models.md").read_text() == "mine"
    before = (folder / "mkdocs.yml").read_text()
    again = run("--yes")
    assert again.output == "bmvis is already set up.\n"
    assert (folder / "mkdocs.yml").read_text() == before


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        ({}, [], "found no documentation in this folder: run `sphinx-quickstart` or `mkdocs new .` first"),
        ({"mkdocs_dot_yml": ""}, ["--host", "sphinx"], "found no sphinx in this folder"),
        ({"mkdocs_dot_yml": "", "docs__conf_dot_py": ""}, [], "pass --host sphinx or --host mkdocs"),
        ({"docs__conf_dot_py": "x = (\n"}, [], "conf.py:1: '(' was never closed: fix the syntax first"),
        ({"docs__conf_dot_py": ""}, ["zoo.net"], "did you mean 'zoo:net'?"),
    ],
)
def test_mistake_is_reported_and_nothing_is_written(project, files, arguments, message):
    folder = project(**files)
    before = sorted(folder.rglob("*"))
    result = run(*arguments)
    assert result.exit_code in (1, 2)
    assert message in " ".join(result.output.split())
    assert sorted(folder.rglob("*")) == before


MODELS = "from torch import nn\n\ndef net():\n    return nn.Sequential(nn.Linear(3, 3))\n"


@pytest.mark.parametrize(
    ("files", "command", "page"),
    [
        (
            {
                "docs__conf_dot_py": "project = 'x'\n",
                "docs__index_dot_rst": "Start\n=====\n\n.. toctree::\n\n   models\n",
            },
            "sphinx-build -q -W docs site",
            "site/models.html",
        ),
        (
            {"mkdocs_dot_yml": "site_name: x\n", "docs__index_dot_md": "# Start\n"},
            "mkdocs build -q --strict",
            "site/models/index.html",
        ),
    ],
    ids=["sphinx", "mkdocs"],
)
def test_site_builds_after_init(project, files, command, page):
    folder = project(src__zoo_dot_py=MODELS, **files)
    assert run("zoo:net", "--yes").exit_code == 0
    done = programs.run(command, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 parameters" in (folder / page).read_text()
