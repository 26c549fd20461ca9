"""The one browser of a test run: Playwright allows a process a single session."""

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
