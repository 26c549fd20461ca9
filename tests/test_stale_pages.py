"""Pages are up to date: a table of edits between two builds, on both hosts.

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
from edits import (
    Row,
    bump_version,
    log_changes,
    point_elsewhere,
    write,
    write_at_the_same_time,
    write_database,
    write_older,
    write_weights,
)
from further_edits import FURTHER_FRESH, FURTHER_STALE, variables
from more_edits import MORE_FRESH, MORE_STALE
from process_edits import PROCESS_FRESH, PROCESS_STALE
from pythons import TORCH_PYTHON

HEAD = """\
import json, os, sys
from pathlib import Path
from torch import nn
ROOT = Path(__file__).parents[1]
"""

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
    "name that is not UTF-8": Row(
        "width = len(open(os.fsencode(ROOT / 'data') + b'/gr\\xf6\\xdfe.txt').read())",
        lambda root: Path(os.fsdecode(os.fsencode(root) + b"/data/gr\xf6\xdfe.txt")).write_text("four"),
        before=lambda root: Path(os.fsdecode(os.fsencode(root) + b"/data/gr\xf6\xdfe.txt")).write_text("odd"),
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
    "file below an open folder": Row(
        """
        folder = os.open(ROOT / "data", os.O_RDONLY)
        width = int(os.read(os.open("below.txt", os.O_RDONLY, dir_fd=folder), 9))
        """,
        write("data/below.txt", "4"),
        {"data/below.txt": "3"},
    ),
    "size below an open folder": Row(
        "width = os.stat('size.txt', dir_fd=os.open(ROOT / 'data', os.O_RDONLY)).st_size",
        write("data/size.txt", "aaaa"),
        {"data/size.txt": "aaa"},
    ),
    "walk through open folders": Row(
        "width = sum(len(files) for _, _, files, _ in os.fwalk(ROOT / 'walked'))",
        write("walked/deep/d", ""),
        {f"walked/deep/{name}": "" for name in "abc"},
    ),
    "module in a folder that the factory adds": Row(
        """
        sys.path.insert(0, str(ROOT / "vendor"))
        try: from late_vendored import W as width
        except ImportError: width = 3
        """,
        write("vendor/late_vendored.py", "W = 4"),
        {"vendor/other.py": ""},
    ),
    "package that shadows a module": Row(
        "from becomes_package import W as width",
        write("src/becomes_package/__init__.py", "W = 4"),
        {"src/becomes_package.py": "W = 3"},
    ),
    "package that shadows a submodule": Row(
        "from shadowed.part import W as width",
        write("src/shadowed/part/__init__.py", "W = 4"),
        {"src/shadowed/__init__.py": "", "src/shadowed/part.py": "W = 3"},
    ),
    "earlier folder of a package": Row(
        """
        import extended
        extended.__path__.insert(0, str(ROOT / "earlier"))
        from extended.part import W as width
        """,
        write("earlier/part.py", "W = 4"),
        {"earlier/other.txt": "", "src/extended/__init__.py": "", "src/extended/part.py": "W = 3"},
    ),
    "safetensors": Row(
        """
        from safetensors.torch import load_file
        width = load_file(ROOT / "data/w.safetensors", device="cpu")["w"].numel()
        """,
        write_weights("data/w.safetensors", 4),
        before=write_weights("data/w.safetensors", 3),
    ),
    "vocabulary": Row(
        """
        from tokenizers.models import WordLevel
        width = len(WordLevel.read_file(str(ROOT / "data/vocab.json")))
        """,
        write("data/vocab.json", '{"a": 0, "b": 1, "c": 2, "d": 3}'),
        {"data/vocab.json": '{"a": 0, "b": 1, "c": 2}'},
    ),
    "storage of torch": Row(
        "import torch; width = torch.UntypedStorage.from_file(str(ROOT / 'data/storage'), False, 1)[0]",
        write("data/storage", "\4"),
        {"data/storage": "\3"},
    ),
    "tensor of a file": Row(
        "import torch; width = int(torch.from_file(str(ROOT / 'data/tensor'), size=1, dtype=torch.uint8)[0])",
        write("data/tensor", "\4"),
        {"data/tensor": "\3"},
    ),
    "database by URI": Row(
        """
        import sqlite3
        opened = sqlite3.connect(f"file:{ROOT}/data/w.db?mode=ro", uri=True)
        width = opened.execute("SELECT w FROM t").fetchone()[0]
        """,
        write_database("data/w.db", 4),
        before=write_database("data/w.db", 3),
    ),
    "log of a database": Row(
        """
        import sqlite3
        opened = sqlite3.connect(ROOT / "data/logged.db"); width = opened.execute("SELECT w FROM t").fetchone()[0]
        """,
        log_changes("data/logged.db", 4),
        before=write_database("data/logged.db", 3),
    ),
    "argument of a command": Row(
        "import subprocess; width = int(subprocess.check_output(['cat', str(ROOT / 'data/cat.txt')]))",
        write("data/cat.txt", "4"),
        {"data/cat.txt": "3"},
    ),
    "argument of a shell command": Row(
        "width = int(os.popen(f'cat \"{ROOT}/data/shell.txt\"').read())",
        write("data/shell.txt", "4"),
        {"data/shell.txt": "3"},
    ),
    "argument below the folder of a command": Row(
        "import subprocess; width = int(subprocess.check_output(['cat', 'cwd.txt'], cwd=ROOT / 'data'))",
        write("data/cwd.txt", "4"),
        {"data/cwd.txt": "3"},
    ),
    "module of a script in another process": Row(
        "import subprocess; width = int(subprocess.check_output([sys.executable, str(ROOT / 'tools/script.py')]))",
        write("tools/script_helper.py", "W = 4"),
        {"tools/script.py": "import script_helper; print(script_helper.W)", "tools/script_helper.py": "W = 3"},
    ),
    "file that a fork reads": Row(
        """
        import multiprocessing
        context = multiprocessing.get_context("fork"); queue = context.SimpleQueue()
        def read(): queue.put(int((ROOT / "data/forked.txt").read_text()))
        process = context.Process(target=read); process.start(); width = queue.get(); process.join()
        """,
        write("data/forked.txt", "4"),
        {"data/forked.txt": "3"},
    ),
    "edit by hand of a written file": Row(
        """
        file = ROOT / "data/state.txt"
        if not file.exists(): file.write_text("3")
        width = int(file.read_text())
        """,
        write("data/state.txt", "4"),
    ),
    "comment that the factory counts": Row(
        "import inspect, counted_helper; width = len(inspect.getsource(counted_helper)) - 7",
        write("src/counted_helper.py", "W = 3 #new"),
        {"src/counted_helper.py": "W = 3 #no"},
    ),
    "docstring that the factory reads": Row(
        "import read_helper; width = len(read_helper.__doc__)",
        write("src/read_helper.py", '"four"\nW = 3'),
        {"src/read_helper.py": '"odd"\nW = 3'},
    ),
    **MORE_STALE,
    **FURTHER_STALE,
    **PROCESS_STALE,
}

FRESH = {
    "comment of a module": Row(
        "from commented_helper import W as width",
        write("src/commented_helper.py", "# new\nW  =  3"),
        {"src/commented_helper.py": "W = 3"},
        is_stale=False,
    ),
    "docstring of a module": Row(
        "from described_helper import W as width",
        write("src/described_helper.py", '"New."\nW = 3'),
        {"src/described_helper.py": '"Old."\nW = 3'},
        is_stale=False,
    ),
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
    "temporary file that is left": Row(
        """
        import tempfile
        folder = Path(tempfile.gettempdir()); found = os.listdir(folder)
        name = tempfile.NamedTemporaryFile(delete=False).name; width = len(Path(name).read_bytes()) + len(found) + 3
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
    "file that a command writes": Row(
        "os.system(f'date +%N > {ROOT}/data/written.txt'); width = 3",
        lambda root: None,
        {"data/written.txt": "3"},
        is_stale=False,
    ),
    "file next to distributions": Row(
        "import importlib.metadata; importlib.metadata.version('torch'); width = 3",
        write("src/next_to.txt", ""),
        is_stale=False,
    ),
    "folder with the name of an installed module": Row(
        "import csv; width = 3",
        write("src/csv/any.txt", ""),
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
    **MORE_FRESH,
    **FURTHER_FRESH,
    **PROCESS_FRESH,
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
        env=os.environ | {"TMPDIR": str(root / "data")} | variables(root),
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
