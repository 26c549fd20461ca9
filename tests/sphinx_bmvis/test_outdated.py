"""Pages that depend on other files than those of models: what is wrong with them, and what their elements read."""

import os
import re
from typing import NamedTuple

import pytest

PROJECT = """\
[tool.bmvis]
path = ["src"]
[tool.bmvis.models]
{name} = {{reference = "zoo:tiny", columns = {{Top-1 = {top}}}}}
"""
TABLE = ".. model-table::\n   :columns: name, Top-1\n{}\n   net\n"
CSV_TABLE = TABLE.format("   :data: scores.csv\n")
NAMES = 'models = ["Sequential"]\n[names]\n"$.dense" = "$.{}"\n'
COMMON = ".. model-structure:: zoo:tiny\n   :common: names.toml\n"


class File(NamedTuple):
    """A file that a page depends on, before and after an edit, and what the page shows then."""

    page: str
    name: str
    before: str | None
    after: str
    shown: str


MISSING = {
    "name of a fact": File(
        ":params:`net:0`",
        "pyproject.toml",
        PROJECT.format(name="other", top=1),
        PROJECT.format(name="net", top=1),
        "28",
    ),
    "syntax of pyproject.toml": File(
        ":params:`net:0`", "pyproject.toml", "[tool.bmvis", PROJECT.format(name="net", top=1), "28"
    ),
    "mapping file": File(COMMON, "names.toml", None, NAMES.format("attn"), "attn"),
    "data of a table": File(CSV_TABLE, "scores.csv", None, "model,Top-1\nnet,81.5\n", "81.5"),
}
OLDER = {
    "mapping file": File(COMMON, "names.toml", NAMES.format("attn"), NAMES.format("ffn"), "ffn"),
    "data of a table": File(CSV_TABLE, "scores.csv", "model,Top-1\nnet,1\n", "model,Top-1\nnet,81.5\n", "81.5"),
    "columns of a table": File(
        TABLE.format(""),
        "pyproject.toml",
        PROJECT.format(name="net", top=1),
        PROJECT.format(name="net", top=81.5),
        "81.5",
    ),
}


@pytest.fixture
def site(make_site, request):
    file: File = request.param
    site = make_site({"index.rst": f"M\n=\n\n{file.page}\n", "pyproject.toml": PROJECT.format(name="net", top=1)})
    if file.before is not None:
        site.write(file.name, file.before)
    return site, file


@pytest.mark.parametrize("site", MISSING.values(), ids=MISSING, indirect=True)
def test_page_is_read_in_each_build_until_an_error_in_another_file_is_fixed(site):
    site, file = site
    for _ in range(2):
        assert "index.rst:" in site.build().warnings
    site.write(file.name, file.after)
    fixed = site.build()
    assert fixed.warnings == ""
    assert file.shown in fixed.page("index.html").get_text()
    assert "no targets are out of date" in site.build().status


@pytest.mark.parametrize("site", OLDER.values(), ids=OLDER, indirect=True)
def test_page_follows_a_file_that_is_replaced_by_an_older_one(site):
    site, file = site
    assert file.shown not in site.build().page("index.html").get_text()
    site.write(file.name, file.after)
    os.utime(site.folder / file.name, (1e9, 1e9))
    assert file.shown in site.build().page("index.html").get_text()
    assert "no targets are out of date" in site.build().status


CALLED = """\
import os
import torch

def build():
    return torch.nn.Linear(4, 3)

def make():
    {}
    return torch.zeros(1, 4)
"""


@pytest.mark.parametrize(
    "directive",
    [".. model-structure:: called:build\n   :inputs: called:make\n", ":macs:`called:build inputs=called:make`"],
)
def test_page_is_read_in_each_build_while_the_call_of_a_model_ends_its_process(make_site, directive):
    site = make_site({"index.rst": f"M\n=\n\n{directive}\n", "src/called.py": CALLED.format("os._exit(3)")})
    for _ in range(2):
        assert "could not be called" in site.build().warnings
    site.write("src/called.py", CALLED.format(""))
    fixed = site.build()
    assert fixed.warnings == ""
    assert re.search(r"\b12\b", fixed.page("index.html").get_text())
    assert "no targets are out of date" in site.build().status


FOUND = """\
from torch import nn
try:
    from optional import WIDTH
except ImportError:
    WIDTH = 3

def build(width=0):
    return nn.Linear(width or WIDTH, 1)
"""


def test_page_follows_the_pyproject_that_applies_to_it(make_site):
    site = make_site({"index.rst": "M\n=\n\n.. model-structure:: found:build\n", "src/found.py": FOUND})
    (site.folder.parent / "other").mkdir()
    (site.folder.parent / "other" / "optional.py").write_text("WIDTH = 4\n")
    outer = site.folder.parent / "pyproject.toml"

    def width():
        return re.search(r"\[1, (\d+)\]", site.build().trees("index.html")[0].get_text())[1]

    outer.write_text("[project]\nname = 'a'\n")
    assert width() == "3"
    outer.write_text("[tool.bmvis]\npath = ['other']\n")
    assert width() == "4"
    outer.write_text("[tool.bmvis.models]\nnet = 'found:build'\n")
    assert width() == "3"
    site.write("pyproject.toml", "[tool.bmvis.arguments]\n'found:*' = 'width=5'\n")
    assert width() == "5"
    (site.folder / "pyproject.toml").unlink()
    assert width() == "3"
    assert "no targets are out of date" in site.build().status


GENERATES = """
def generate(app, env, docnames):
    width = (app.srcdir / "width").read_text()
    code = f"from torch import nn\\ndef build(): return nn.Linear({width}, 1)\\n"
    (app.srcdir / "src" / "generated.py").write_text(code)

def setup(app):
    app.connect("env-before-read-docs", generate)
"""


def test_page_shows_code_that_an_extension_writes_before_pages_are_read(make_site):
    page = "M\n=\n\n.. model-structure:: generated:build\n"
    site = make_site({"index.rst": page, "other.rst": ":orphan:\n\nO\n=\n", "width": "3"})
    site.write("conf.py", (site.folder / "conf.py").read_text() + GENERATES)
    for width in "345":
        site.write("width", width)
        assert f"[1, {width}]" in site.build().trees("index.html")[0].get_text()
    assert "no targets are out of date" in site.build().status
