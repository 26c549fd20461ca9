"""Pages are up to date: a table of edits between two builds, on both hosts.

One site has a page for each row. It is built, built again unchanged, edited in all rows, and built twice again.
"""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pythons import TORCH_PYTHON

HEAD = """\
import json, os, sys
from pathlib import Path
from torch import nn
ROOT = Path(__file__).parents[1]
"""


@dataclass(frozen=True)
class Row:
    """One model of width 3. The edit makes it 4, or, where a row must not be stale, changes nothing."""

    build: str
    """Body of the factory, after which `width` is set."""
    edit: Callable[[Path], object]
    files: dict[str, str] = field(default_factory=dict)
    is_stale: bool = True


def write(name: str, text: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    return edit


def write_at_the_same_time(name: str, text: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        before = (root / name).stat()
        (root / name).write_text(text)
        os.utime(root / name, ns=(before.st_atime_ns, before.st_mtime_ns))

    return edit


def write_older(name: str, text: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        (root / name).write_text(text)
        os.utime(root / name, (1e9, 1e9))

    return edit


def point_elsewhere(root: Path) -> None:
    (root / "data/link.json").unlink()
    (root / "data/link.json").symlink_to("four.json")


def bump_version(root: Path) -> None:
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace('version = "1"', 'version = "2"'))


STALE = {
    "entry in pyproject": Row("width = width_given", lambda root: rename(root, "width_given=3", "width_given=4")),
    "exec of a file": Row(
        "ns = {}; exec(open(ROOT / 'data/cfg.py').read(), ns); width = ns['W']",
        write("data/cfg.py", "W = 4"),
        {"data/cfg.py": "W = 3"},
    ),
    "spec from a file": Row(
        """
        import importlib.util
        spec = importlib.util.spec_from_file_location("anything", ROOT / "data/spec.py")
        module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); width = module.W
        """,
        write("data/spec.py", "W = 4"),
        {"data/spec.py": "W = 3"},
    ),
    "runpy": Row(
        "import runpy; width = runpy.run_path(str(ROOT / 'data/run.py'))['W']",
        write("data/run.py", "W = 4"),
        {"data/run.py": "W = 3"},
    ),
    "import without globals": Row(
        "width = __import__('plain_helper').W", write("src/plain_helper.py", "W = 4"), {"src/plain_helper.py": "W = 3"}
    ),
    "locate by name": Row(
        "import pydoc; width = pydoc.locate('located_helper.W')",
        write("src/located_helper.py", "W = 4"),
        {"src/located_helper.py": "W = 3"},
    ),
    "import_module of an import": Row(
        "import importlib; width = importlib.import_module('outer_helper').W",
        write("src/inner_helper.py", "W = 4"),
        {"src/outer_helper.py": "from inner_helper import W", "src/inner_helper.py": "W = 3"},
    ),
    "open of a missing file": Row(
        """
        try: width = json.load(open(ROOT / "data/late_open.json"))
        except OSError: width = 3
        """,
        write("data/late_open.json", "4"),
    ),
    "exists": Row("width = 4 if Path(ROOT / 'data/late.txt').exists() else 3", write("data/late.txt", "")),
    "isfile": Row("width = 4 if os.path.isfile(f'{ROOT}/data/late2.txt') else 3", write("data/late2.txt", "")),
    "isdir": Row("width = 4 if os.path.isdir(f'{ROOT}/late_folder') else 3", write("late_folder/any.txt", "")),
    "access": Row("width = 4 if os.access(ROOT / 'data/late3.txt', os.R_OK) else 3", write("data/late3.txt", "")),
    "file that goes": Row(
        "width = 3 if (ROOT / 'data/goes.txt').is_file() else 4",
        lambda root: (root / "data/goes.txt").unlink(),
        {"data/goes.txt": ""},
    ),
    "failed import": Row(
        """
        try: from late_module import W as width
        except ImportError: width = 3
        """,
        write("src/late_module.py", "W = 4"),
    ),
    "failed import from a package": Row(
        """
        try: from some_package import late as found
        except ImportError: width = 3
        else: width = found.W
        """,
        write("src/some_package/late.py", "W = 4"),
        {"src/some_package/__init__.py": ""},
    ),
    "find_spec": Row(
        "import importlib.util; width = 4 if importlib.util.find_spec('late_spec') else 3",
        write("src/late_spec.py", ""),
    ),
    "module that shadows an installed one": Row(
        "import colorsys; width = getattr(colorsys, 'W', 3)",
        write("src/colorsys.py", "W = 4"),
    ),
    "namespace package that gets an __init__": Row(
        "import some_namespace; width = getattr(some_namespace, 'W', 3)",
        write("src/some_namespace/__init__.py", "W = 4"),
        {"src/some_namespace/module.py": ""},
    ),
    "listed folder": Row(
        "width = len(os.listdir(ROOT / 'listed'))", write("listed/d", ""), {f"listed/{name}": "" for name in "abc"}
    ),
    "globbed folder": Row(
        "width = len(list((ROOT / 'globbed').rglob('*.txt')))",
        write("globbed/deep/d.txt", ""),
        {f"globbed/deep/{name}.txt": "" for name in "abc"},
    ),
    "file outside the site": Row(
        "width = json.load(open(ROOT / 'configs/x.json'))", write("configs/x.json", "4"), {"configs/x.json": "3"}
    ),
    "path as bytes": Row(
        "width = json.load(open(os.fsencode(ROOT / 'configs/bytes.json')))",
        write("configs/bytes.json", "4"),
        {"configs/bytes.json": "3"},
    ),
    "os.open": Row(
        "width = int(os.read(os.open(ROOT / 'configs/low.txt', os.O_RDONLY), 9))",
        write("configs/low.txt", "4"),
        {"configs/low.txt": "3"},
    ),
    "data of the same time": Row(
        "width = int((ROOT / 'data/same.txt').read_text())",
        write_at_the_same_time("data/same.txt", "4"),
        {"data/same.txt": "3"},
    ),
    "older data": Row(
        "width = int((ROOT / 'data/older.txt').read_text())",
        write_older("data/older.txt", "4"),
        {"data/older.txt": "3"},
    ),
    "module of the same time": Row(
        "from same_time import W as width",
        write_at_the_same_time("src/same_time.py", "W = 4"),
        {"src/same_time.py": "W = 3"},
    ),
    "older module": Row(
        "from older_module import W as width",
        write_older("src/older_module.py", "W = 4"),
        {"src/older_module.py": "W = 3"},
    ),
    "link that leads elsewhere": Row(
        "width = json.load(open(ROOT / 'data/link.json'))",
        point_elsewhere,
        {"data/three.json": "3", "data/four.json": "4"},
    ),
    "resolved link that leads elsewhere": Row(
        "width = json.loads((ROOT / 'data/link.json').resolve().read_text())", lambda root: None
    ),
    "edit by hand of a written file": Row(
        """
        file = ROOT / "data/state.txt"
        if not file.exists(): file.write_text("3")
        width = int(file.read_text())
        """,
        write("data/state.txt", "4"),
    ),
}

FRESH = {
    "counter": Row(
        """
        file = ROOT / "data/counter.txt"
        count = int(file.read_text()) if file.exists() else 0
        file.write_text(str(count + 1)); width = 3
        """,
        lambda root: None,
        is_stale=False,
    ),
    "log": Row("open(ROOT / 'data/run.log', 'a').write('ran'); width = 3", lambda root: None, is_stale=False),
    "temporary folder in the project": Row(
        """
        import tempfile
        with tempfile.TemporaryDirectory(dir=ROOT / "data") as folder:
            Path(folder, "a.yml").write_text("3"); width = int(Path(folder, "a.yml").read_text())
        """,
        lambda root: None,
        is_stale=False,
    ),
    "numbered folder": Row(
        """
        logs = ROOT / "lightning_logs"; logs.mkdir(exist_ok=True)
        version = len(os.listdir(logs)); (logs / f"version_{version}").mkdir()
        (logs / f"version_{version}" / "hparams.yaml").write_text(str(version)); width = 3
        """,
        lambda root: None,
        is_stale=False,
    ),
    "download cache": Row(
        """
        file = ROOT / "downloads/w.bin"
        if not file.exists(): file.parent.mkdir(exist_ok=True); file.write_bytes(b"w")
        width = 2 + len(file.read_bytes())
        """,
        lambda root: None,
        is_stale=False,
    ),
    "version of the project": Row("width = 3", bump_version, is_stale=False),
    "time of a file": Row(
        "width = int((ROOT / 'data/touched.txt').read_text())",
        lambda root: os.utime(root / "data/touched.txt"),
        {"data/touched.txt": "3"},
        is_stale=False,
    ),
    "another file": Row("width = 3", write("src/unrelated.py", "X = 1"), {"src/unrelated.py": "X = 0"}, is_stale=False),
}
ROWS = STALE | FRESH
HOSTS = ("sphinx", "mkdocs")


def rename(root: Path, old: str, new: str) -> None:
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace(old, new))


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
    (root / ".git").mkdir()
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
        [sys.executable, "-m", *command], cwd=root / "site", capture_output=True, text=True, check=False, timeout=900
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
