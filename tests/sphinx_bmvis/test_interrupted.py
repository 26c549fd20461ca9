"""Interrupted builds: after an end at any moment, the next build gives the pages of a clean build."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys

import pytest
from waiting import wait_until

INDEX = """\
Start
=====

.. model-structure:: zoo:tiny
   :name: tiny

.. model-gallery::
   :toctree: models

   zoo:tiny
   zoo:trained

.. toctree::

   other
   slow
"""
PAGES = {
    "index.rst": INDEX,
    "other.rst": "Other\n=====\n\n:module:`tiny:2.dense` and :model:`tiny`.\n",
    "slow.rst": "Slow\n====\n\n.. model-structure:: slow:net\n",
}
SLOW = """
import time
from pathlib import Path
from torch import nn

def net():
    Path(__file__).with_name("started").touch()
    while Path(__file__).with_name("wait").exists():
        time.sleep(0.01)
    return nn.Linear(2, 2)
"""
HOOK = """
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background is started with it ignored

def setup(app):
    if os.environ.get("KILLED_AT"):
        app.connect(os.environ["KILLED_AT"], lambda app, *_: os.kill(os.getpid(), 9), priority=999)
"""
WIDER = "WIDTH = 6\n"
MOMENTS = ("env-updated", "env-check-consistency", "html-page-context")
"""Before the environment is pickled, when it is and no page is written, and between two pages."""


@pytest.fixture(scope="module")
def make(make_site):
    """Make the site in its own folder, with a wide model if requested."""

    def make(source: str = ""):
        site = make_site(PAGES)
        site.write("src/slow.py", SLOW)
        if source:
            site.write("src/shapes.py", source)
        with site.folder.joinpath("conf.py").open("a") as conf:
            conf.write(HOOK)
        return site

    return make


@pytest.fixture(scope="module")
def narrow_build(make, tmp_path_factory):
    """Return a site that was built, a copy of its folder, and its pages."""
    site, copy = make(), tmp_path_factory.mktemp("copy") / "docs"
    pages = build(site)
    shutil.copytree(site.folder, copy)
    return site, copy, pages


@pytest.fixture(scope="module")
def narrow(narrow_build):
    return narrow_build[2]


@pytest.fixture
def built_site(narrow_build):
    """Return the site as it was built, in the same folder: Sphinx reads all pages again if it moves."""
    site, copy, _ = narrow_build
    shutil.rmtree(site.folder)
    shutil.copytree(copy, site.folder)
    return site


@pytest.fixture(scope="module")
def wide(make):
    return build(make(WIDER))


def start(site, **environment):
    """Start a build in its own process."""
    command = [sys.executable, "-m", "sphinx", "-M", "html", site.folder, site.folder / "_build", "-q", "-W"]
    return subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def build(site):
    """Build to the end, and return a digest of each file."""
    process = start(site)
    output = process.communicate()[0].decode()
    assert (process.returncode, output) == (0, "")
    written = site.folder / "_build" / "html"
    files = [file for file in written.rglob("*") if file.is_file() and file.name != ".buildinfo"]
    return {str(file.relative_to(written)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_build_after_end_during_model_builds(make, narrow, end):
    site = make()
    site.write("src/wait", "")
    process = start(site)
    assert wait_until((site.folder / "src" / "started").exists)
    process.send_signal(end)
    process.communicate(timeout=300)
    assert process.returncode != 0
    (site.folder / "src" / "wait").unlink()
    assert build(site) == narrow


@pytest.mark.parametrize("moment", MOMENTS)
def test_build_after_kill_with_a_changed_model(built_site, wide, moment):
    built_site.write("src/shapes.py", WIDER)
    killed = start(built_site, KILLED_AT=moment)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert build(built_site) == wide


def test_build_after_partly_written_environment(built_site, wide):
    built_site.write("src/shapes.py", WIDER)
    start(built_site, KILLED_AT="env-check-consistency").communicate()
    pickled = built_site.folder / "_build" / "doctrees" / "environment.pickle"
    pickled.write_bytes(pickled.read_bytes()[:-1000])
    assert build(built_site) == wide
