"""Pages are up to date: tables of edits between two builds, on both hosts.

One site has a page for each row. It is built, built again unchanged, edited in all rows, and built twice again.
"""

import inspect
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from pythons import TORCH_PYTHON
from stale_pages import commands, file_states, files, links, modules, variables
from stale_pages.edits import environment, write

HEAD = """\
import json, os, sys
from pathlib import Path
from torch import nn
ROOT = Path(__file__).parents[1]
"""

TABLES = (modules, files, file_states, links, commands, variables)
STALE = {name: row for table in TABLES for name, row in table.STALE.items()}
FRESH = {name: row for table in TABLES for name, row in table.FRESH.items()}
ROWS = STALE | FRESH
HOSTS = ("sphinx", "mkdocs")


def module_of(row: str) -> str:
    return "m_" + re.sub(r"\W", "_", row)


def make_project(root: Path, host: str) -> None:
    for name, row in ROWS.items():
        body = inspect.cleandoc(row.build).replace("\n", "\n    ")
        given = "width_given=0" if name == "entry in pyproject" else ""
        write(f"src/{module_of(name)}.py", f"{HEAD}def build({given}):\n    {body}\n    return nn.Linear(width, 1)\n")(
            root
        )
        for file, text in row.files.items():
            write(file, text)(root)
        row.before(root)
    (root / ".git").mkdir(exist_ok=True)
    (root / "data/link.json").symlink_to("three.json")
    names = {name: f"{module_of(name)}:build({'width_given=3' if 'entry' in name else ''})" for name in ROWS}
    entries = "".join(f"{module_of(name)} = '{reference}'\n" for name, reference in names.items())
    write("pyproject.toml", f'[project]\nversion = "1"\n[tool.bmvis]\npath = ["src"]\n[tool.bmvis.models]\n{entries}')(
        root
    )
    if host == "sphinx":
        write("site/conf.py", "extensions = ['sphinx_bmvis']\nhtml_theme = 'basic'\nexclude_patterns = ['_build']\n")(
            root
        )
        write("site/index.rst", "I\n=\n\n.. toctree::\n   :glob:\n\n   m_*\n")(root)
        for name in ROWS:
            write(f"site/{module_of(name)}.rst", f"M\n=\n\n.. model-structure:: {module_of(name)}\n")(root)
        return
    python = f"plugins:\n  - bmvis:\n      python: {TORCH_PYTHON}\n"
    write("site/mkdocs.yml", f"site_name: S\nuse_directory_urls: false\n{python}")(root)
    write("site/docs/index.md", "# I\n")(root)
    for name in ROWS:
        write(f"site/docs/{module_of(name)}.md", f'# M\n\n<model-structure factory="{module_of(name)}" />\n')(root)


def run(root: Path, host: str) -> str:
    command = {
        "sphinx": ["sphinx", "-v", "-b", "html", ".", "_build"],
        "mkdocs": ["mkdocs", "build", "-v"],
    }[host]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=root / "site",
        env=os.environ | {"TMPDIR": str(root / "data")} | environment(root),
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def page(root: Path, host: str, row: str) -> str:
    folder = {"sphinx": "_build", "mkdocs": "site"}[host]
    return (root / "site" / folder / f"{module_of(row)}.html").read_text()


@dataclass
class Builds:
    """The trees and logs of four builds."""

    widths: dict[str, list[str]]
    logs: list[str]


@pytest.fixture(scope="module", params=HOSTS)
def builds(request, tmp_path_factory) -> Builds:
    root = tmp_path_factory.mktemp(request.param) / "repo"
    make_project(root, request.param)
    found = Builds({name: [] for name in ROWS}, [])

    def build() -> None:
        found.logs.append(run(root, request.param))
        for name in ROWS:
            shown = re.search(
                r"weight</span>.*?\[1, (\d+)\]|weight:\[1, (\d+)\]", page(root, request.param, name), re.DOTALL
            )
            found.widths[name].append((shown[1] or shown[2]) if shown else "")

    build()
    build()
    for row in ROWS.values():
        row.edit(root)
    build()
    build()
    return found


def reasons(log: str, row: str) -> list[str]:
    return [
        line
        for line in log.splitlines()
        if f"{module_of(row)}:" in line and ("out of date" in line or "not in the cache" in line)
    ]


@pytest.mark.parametrize("row", ROWS)
def test_unchanged_model_is_not_built_again(builds, row):
    assert not reasons(builds.logs[1], row)
    assert not reasons(builds.logs[3], row)


@pytest.mark.parametrize("row", STALE)
def test_edit_builds_the_model_again_and_logs_the_reason(builds, row):
    assert builds.widths[row] == ["3", "3", "4", "4"]
    assert reasons(builds.logs[2], row)


@pytest.mark.parametrize("row", FRESH)
def test_unrelated_edits_build_no_model(builds, row):
    assert builds.widths[row] == ["3"] * 4
    assert not reasons(builds.logs[2], row)
