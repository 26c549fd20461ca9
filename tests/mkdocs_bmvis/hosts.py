"""Build sites with the real programs, each in a process of its own."""

import atexit
import json
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

from mkdocs_bmvis.settings import CACHE

SITE = Path(__file__).parents[1] / "sites" / "markdown"
IS_OLD = version("mkdocs").startswith("1.5.")
needs_new_mkdocs = pytest.mark.skipif(
    IS_OLD, reason="MkDocs 1.5 makes no pages, and lets no plugin come before and after"
)
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


def build(host: str, folder: Path, *arguments: str, config: str = "mkdocs.yml") -> Build:
    """Build the site in `folder`."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("run_host.py")), host, "build", "-f", config, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    log, _, report = done.stdout.rstrip().rpartition("\n")
    assert report.startswith("{"), done.stdout
    if (folder / CACHE).is_dir():
        _copy_models(folder / CACHE, _shared_cache())
    return Build(folder, _COLOUR.sub("", log), json.loads(report))
