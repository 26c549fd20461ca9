"""A browser that reads pages from memory and from built sites, without a network."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from page_server import PageServer
from sites import build
from tree_page import bert_html

ORIGIN = "http://localhost"
VIEWPORT = {"width": 1280, "height": 900}
FORGET = """() => {
  localStorage.clear();
  sessionStorage.clear();
  history.replaceState(null, "", "/left"); // the next page is loaded, also if only its fragment differs
}"""
PLAIN = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Trees</title>'
    '<link rel="stylesheet" href="/bmvis.css"><script defer src="/bmvis.js"></script></head>'
    "<body><main><h1>Trees</h1>{}</main></body></html>"
)
LOAD = """() => window.bmvis && new Promise((resolve, reject) => {
  const script = document.createElement("script");
  Object.assign(script, { src: "/bmvis-rows.js", onload: resolve, onerror: reject });
  document.head.append(script);
})"""
SHOW = """(html) => {
  if (!window.isShowing) return false;
  document.querySelector(".bmvis-menu:popover-open")?.hidePopover();
  history.replaceState(null, "", "/");
  document.querySelector("main").innerHTML = `<h1>Trees</h1>${html}`;
  scrollTo(0, 0);
  bmvis.equipNew();
  return true;
}"""
"""Put trees in the place of those of the last test, as themes do that put the next page into the same document."""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Build a theme's site, once for all tests."""
    built: dict[str, Path] = {}

    def built_site(theme: str) -> Path:
        if theme not in built:
            built[theme] = build(theme, tmp_path_factory.mktemp("sites") / theme)
        return built[theme]

    return built_site


class Tab:
    """One page in the browser, and its errors."""

    def __init__(self, page, server: PageServer) -> None:
        self.page = page
        self._server = server
        self.errors: list[str] = []
        self._listeners: list[tuple[str, Callable]] = []
        self.listen("console", self._record)
        self.listen("pageerror", self._record_exception)

    def listen(self, event: str, listener: Callable) -> None:
        """Call `listener` at each event of the page until the end of the test."""
        self.page.on(event, listener)
        self._listeners.append((event, listener))

    def leave(self) -> None:
        """Give the page to the next test: remove what this test left in it."""
        for event, listener in self._listeners:
            self.page.remove_listener(event, listener)
        self.page.unroute_all(behavior="ignoreErrors")  # of requests that no test waits for, such as fonts
        for other in self.page.context.pages:
            if other is not self.page:
                other.close()
        if self.page.viewport_size != VIEWPORT:
            self.page.set_viewport_size(VIEWPORT)
        self.page.mouse.move(0, 0)  # else a row of the next test can have the button of its menu
        self.page.emulate_media(media="null", color_scheme="null", reduced_motion="null", forced_colors="null")
        if self.page.url.startswith(ORIGIN):
            self.page.evaluate(FORGET)
        elif self.page.url != "about:blank":
            self.page.goto("about:blank")

    def _record_exception(self, error) -> None:
        if "bmvis" in (error.stack or ""):
            self.errors.append(str(error))

    def _record(self, message) -> None:
        """Record an error of bmvis; ignore warnings and missing files of a theme."""
        ours = "bmvis" in message.text + message.location.get("url", "") or "Security Policy" in message.text
        if message.type == "error" and ours:
            self.errors.append(message.text)

    def open_site(self, folder: Path, path: str = "index.html") -> None:
        """Open a page of a built site over http."""
        self._server.show_site(folder)
        self.page.goto(f"{ORIGIN}/{path}")

    def open_html(self, html: str) -> None:
        """Show a page that needs no other files, without a content security policy."""
        self._server.show(html, policy="")
        self.page.goto(ORIGIN)

    def open_document(self, html: str) -> None:
        """Show a document that needs no server and no other files, without what scripts and policies left."""
        self.page.goto("about:blank")
        self.page.set_content(html)

    def open_trees(self, html: str, fragment: str = "", *, load: bool = True) -> None:
        """Show trees on a page without a theme, under a strict content security policy.

        Args:
            html: the trees.
            fragment: that of the URL.
            load: whether to load the second script before a reader needs it, so that actions need no waiting.
        """
        self._server.show(PLAIN.format(html))
        self.page.goto(f"{ORIGIN}/{fragment}")
        if load:
            self.page.evaluate(LOAD)

    def show_trees(self, html: str) -> None:
        """Show trees like `open_trees`, without a load of the page if the last test called this too.

        A load takes Chromium longer than most tests.
        """
        if not (self.page.url.startswith(ORIGIN) and self.page.evaluate(SHOW, html)):
            self.open_trees(html)
            self.page.evaluate("window.isShowing = true")


def _new_page(browser, **settings):
    context = browser.new_context(viewport=VIEWPORT, **settings)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    return context.new_page()


@pytest.fixture(scope="session")
def kept_pages() -> dict:
    """Keep one page for each settings of a browser context: a new one takes Chromium as long as most tests."""
    return {}


@pytest.fixture
def tab(browser, page_server, kept_pages, request) -> Iterator[Tab]:
    """Open a page; a test's indirect parameter contains more settings of the browser."""
    settings = getattr(request, "param", {})
    page = kept_pages.pop(repr(settings), None) or _new_page(browser, **settings)
    tab = Tab(page, page_server)
    yield tab
    tab.leave()
    kept_pages[repr(settings)] = page


@pytest.fixture
def new_tab(browser, page_server) -> Iterator[Tab]:
    """Open a page of its own, for scripts that run before those of each page and cannot be removed."""
    page = _new_page(browser)
    yield Tab(page, page_server)
    page.context.close()


@pytest.fixture
def lora(tab: Tab) -> Tab:
    """Show the tree of BERT with LoRA."""
    tab.show_trees(bert_html())
    return tab


@pytest.fixture
def no_script_errors(tab: Tab) -> Iterator[None]:
    """Fail a test whose page has an error of the scripts, or one against the content security policy."""
    yield
    assert tab.errors == []
