"""Build sites with the real programs, each build in a process of its own: a fork of one that has imported the host."""

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from pythons import TORCH_PYTHON
from run_host import decoded, encoded

from bmvis.errors import WorkerError
from bmvis.worker import client
from bmvis.worker.fork_server import ForkServer
from mkdocs_bmvis.settings import CACHE

SITE = Path(__file__).parents[1] / "sites" / "markdown"
IS_OLD = version("mkdocs").startswith("1.5.")
needs_new_mkdocs = pytest.mark.skipif(
    IS_OLD, reason="MkDocs 1.5 makes no pages, and lets no plugin come before and after"
)
PROPERDOCS = pytest.param("properdocs", marks=pytest.mark.builds)
"""A fork of MkDocs with the same plugins and the same server; `make test` builds one site with it."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Build:
    folder: Path
    log: str
    report: dict

    @property
    def workers(self) -> list[int]:
        """Return the worker processes that outlived the build."""
        return [pid for pid in self.report["workers"] if Path(f"/proc/{pid}/status").exists()]

    def page(self, uri: str) -> BeautifulSoup:
        return BeautifulSoup((self.folder / "site" / uri).read_text(), "html5lib")

    def text(self, uri: str) -> str:
        return (self.folder / "site" / uri).read_text()


def make_site(folder: Path, pages: dict[str, str] | None = None, change=None, *, shares_models: bool = True) -> Path:
    """Copy the small site to `folder`; add pages, and let `change` edit its configuration.

    With `shares_models`, the site has the cached models of the sites before, as far as they have the same sources.
    """
    shutil.copytree(SITE, folder, dirs_exist_ok=True)
    if shares_models:
        _copy_models(_shared_cache(), folder / CACHE)
    config = yaml.safe_load((folder / "mkdocs.yml").read_text())
    config["markdown_extensions"][-1]["mkdocs_bmvis"]["python"] = TORCH_PYTHON
    if IS_OLD:
        del config["validation"]["links"]  # it validates no anchors
    for uri, text in (pages or {}).items():
        place = folder / "docs" / uri
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        if uri.endswith(".md") and uri not in config["nav"]:
            config["nav"].append(uri)
    if change:
        change(config)
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    return folder


@cache
def _shared_cache() -> Path:
    """Return a folder for the models of all sites of this test run."""
    folder = tempfile.mkdtemp(prefix="bmvis-models-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _copy_models(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.glob("*.bmvis"):
        shutil.copyfile(entry, target / entry.name)


class _Host:
    """A process that runs the builds of a host in forks.

    It ends with this one: its input ends.
    """

    def __init__(self, host: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="bmvis-host-"))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        command = [sys.executable, str(Path(__file__).with_name("run_host.py")), host, str(self._folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, arguments: list[str], folder: Path, *, own_workers: bool, own_imports: bool) -> str:
        """Return the output of a build."""
        output = self._folder / "output"
        output.write_text("")
        request = {
            "arguments": arguments,
            "cwd": str(folder),
            "environment": {**os.environ},
            "output": str(output),
            "borrows_workers": not own_workers,
            "imports_bmvis": own_imports,
        }
        answer = self._ask(json.dumps(request))
        while answer.strip():
            answer = self._ask(_outcome(answer))
        assert answer, f"the process ended with {self._process.wait()}"
        return output.read_text()

    def _ask(self, line: str) -> str:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def _outcome(asked: str) -> str:
    """Build a model in a worker of this process, and return how that ended, for the build that needs the model."""
    python, cwd, request = decoded(asked)
    server = client.ForkServer(python, cwd)
    try:
        return encoded((server.run(request), server.folder.path, None))
    except WorkerError as error:
        return encoded((None, None, error))
    finally:
        server.end()


_running_host = cache(lambda host, *_: _Host(host))
"""The process of a host, for one state of the variables that Python itself reads when it starts."""


def build(
    host: str,
    folder: Path,
    *arguments: str,
    config: str = "mkdocs.yml",
    own_workers: bool | None = None,
    own_imports: bool = False,
) -> Build:
    """Build the site in `folder`.

    As in use, builds with `own_workers` start worker processes, and those with `own_imports` import bmvis. Others use
    the workers of this process, and what the process of the host has imported, which takes a fraction of the time.
    """
    if own_workers is None:
        own_workers = client.ForkServer is ForkServer  # the fixture of this name has the same effect
    python = sorted((name, value) for name, value in os.environ.items() if name.startswith("PYTHON"))
    own_imports = own_imports or own_workers
    command = ["build", "-f", config, *arguments]
    output = _running_host(host, *python).run(command, folder, own_workers=own_workers, own_imports=own_imports)
    log, _, report = output.rstrip().rpartition("\n")
    assert report.startswith("{"), output
    if (folder / CACHE).is_dir():
        _copy_models(folder / CACHE, _shared_cache())
    return Build(folder, _COLOUR.sub("", log), json.loads(report))
