"""A site with models that fail in every way, on both hosts: each is reported at its line, others are drawn."""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from misbehavior import ENDLESS_TIMEOUT, FAILS, PASSES, module_name, sleepers, write

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and process groups need POSIX")

TIMEOUT, MEMORY = 200, 2_000_000_000
ENDLESS = {"endless loop", "endless output"}
"""Models that never end have a short timeout, so that the long one of other models allows for a busy machine."""
SLOW = {"recursion without limit", "1,000 GB"}
"""What the worker's own tests show, and takes long or another device here."""
FAILING = [title for title in FAILS if title not in SLOW]
LASTING = [
    "closes file descriptors",
    "changes directory and environment",
    "leaves a thread",
    "deletes itself",
    "sets the default device",
    "leaves a process in another session",
    "prints binary junk",
    "sets the default dtype",
    "patches nn.Module",
    "warns a thousand times",
]


@dataclass(frozen=True)
class Site:
    log: str
    page: BeautifulSoup
    lines: dict[str, str]
    """`file:line` of each model."""
    temporary: Path


def write_page(file, element):
    """Write a page with each model followed by a valid one; return the places."""
    lines, places = ["Models", "======", ""], {}
    for title in filter(None, chain(*zip_longest(FAILING, LASTING))):
        name = module_name(title)
        for reference in (name if title in ENDLESS else f"{name}:build", f"good_{name}:build"):
            places.setdefault(title, f"{file.name}:{len(lines) + 1}")
            lines += [element.format(reference), ""]
    file.write_text("\n".join(lines))
    return places


def sphinx(folder):
    (folder / "conf.py").write_text(
        f"extensions = ['sphinx_bmvis']\nbmvis_path = ['src']\nbmvis_timeout = {TIMEOUT}\nbmvis_memory = {MEMORY}\n"
    )
    places = write_page(folder / "index.rst", ".. model-structure:: {}")
    return places, ["-m", "sphinx", "-q", ".", "site"]


def mkdocs(folder):
    (folder / "mkdocs.yml").write_text(
        f"site_name: Models\nplugins:\n- bmvis: {{path: [src], timeout: {TIMEOUT}, memory: {MEMORY}}}\n"
    )
    (folder / "docs").mkdir()
    places = write_page(folder / "docs" / "index.md", '<model-structure factory="{}" />')
    return places, ["-m", "mkdocs", "build"]


@pytest.fixture(scope="module", params=[sphinx, mkdocs], ids=lambda host: host.__name__)
def site(request, tmp_path_factory):
    folder, temporary = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("temporary")
    source = folder / "src"
    source.mkdir()
    for title in [*FAILING, *LASTING]:
        body = FAILS[title][0] if title in FAILS else f"{PASSES[title]}\nreturn nn.Linear(3, 2)"
        write(source, module_name(title), body)
        write(source, f"good_{module_name(title)}", "return nn.Linear(3, 2)")
    names = "".join(
        f"{name} = {{reference = '{name}:build', timeout = {ENDLESS_TIMEOUT}}}\n" for name in map(module_name, ENDLESS)
    )
    (folder / "pyproject.toml").write_text(f"[tool.bmvis.models]\n{names}")
    places, command = request.param(folder)
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    page = BeautifulSoup((folder / "site" / "index.html").read_text(), "html5lib")
    return Site(done.stdout, page, places, temporary)


@pytest.mark.parametrize("title", FAILING)
def test_each_failure_is_reported_at_its_line(site, title):
    cause = FAILS[title][1].partition("(.|")[0]
    assert re.search(rf"{re.escape(site.lines[title])}\b.*{module_name(title)}.*({cause})", site.log)
    (box,) = [box for box in site.page.select(".bmvis-error") if f"{module_name(title)}:" in box.get_text()]
    assert re.search(cause, box.get_text())


def test_all_other_models_are_drawn(site):
    trees = site.page.select(".bmvis:not(.bmvis-error)")
    assert len(site.page.select(".bmvis-error")) == len(FAILING)
    drawn = len(site.lines) * 2 - len(FAILING)
    assert len(trees) == drawn
    texts = Counter(re.search(r"float(32|64)", tree.get_text())[0] for tree in trees)
    assert texts == {"float32": drawn - 1, "float64": 1}  # the default dtype applies only to the model that sets it
    assert all("weight:[2, 3] bias:[2]" in tree.get_text() for tree in trees)


def test_build_leaves_no_files_or_processes(site):
    assert list(site.temporary.iterdir()) == []
    assert sleepers() == []
