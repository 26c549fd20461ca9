"""The one browser of a test run, because Playwright allows a process a single session; and the state of loggers."""

import logging
import tempfile

import pytest


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
    )
    from shoot import ARGUMENTS, find_browser

    path = find_browser()
    if path is None:
        pytest.skip("no Chromium: install Debian's `chromium`, or set CHROMIUM to a browser's path")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True)
def propagated_messages():
    """Let `caplog` see the messages of bmvis also after a build of Sphinx in this process."""
    logging.getLogger("bmvis").propagate = True


@pytest.fixture
def own_keepers(tmp_path, monkeypatch):
    """Let the test find no worker processes in memory but those that it starts."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
