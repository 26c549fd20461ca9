"""Texts on pages contain no paths or addresses of the build machine."""

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

import bmvis
from bmvis.errors import FactoryError
from bmvis.source.portable import portable_error, portable_text
from bmvis.source.source import Source


@pytest.fixture
def project(tmp_path) -> Path:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "docs").mkdir()
    return tmp_path / "repo"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('File "{project}/src/zoo.py", line 3', 'File "src/zoo.py", line 3'),
        ("searched {project}, {project}/src", "searched ., src"),
        ("{project}-other/x", "<tmp>/{rest}-other/x"),
        ("{installed}/torch/nn/linear.py", "torch/nn/linear.py"),
        ("/opt/any/lib/python3.12/site-packages/timm/x.py", "timm/x.py"),
        ("/usr/lib/python3.12/json/decoder.py", "json/decoder.py"),
        ("{prefix}/bin/python", "<python>/bin/python"),
        ("{tmp}/abc", "<tmp>/abc"),
        ("{tmp}/bmvis-abcd_123/tmp/abc, {tmp}/bmvis-abcd_123/tmp", "<tmp>/abc, <tmp>"),
        ("{home}/.cache/x", "~/.cache/x"),
        ("file://{home}/x, file://{project}/y.py", "file://~/x, file://y.py"),
        ("gcc -I{home}/include -L{prefix}/lib", "gcc -I~/include -L<python>/lib"),
        ("/{home}/x, //{project}/y.py", "~/x, y.py"),
        ("https:/{home}/x, see{home}/x", "https:/{home}/x, see{home}/x"),
        ("{bmvis}/child/server.py", "bmvis/child/server.py"),
        ("<object object at 0x7f12a0b3c4d0>", "<object object at 0x…>"),
        ("a/b {relative}", "a/b {relative}"),
    ],
)
def test_paths_are_shortened(text, shown, project, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    names = {
        "project": project,
        "installed": sysconfig.get_path("purelib"),
        "prefix": sys.prefix,
        "tmp": tempfile.gettempdir(),
        "home": "/home/somebody",
        "rest": os.path.relpath(project, tempfile.gettempdir()),
        "relative": "src/zoo.py",
        "bmvis": bmvis.__path__[0],
    }
    assert portable_text(text.format(**names), project / "docs") == shown.format(**names)


def test_paths_in_uris_are_shortened(project, monkeypatch):
    monkeypatch.setenv("HOME", "/home/some bödy")
    assert portable_text("see file:///home/some%20b%C3%B6dy/x", project) == "see file://~/x"


def test_error_keeps_its_class(project):
    error = portable_error(FactoryError("a", hint=f"in {project}/b", detail=f"{project}/c"), project)
    assert (type(error), error.message, error.hint, error.detail) == (FactoryError, "a", "in b", "c")


def test_no_text_of_a_model_has_a_path_of_the_machine(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.bmvis.models]\nnet = 'zoo:build'\n")
    (tmp_path / "zoo.py").write_text(
        "import os, torch\n"
        "from torch import nn\n"
        "class Net(nn.Linear):\n"
        "    path = __file__\n"
        "    def forward(self, x): raise ValueError(__file__)\n"
        "    extra_repr = lambda self: f'file={__file__}, lib={torch.__file__}, home={os.path.expanduser(\"~\")}/x'\n"
        "def build():\n"
        "    net = Net(3, 2); net.file = __file__\n"
        "    return nn.Sequential(net, nn.ReLU())\n"
    )
    with Source(tmp_path, path=["."]) as source:
        models = [source.resolve("zoo:build").model, source.build("net").model]
        models += [source.resolve("zoo:build", inputs="float32[1, 3]", figure=True).model]
        models += [source.resolve("zoo:build", figure=True).model]
    for model in models:
        assert model.modules[1].extra_repr == "file=zoo.py, lib=torch/__init__.py, home=~/x"
        assert str(tmp_path) not in repr(model)
