"""The recipes for hosted builders, and the example factories, do what their pages describe."""

import os
import runpy
import subprocess
import sys
import zipfile

import programs
import pytest
import yaml
from bs4 import BeautifulSoup
from commands import bmvis, snapshot, sphinx_build
from test_pages import DEMO, PAGES

from bmvis.source.source import Source

SITE = {
    "docs/conf.py": 'extensions = ["sphinx_bmvis"]\nbmvis_path = [".."]\nbmvis_cache = "../.cache/bmvis"\n',
    "docs/index.rst": "Models\n======\n\n.. model-structure:: zoo:small\n",
    "mkdocs.yml": "site_name: Models\ndocs_dir: markdown\nplugins: [bmvis]\n",
    "markdown/index.md": '<model-structure factory="zoo:small" />\n',
    "zoo.py": "from torch import nn\ndef small(): return nn.Linear(2, 2)\n",
}
CHECKS = DEMO / "recipes" / "gitlab-models.yml"
"""Publishes nothing. `tests/bmvis/cli/test_pre_commit.py` runs it."""
WORKFLOWS = sorted({*DEMO.glob("workflows/pages-*.yml"), *DEMO.glob("recipes/gitlab-*.yml")} - {CHECKS})


def commands_of(file):
    """Return the commands of a workflow of GitHub, or of a job of GitLab, with the folder that is published."""
    written = yaml.safe_load(file.read_text())
    if "pages" in written:
        return written["pages"]["script"], written["pages"]["artifacts"]["paths"][0]
    steps = written["jobs"]["build"]["steps"]
    (folder,) = [step["with"]["path"] for step in steps if "upload-pages-artifact" in step.get("uses", "")]
    return [step["run"] for step in steps if "run" in step], folder


@pytest.mark.parametrize("file", WORKFLOWS, ids=[file.stem for file in WORKFLOWS])
def test_recipe_builds_the_folder_that_it_publishes(file, tmp_path):
    for name, text in SITE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    commands, folder = commands_of(file)
    for command in commands:
        if not command.startswith("pip install"):
            done = programs.run(command, tmp_path)
            assert done.returncode == 0, done.stderr
    page = BeautifulSoup((tmp_path / folder / "index.html").read_text(), "html.parser")
    assert page.select(".bmvis-tree")
    assert list((tmp_path / ".cache" / "bmvis").iterdir())


@pytest.mark.parametrize("file", WORKFLOWS, ids=[file.stem for file in WORKFLOWS])
def test_recipe_installs_pytorch_before_packages_that_need_it(file):
    installs = [command for command in commands_of(file)[0] if command.startswith("pip install")]
    assert ["/cpu" in command for command in installs] == [True, False]


def test_read_the_docs_builds_all_formats_from_snapshots(tmp_path):
    """The steps of the builder: https://docs.readthedocs.com/platform/stable/builds.html."""
    for name, text in SITE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "pyproject.toml").write_text('[tool.bmvis.models]\nsmall = "zoo:small"\n')
    (tmp_path / "docs" / "index.rst").write_text("Models\n======\n\n.. model-structure:: small\n")
    with (tmp_path / "docs" / "conf.py").open("a") as settings:
        settings.write('bmvis_mode = "snapshot"\ncopyright = "us"\nversion = "1"\n')
    snapshot(tmp_path)
    (tmp_path / "zoo.py").write_text("raise ImportError('no PyTorch')\n")
    recipe = yaml.safe_load((DEMO / "recipes" / "readthedocs-snapshots.yaml").read_text())
    assert "jobs" not in recipe["build"], "it installs no PyTorch"
    folder = (tmp_path / recipe["sphinx"]["configuration"]).parent
    for builder in ["html", *("latex" if name == "pdf" else name for name in recipe["formats"])]:
        build = folder / "_build"
        done = sphinx_build(
            "-T", "-W", "--keep-going", "-b", builder, "-d", build / "doctrees", folder, build / builder
        )
        assert done.returncode == 0, done.stderr
    assert "Linear" in (folder / "_build" / "html" / "index.html").read_text()
    [document] = (folder / "_build" / "latex").glob("*.tex")
    assert "Linear" in document.read_text()
    with zipfile.ZipFile(next((folder / "_build" / "epub").glob("*.epub"))) as book:
        assert "Linear" in book.read("index.xhtml").decode()


def test_each_recipe_is_on_a_page():
    named = {f"{file.parent.name}/{file.name}" for file in {*WORKFLOWS, *DEMO.glob("recipes/*")} - {CHECKS}}
    pages = PAGES["publish"] + PAGES["jupyter-book"] + PAGES["api-pages"]
    assert {name for name in named if f"{{{{ file {name} }}}}" not in pages} == set()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write a project with two models, and `bmvis` as a program on the PATH."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "zoo.py").write_text("from torch import nn\ndef small(width=2): return nn.Linear(width, 2)\n")
    models = '[tool.bmvis.models]\nsmall = "zoo:small"\nwide = "zoo:small(width=5)"\n'
    (tmp_path / "pyproject.toml").write_text(models)
    program = tmp_path / "bin" / "bmvis"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bmvis "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return tmp_path


def test_script_for_quarto_writes_a_tree_with_its_own_ids_for_each_model(project, monkeypatch):
    def run(command, *, check, capture_output, text):
        assert (command.pop(0), check, capture_output, text) == ("bmvis", True, True, True)
        return bmvis(project, *command)

    monkeypatch.chdir(project)
    monkeypatch.setattr(subprocess, "run", run)
    runpy.run_path(str(DEMO / "recipes" / "quarto_trees.py"))
    texts = [(project / "_trees" / f"{name}.qmd").read_text() for name in ("small", "wide")]
    for text in texts:
        assert text.startswith("```{=html}\n<style>")
        assert text.endswith("```\n")
    page = BeautifulSoup("".join(text[len("```{=html}") : -4] for text in texts), "html5lib")
    assert [tree.get_text() for tree in page.select(".bmvis-tree b")] == ["root", "root"]
    ids = [element["id"] for element in page.select("[id]")]
    assert len(ids) == len(set(ids))
    assert {"small", "wide"} < set(ids)


@pytest.mark.builds
def test_plugin_of_mystmd_is_an_executable_script(project):
    plugin = DEMO / "recipes" / "bmvis-plugin"
    command = [plugin, "--role", "size"]
    done = subprocess.run(command, cwd=project, check=True, input='{"body": "wide"}', capture_output=True, text=True)
    assert "48 bytes" in done.stdout


def test_example_factories_build_on_the_meta_device():
    with Source(DEMO, path=["."]) as source:
        for factory in ("sentiment_classifier", "recommender", "forecaster"):
            built = source.resolve(f"zoo:{factory}").model
            assert (built.device, built.notes) == ("meta", ())
            assert f'factory="zoo:{factory}' in PAGES["write-model-factories"]
