"""What all tests share: which of them `make test` leaves to `make test-builds`, the browser, the state of loggers."""

import gc
import logging
import os
import sys
import tempfile
from pathlib import Path

import compiled_templates
import forked_workers
import installed_once
import pytest
from torch_once import own, shared

pytest.register_assert_rewrite("changed_settings")

BUILDS = (
    "browser/test_looks.py",
    "browser/test_markup.py",
    "browser/test_unknown_themes.py",
    "bmvis/extraction/test_recorded_twice.py",
    "bmvis/worker/test_hostile.py",
    "bmvis/worker/test_isolation.py",
    "bmvis/worker/test_same_trees.py",
    "mkdocs_bmvis/test_hosts.py",
    "mkdocs_bmvis/test_mike.py",
    "mkdocs_bmvis/test_more_plugins.py",
    "mkdocs_bmvis/test_neighbors.py",
    "sphinx_bmvis/test_interrupted.py",
    "sphinx_bmvis/test_neighbors.py",
    "test_interruptions.py",
    "test_public_sites.py",
    "test_same_everywhere.py",
    "test_stale_pages.py",
    "test_worst_site.py",
)
"""Files that build hundreds of sites or models: each edit, theme, hostile factory, or other extension of a host. Single
tests have the mark `builds` themselves, such as those that run other tools, and further preview servers."""

TOGETHER = {
    "browser": ("browser/",),
    "libraries": (
        "demo/",
        "bmvis/comparison/",
        "bmvis/extraction/",
        "bmvis/model/test_snapshot.py",
        "bmvis/render/test_parity.py",
        "bmvis/source/test_checkpoint.py",
        "bmvis/source/test_transformers_config.py",
        "bmvis/test_schemas.py",
        "bmvis/view/figure/test_edge_lists.py",
        "bmvis/view/test_common_structure.py",
    ),
}
"""Starts of the paths of test files that one process of `pytest -n` runs, because they share what takes seconds: the
start of the browser and the sites that it shows; transformers and PEFT, in this process (`large_libraries`) or in a
worker process."""
SET_BY_TORCH = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
"""Environment variables that PyTorch sets in the process of the tests when it compiles."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give the files of `TOGETHER` to one process each, and other files one by one to the next process that is free."""
    from xdist.scheduler import LoadFileScheduling

    class LoadTogether(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            inside = file.removeprefix("tests/")
            return next((name for name, starts in TOGETHER.items() if inside.startswith(starts)), file)

    return LoadTogether(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Exempt the modules that tests import, which stay until the end, from garbage collection: a tenth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        if "torch" in sys.modules:  # the threads of its kernels wait busily for each other, and models here are small
            sys.modules["torch"].set_num_threads(1)


def is_in_builds(path: Path) -> bool:
    """Return whether a file is one of `BUILDS`."""
    folder = Path(__file__).parent
    return path.is_relative_to(folder) and path.relative_to(folder).as_posix() in BUILDS


def pytest_ignore_collect(collection_path, config):
    """Do not import files of which no test is run."""
    return True if config.option.markexpr == "not builds" and is_in_builds(collection_path) else None


@pytest.hookimpl(tryfirst=True)  # before pytest applies `-m`
def pytest_collection_modifyitems(items):
    """Mark the tests of `BUILDS`."""
    for item in items:
        if is_in_builds(item.path):
            item.add_marker(pytest.mark.builds)


@pytest.fixture(scope="session")
def page_server():
    """What the browser finds at http://localhost."""
    from page_server import PageServer

    with PageServer() as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="session")
def browser(page_server):
    """The one browser of a test run: Playwright allows a process a single session."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
    )
    from shoot import ARGUMENTS, find_browser

    path = find_browser()
    if path is None:
        pytest.skip("no Chromium: install Debian's `chromium`, or set CHROMIUM to a browser's path")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=[*ARGUMENTS, *page_server.arguments])
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True)
def propagated_messages():
    """Let `caplog` see the messages of bmvis also after a build of Sphinx in this process."""
    logging.getLogger("bmvis").propagate = True


@pytest.fixture(autouse=True)
def environment_without_torch():
    """Remove what PyTorch sets, because a worker process is shared only in an environment without changes."""
    for name in SET_BY_TORCH:
        os.environ.pop(name, None)


@pytest.fixture(scope="session", autouse=True)
def shared_workers():
    """Import torch once for all models that tests build in this process."""
    with shared():
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_templates(tmp_path_factory):
    """Compile the templates of themes once for all builds of hosts in this process."""
    with compiled_templates.kept(tmp_path_factory.mktemp("templates")):
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_distributions():
    """Read what is installed once for all builds in this process."""
    with installed_once.kept():
        yield


@pytest.fixture(scope="module")
def own_workers():
    """Let each build of a module's tests start worker processes, which end with the build."""
    with own():
        yield


@pytest.fixture
def forked_starts():
    """Let the test start worker processes, and daemons, as forks of a process that has imported torch."""
    with forked_workers.forks():
        yield


@pytest.fixture
def own_daemons(tmp_path, monkeypatch):
    """Let the test find no worker processes in memory but those that it starts."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
