"""`--changed-since`: models whose files did not change are left out, and in doubt they are not."""

import shutil
import subprocess

import pytest

from bmvis.errors import SnapshotError
from bmvis.source.changed_models import ChangedModels
from bmvis.source.pyproject import read_project

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")
FILES = {
    "pyproject.toml": """[tool.bmvis]
path = ["src"]
[tool.bmvis.models]
bert = "zoo.bert:build"
cnn = "zoo.cnn:build"
file = "checkpoint:weights/net.safetensors"
""",
    "src/zoo/__init__.py": "",
    "src/zoo/bert.py": "import torch\nfrom . import layers\nfrom zoo.common.sizes import WIDTH\n",
    "src/zoo/layers.py": "from torch import nn\n",
    "src/zoo/cnn.py": "def build():\n    from .conv import block\n",
    "src/zoo/conv.py": "",
    "src/zoo/common/__init__.py": "",
    "src/zoo/common/sizes.py": "WIDTH = 3\n",
    "src/zoo/other.py": "",
    "weights/net.safetensors": "x",
    "README.md": "",
    "snapshots/bert.json": "{}",
    "snapshots/cnn.json": "{}",
}


@pytest.fixture
def make_project(tmp_path):
    """Return a function that makes a repository with one commit."""

    def make(files, links=()):
        folder = tmp_path / "project"
        for name, text in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        for name in links:
            (folder / name).symlink_to(links[name])
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
        for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "all"]):
            subprocess.run(["git", *command], cwd=folder, check=True)
        return folder

    return make


@pytest.fixture
def project(make_project):
    return make_project(FILES)


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("README.md", "new", []),
        ("src/zoo/other.py", "new", []),
        ("src/zoo/bert.py", "new", ["bert"]),
        ("src/zoo/layers.py", "new", ["bert"]),
        ("src/zoo/common/sizes.py", "new", ["bert"]),
        ("src/zoo/conv.py", "new", ["cnn"]),
        ("src/zoo/conv.py", None, ["cnn"]),
        ("src/zoo/layers/__init__.py", "new", ["bert"]),
        ("src/zoo/__init__.py", "new", ["bert", "cnn"]),
        ("src/torch.py", "new", ["bert"]),
        ("src/zoo/cnn.py", "import importlib\nimportlib.import_module('zoo.x')", ["cnn"]),
        ("src/zoo/cnn.py", "not Python!", ["cnn"]),
        ("weights/net.safetensors", "new", ["bert", "cnn", "file"]),
        ("data.csv", "new", ["bert", "cnn", "file"]),
        ("pyproject.toml", FILES["pyproject.toml"] + "\n", ["bert", "cnn", "file"]),
        ("snapshots/cnn.json", "{} ", ["cnn"]),
    ],
)
def test_models_of_changed_files(project, name, text, changed):
    file = project / name
    if text is None:
        file.unlink()
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    found = ChangedModels(read_project(project), "HEAD")
    assert [model for model in ("bert", "cnn", "file") if found.has(model)] == changed


@pytest.mark.parametrize(
    ("code", "is_changed"),
    [
        ("from importlib import import_module as load\nload('x')", True),
        ("import importlib.util\nimportlib.util.spec_from_file_location('x', PATH)", True),
        ("import subprocess\nsubprocess.run(COMMAND)", True),
        ("from subprocess import check_output", True),
        ("import os\nos.system(COMMAND)", True),
        ("import platform\nplatform.system()", False),
        ("getattr(importlib, 'import_module')(NAME)", True),
        ("open('tools/other.py')", True),
        ("import sys\nsys.path.append('tools')\nimport package", True),
        ("from package import other", True),
        ("import os\nos.path.join('a', 'b')", False),
        ('def build():\n    "Build no other model."', False),
        ("ANOTHER = 'others'  # other", False),
    ],
)
def test_module_that_can_load_a_changed_file_in_another_way_counts(project, code, is_changed):
    (project / "src/zoo/cnn.py").write_text(code)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "commit", "-qam", "two"], cwd=project, check=True)
    (project / "tools").mkdir()
    (project / "tools/other.py").write_text("W = 4")
    assert ChangedModels(read_project(project), "HEAD").has("cnn") == is_changed


@pytest.mark.parametrize(
    ("code", "is_changed"),
    [
        ("import lazy_loader\n__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ['conv'])", True),
        ("NETS = Registry('net', locations=['zoo.conv'])", True),
        ("load('zoo.conv:block')", True),
        ("__all__ = ['conv']", True),
        ("load('zoo.convolution')", False),
        ("print('conv of zoo')", False),
    ],
)
def test_module_that_a_text_names_counts_with_its_imports(make_project, code, is_changed):
    project = make_project({**FILES, "src/zoo/cnn.py": code, "src/zoo/conv.py": "from .other import W\n"})
    (project / "src/zoo/other.py").write_text("W = 4")
    assert ChangedModels(read_project(project), "HEAD").has("cnn") == is_changed


def test_a_module_that_imports_by_name_depends_on_all_modules(project):
    (project / "src/zoo/conv.py").write_text("from importlib import import_module\nimport_module('zoo.other')\n")
    subprocess.run(["git", "add", "-A"], cwd=project, check=True)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "commit", "-qm", "more"], cwd=project, check=True)
    (project / "src/zoo/other.py").write_text("new")
    found = ChangedModels(read_project(project), "HEAD")
    assert [found.has(name) for name in ("bert", "cnn")] == [False, True]


ELSEWHERE = {
    "pyproject.toml": "[tool.bmvis.models]\nnet = 'elsewhere.nets:build'\n"
    "other = {reference = 'elsewhere.other:build', inputs = 'elsewhere.inputs:make'}\n",
    "src/elsewhere/__init__.py": "",
    "src/elsewhere/nets.py": "from .parts import W\nimport shared.sizes\n",
    "src/elsewhere/parts.py": "W = 3\n",
    "src/elsewhere/other.py": "",
    "src/elsewhere/inputs.py": "",
    "libs/shared/src/shared/sizes.py": "W = 3\n",
    "libs/unused/src/unused/widths.py": "W = 3\n",
}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("src/elsewhere/nets.py", ["net"]),
        ("src/elsewhere/parts.py", ["net"]),
        ("src/elsewhere/parts/__init__.py", ["net"]),
        ("src/elsewhere/__init__.py", ["net", "other"]),
        ("src/elsewhere/other.py", ["other"]),
        ("src/elsewhere/inputs.py", ["other"]),
        ("libs/shared/src/shared/sizes.py", ["net"]),
        ("libs/shared/src/shared/__init__.py", ["net"]),
        ("libs/unused/src/unused/widths.py", []),
        ("other.py", []),
    ],
)
def test_models_of_packages_that_are_installed_as_editable(make_project, name, changed):
    project = make_project(ELSEWHERE)
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).write_text("new")
    found = ChangedModels(read_project(project), "HEAD")
    assert [model for model in ("net", "other") if found.has(model)] == changed


def test_modules_behind_a_link(make_project, tmp_path):
    pyproject = "[tool.bmvis]\npath = ['src']\n[tool.bmvis.models]\nnet = 'zoo.parts:build'\n"
    files = {"pyproject.toml": pyproject, "impl/__init__.py": "", "impl/parts.py": "", "src/.keep": ""}
    project = make_project(files, links={"src/zoo": "../impl"})
    (tmp_path / "home").symlink_to(project)
    for folder in (project, tmp_path / "home"):
        assert not ChangedModels(read_project(folder), "HEAD").has("net")
    (project / "impl/parts.py").write_text("new")
    for folder in (project, tmp_path / "home"):
        assert ChangedModels(read_project(folder), "HEAD").has("net")


def test_an_unknown_revision_is_an_error(project):
    with pytest.raises(SnapshotError, match="no git revision"):
        ChangedModels(read_project(project), "nowhere")
