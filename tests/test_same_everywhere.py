"""Two clean builds of one site are byte-identical, independent of the settings of the machine, even if models fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pythons import TORCH_PYTHON

ZOO = """
import os, tempfile
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        for name in sorted({"query", "key", "value", "output"}):
            self.add_module(name, nn.Linear(4, 4))
        self.proj = self.key
        self.tied = nn.Linear(4, 4)
        self.tied.weight = self.query.weight

def build(): return Net()
def big(): return nn.Sequential(*[Net() for _ in range(3)], nn.BatchNorm1d(4))
def fails_with_path():
    raise ValueError(f"cannot read {__file__} or {os.path.expanduser('~/x')} or {tempfile.gettempdir()}/y")
def fails_in_torch(): return nn.Linear(-1, 2)
def fails_with_object(): raise ValueError(f"bad {object()} and {build}")
def fails_as_function(): return open
def exits(): raise SystemExit(3)
def dies(): print("at", __file__, flush=True); os._exit(7)
def no_forward(): return Net()
"""
UNICODE = """
from pathlib import Path
from torch import nn

class Größe(nn.Module):
    def __init__(self):
        super().__init__()
        folder = Path(__file__).with_name("größen")
        self.schicht_ä = nn.Linear(int(open(folder / "brëite.txt").read().split("=")[1]), len(list(folder.iterdir())))

    def extra_repr(self): return "日本"

def build(): return Größe()
def fails(): raise ValueError(f"日本: {__file__}")
"""
"""Names and files that only UTF-8 has: another locale decodes them in another way."""
FACTORIES = (
    *(
        "zoo:build",
        "zoo:big",
        "zoo:fails_with_path",
        "zoo:fails_in_torch",
        "zoo:fails_with_object",
        "zoo:exits",
        "zoo:dies",
    ),
    *("zoo:fails_as_function", "zoo:missing", "missing:build", "named", "unnamed", "checkpoint:missing.safetensors"),
    *("config:missing", "zöo:build", "zöo:fails"),
)
RST = "\n".join(f".. model-structure:: {factory}\n" for factory in FACTORIES)
MARKDOWN = "\n".join(f'<model-structure factory="{factory}" />\n' for factory in FACTORIES)
PAGES = {
    "src/zoo.py": ZOO,
    "src/zöo.py": UNICODE,
    "src/größen/brëite.txt": "brëite=4",
    "pyproject.toml": "[tool.bmvis]\npath = ['src']\n[tool.bmvis.models]\nnamed = 'zoo:build'\n",
    "docs/conf.py": "import sys; sys.path.insert(0, '../src')\nextensions = ['sphinx_bmvis']\nhtml_theme = 'basic'\n",
    "docs/index.rst": f"Index\n=====\n\n{RST}\n.. model-structure:: zoo:no_forward\n   :inputs: float32[1, 4]\n\n"
    ".. model-gallery:: zoo:*\n\n.. toctree::\n\n   other\n",
    "docs/other.rst": "Other\n=====\n\n.. model-structure:: zoo:big\n   :name: big\n\n:module:`big:0.query`\n",
    "site/mkdocs.yml": f"site_name: S\nplugins:\n  - bmvis:\n      path: [../src]\n      python: {TORCH_PYTHON}\n",
    "site/docs/index.md": f"# Index\n\n{MARKDOWN}\n"
    '<model-structure factory="zoo:no_forward" inputs="float32[1, 4]" />\n\n<model-gallery models="zoo:*" />\n',
}
HERE = {"SOURCE_DATE_EPOCH": "1", "PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
THERE = {
    "SOURCE_DATE_EPOCH": "1",
    "PYTHONHASHSEED": "77",
    "TZ": "Asia/Kathmandu",
    "COLUMNS": "40",
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",  # Python then uses ASCII, not UTF-8
}
COMMANDS = {
    "sphinx": ("docs", ["sphinx", "-b", "html", ".", "out"], ["sphinx", "-b", "html", "-j", "2", ".", "out"]),
    "mkdocs": ("site", ["mkdocs", "build", "-d", "out"], ["mkdocs", "build", "-d", "out"]),
}


def built(folder: Path, command: list[str], cwd: str, environment: dict[str, str]) -> dict[str, bytes]:
    for name, text in PAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder / cwd,
        env=os.environ | environment,
        capture_output=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    out = folder / cwd / "out"
    shutil.rmtree(out / ".doctrees", ignore_errors=True)
    kept = [file for file in sorted(out.rglob("*")) if file.suffix in (".html", ".css", ".js", ".inv", ".json")]
    return {file.relative_to(out).as_posix(): file.read_bytes() for file in kept}


@pytest.mark.parametrize("host", COMMANDS)
def test_builds_are_identical(host, tmp_path):
    cwd, first, second = COMMANDS[host]
    here = built(tmp_path / "a", first, cwd, HERE)
    there = built(tmp_path / "b" / "élsewhere 日本", second, cwd, THERE)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
    assert b"bmvis" in here["index.html"]
    for content in here.values():
        for folder in (tmp_path, Path(sys.prefix), Path.home()):
            assert str(folder).encode() not in content
