"""Where the reports of `bmvis check` mark a model that cannot be built."""

import json
import re

import pytest
from commands import bmvis

from bmvis.cli.failure_places import failure_place
from bmvis.errors import FactoryError
from bmvis.source.pyproject import read_project

ZOO = """\
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, "4")

def net():
    return Net()

def raises():
    raise ValueError("no weights")
"""
PYPROJECT = """\
[tool.bmvis]
path = ["src"]

[tool.bmvis.models]
inner = "pkg.zoo:net"
raises = "pkg.zoo:raises"
"with.dot" = "pkg.zoo:none"
syntax = "wrong:net"

[tool.bmvis.models.table]
reference = "pkg.zoo:nothing"
"""
PLACES = {
    "inner": ("sub/src/pkg/zoo.py", 6),
    "raises": ("sub/src/pkg/zoo.py", 12),
    "syntax": ("sub/src/wrong.py", 2),
    "table": ("sub/pyproject.toml", 10),
    "with.dot": ("sub/pyproject.toml", 7),
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The project is in a folder of a repository, and the reports have paths from the root of the repository."""
    root = tmp_path_factory.mktemp("repository")
    (root / ".git").mkdir()
    package = root / "sub" / "src" / "pkg"
    package.mkdir(parents=True)
    (package / "zoo.py").write_text(ZOO)
    (package.parent / "wrong.py").write_text("\ndef net(:\n")
    (root / "sub" / "pyproject.toml").write_text(PYPROJECT)
    return root


def test_each_report_marks_the_line_to_fix(repository):
    project = repository / "sub"
    report = bmvis(project, "check", "--format", "json").stdout
    found = {name: result["place"] for name, result in json.loads(report).items()}
    assert {name: (place["file"], place["line"]) for name, place in found.items()} == PLACES
    (project / "report.json").write_text(report)
    github = bmvis(project, "merge", "report.json", "--format", "github").stdout
    marked = re.findall(r"^::error file=(.+?),line=(\d+),title=([\w.]+)", github, re.MULTILINE)
    assert {name: (file, int(line)) for file, line, name in marked} == PLACES
    gitlab = json.loads(bmvis(project, "merge", "report.json", "--format", "gitlab").stdout)
    places = {(one["location"]["path"], one["location"]["lines"]["begin"]) for one in gitlab}
    sarif = json.loads(bmvis(project, "merge", "report.json", "--format", "sarif").stdout)["runs"][0]["results"]
    locations = [one["locations"][0]["physicalLocation"] for one in sarif]
    assert places == {*PLACES.values()}
    assert {(one["artifactLocation"]["uri"], one["region"]["startLine"]) for one in locations} == places


@pytest.mark.parametrize("frame", ["torch/nn/modules/linear.py", "/etc/hostname", "src/pkg/gone.py"])
def test_frame_outside_of_the_repository_is_not_marked(repository, frame):
    error = FactoryError("it raised", detail=f'  File "{frame}", line 3, in f')
    project = read_project(repository / "sub")
    assert failure_place(error, "raises", project) == (project.file, 6)
