"""A build that a signal ends at any time leaves no process and no temporary file, and the next build is right.

`make test-interrupted` sets `BMVIS_INTERRUPTIONS` to 40. The times are random, with a seed for each case.
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from pythons import TORCH_PYTHON
from waiting import PATIENCE, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")

COUNT = int(os.environ.get("BMVIS_INTERRUPTIONS", "4"))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
COMMANDS = {
    "sphinx": ["sphinx", "-q", "-b", "html", "docs", "_build"],
    "mkdocs": ["mkdocs", "build", "-q"],
    "check": ["bmvis", "check"],
}
HOST_SETTINGS = {
    "docs/conf.py": "extensions = ['sphinx_bmvis']\nbmvis_path = ['../src']\nhtml_theme = 'basic'\n",
    "mkdocs.yml": (
        "site_name: S\nplugins:\n  - bmvis:\n"
        f"      path: [src]\n      python: {TORCH_PYTHON}\nuse_directory_urls: false\ndocs_dir: pages\n"
    ),
    "pyproject.toml": "[tool.bmvis]\npath = ['src']\n[tool.bmvis.models]\n"
    + "".join(f"m{number} = 'zoo:build(width={number})'\n" for number in (2, 3, 4)),
}
ZOO = """
import subprocess, tempfile
from torch import nn

def build(width):
    if width == 3:  # a factory with a process, and a temporary file of its own
        with tempfile.NamedTemporaryFile(prefix="factory-") as file:
            file.write(b"3")
            subprocess.run(["sleep", "0.2"], start_new_session=True)
    return nn.Sequential(nn.Linear(width, width), nn.ReLU())
"""


def make_project(root):
    files = dict(HOST_SETTINGS) | {"src/zoo.py": ZOO, "pages/index.md": "# I\n"}
    files["docs/index.rst"] = "I\n=\n\n.. toctree::\n   :glob:\n\n   m*\n"
    for number in (2, 3, 4):
        files[f"docs/m{number}.rst"] = f"M\n=\n\n.. model-structure:: m{number}\n"
        files[f"pages/m{number}.md"] = f'# M\n\n<model-structure factory="m{number}" />\n'
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def start(root, command):
    """Start a command, with all signals at their defaults: a test run in the background ignores some."""
    return subprocess.Popen(
        [sys.executable, "-m", *COMMANDS[command], *(["-a"] if lacks_search_index(root, command) else [])],
        cwd=root,
        env=os.environ
        | {
            "TMPDIR": str(root / "tmp"),
            "PROJECT_OF_TEST": str(root),
            "SOURCE_DATE_EPOCH": "1",
            "NO_MKDOCS_2_WARNING": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in SIGNALS if each != signal.SIGKILL],
    )


def lacks_search_index(root, command):
    """Return whether Sphinx wrote pages without a search index: its next build then fails, also without extensions."""
    written = root / "_build"
    return command == "sphinx" and any(written.glob("*.html")) and not (written / "searchindex.js").exists()


def build(root, command):
    """Build to the end; return the duration, and the output with a digest of each written file."""
    started = time.monotonic()
    process = start(root, command)
    output = process.communicate(timeout=PATIENCE)[0].decode()
    assert process.returncode == 0, output
    folder = root / {"sphinx": "_build", "mkdocs": "site", "check": "snapshots"}[command]
    files = [file for file in folder.rglob("*") if file.is_file() and ".doctrees" not in file.parts]
    kept = [file for file in files if file.name not in (".buildinfo", "sitemap.xml.gz")]
    digests = {str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in kept}
    return time.monotonic() - started, (output, digests)


def processes_of(root):
    """Return the command lines of the processes that a build in `root` has started, and that run."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"PROJECT_OF_TEST={root}".encode() in (place / "environ").read_bytes().split(b"\0"):
                found.append((place / "cmdline").read_bytes())
        except OSError:
            continue  # it has just ended
    return found


@pytest.fixture(scope="module")
def new_project(tmp_path_factory):
    pristine = tmp_path_factory.mktemp("pristine") / "project"
    make_project(pristine)
    (pristine / "tmp").mkdir()
    snapshot = [sys.executable, "-m", "bmvis", "snapshot"]
    subprocess.run(snapshot, cwd=pristine, check=True, capture_output=True)
    return lambda: Path(shutil.copytree(pristine, tmp_path_factory.mktemp("case") / "project"))


@pytest.fixture(scope="module")
def clean(new_project):
    """Return the duration and the result of a clean build by each command, when first needed."""
    return cache(lambda command: build(new_project(), command))


def temporary_files(root):
    return [file.name for file in (root / "tmp").iterdir()]


@pytest.mark.parametrize("number", range(COUNT))
def test_nothing_remains_of_an_interrupted_build(number, new_project, clean):
    command, sent = list(COMMANDS)[number % 3], SIGNALS[number // 3 % 4]
    duration, expected = clean(command)
    root = new_project()
    process = start(root, command)
    time.sleep(random.Random(number).uniform(0, duration))
    process.send_signal(sent)
    process.communicate(timeout=PATIENCE)
    assert wait_until(lambda: not processes_of(root)), processes_of(root)
    assert sent == signal.SIGKILL or wait_until(lambda: not temporary_files(root))
    assert build(root, command)[1] == expected
    assert temporary_files(root) == []
