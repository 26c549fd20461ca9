"""Sites with `navigation.instant`, served over HTTP: scripts of trees run on pages that replace others."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hosts import build, make_site, needs_new_mkdocs

pytestmark = pytest.mark.browser

PAGES = {  # with trees that are long enough for a toolbar
    "index.md": '# Trees\n\n<model-structure factory="zoo:deep" name="tiny" />\n',
    "plain.md": "# Plain\n\nNo tree is here.\n",
    "both.md": """# Both

<model-compare before="zoo:deep" after="zoo:deep(layers=10)" name="compared"></model-compare>

<model-optimizer factory="zoo:trained" name="optimized" expand-params></model-optimizer>
""",
    "drawn.md": """# Drawn

<model-structure factory="zoo:deep" name="drawn" map flow="auto" inputs="float32[1, 1]"></model-structure>
""",
    "models.md": '# Models\n\n<model-gallery models="zoo:tiny | Tiny\nzoo:tiny(layers=1) | One"></model-gallery>\n',
}
HOSTS = {"material": "mkdocs", "zensical": "zensical"}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Visit:
    """A browser on a site, and its errors."""

    def __init__(self, page, url):
        self.page, self.url = page, url
        self.problems = []
        page.set_default_timeout(120_000)
        page.route(lambda asked: not asked.startswith(url), lambda route: route.abort())  # no network
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._record)
        page.on("response", lambda answer: self.problems.append(answer.url) if answer.status >= 400 else None)

    def _record(self, message):
        if message.type == "error" and message.location.get("url", "").startswith(self.url):
            self.problems.append(message.text)

    def open(self, path):
        # Links replace the page only after the theme loaded the sitemap.
        self.page.goto(f"{self.url}{path}", wait_until="networkidle")
        self.page.evaluate("window.stayed = true")

    def follow(self, title):
        self.page.locator(".md-nav--primary").get_by_role("link", name=title, exact=True).first.click()
        self.page.locator("article h1", has_text=title).wait_for()
        assert self.page.evaluate("window.stayed"), "the page was loaded, not replaced"

    def go(self, direction, title):
        self.page.evaluate(f"history.{direction}()")
        self.page.locator("article h1", has_text=title).wait_for()

    def try_tree(self, name, word):
        """Assert that a tree has one toolbar, and that folding, filter and links to rows work."""
        tree = self.page.locator(f"#{name}")
        tree.locator(".bmvis-tools").wait_for()
        assert tree.locator(".bmvis-tools").count() == 1
        assert tree.locator(".bmvis-picks").count() == 1
        tree.locator("[data-level='0']").click()
        assert tree.locator("details[open]").count() == 0
        tree.locator("[data-level='999']").click()
        tree.locator("input").fill(word)
        tree.locator(".bmvis-hit").first.wait_for()  # the filter is loaded on first use
        assert tree.locator("output").inner_text()[0] != "0"
        tree.locator("input").fill("")


@pytest.fixture(scope="module", params=["material", pytest.param("zensical", marks=pytest.mark.builds)])
def served(request, tmp_path_factory):
    """Build and serve the site; return its address."""
    pytest.importorskip("zensical" if request.param == "zensical" else "material")
    folder = tmp_path_factory.mktemp(request.param)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder / "site"))
    url = f"http://127.0.0.1:{server.server_port}/"

    def change(config):
        config["site_url"] = url
        config["theme"] = {"name": "material", "font": False, "features": ["navigation.instant"]}

    built = build(HOSTS[request.param], make_site(folder, PAGES, change))
    assert built.report["code"] == 0, built.log
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield url
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser, served):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    visit = Visit(page, served)
    yield visit
    page.close()
    assert visit.problems == []


def test_tree_works_on_page_that_replaces_one_without_trees(visit):
    visit.open("plain/")
    visit.follow("Trees")
    visit.try_tree("tiny", "linear")


def test_tree_works_on_page_that_replaces_one_with_trees(visit):
    visit.open("")
    visit.try_tree("tiny", "linear")
    visit.follow("Both")
    visit.try_tree("compared", "linear")
    visit.try_tree("optimized", "linear")


def test_page_with_links_in_pictures_replaces_one_and_is_replaced(visit):
    visit.open("plain/")
    visit.follow("Drawn")
    tree = visit.page.locator("#drawn")
    tree.locator(".bmvis-map a").nth(1).click()
    tree.locator(".bmvis-linked").wait_for()
    tree.locator(".bmvis-figure a").first.dispatch_event("click")
    visit.follow("Plain")


def test_history_navigation_keeps_one_toolbar_for_each_tree(visit):
    visit.open("")
    visit.follow("Plain")
    visit.follow("Both")
    visit.go("back", "Plain")
    visit.go("back", "Trees")
    visit.try_tree("tiny", "linear")
    visit.go("forward", "Plain")
    visit.go("forward", "Both")
    visit.try_tree("compared", "linear")


def test_link_to_a_row_on_another_page_opens_it(visit):
    visit.open("other/")
    visit.page.get_by_role("link", name="first block").click()
    visit.page.locator("#tiny .bmvis-tools").wait_for()
    visit.page.locator('[id="tiny.0"]').wait_for()
    assert visit.page.url.endswith("#tiny.0")


def test_gallery_on_replaced_page_has_one_filter(visit):
    visit.open("plain/")
    visit.follow("Models")
    visit.page.locator(".bmvis-shelf").wait_for()
    visit.page.get_by_label("Filter models").fill("one")
    assert visit.page.locator(".bmvis-card:visible").count() == 1
    visit.follow("Plain")
    visit.follow("Models")
    visit.page.locator(".bmvis-shelf").wait_for()
    assert visit.page.locator(".bmvis-shelf").count() == 1


GENERATING = '''
from mkdocs.structure.files import File

TEXT = """# Late

<model-gallery toctree="late" models="zoo:tiny" />

<model-table toctree="rows" models="zoo:tiny" />
"""

def on_files(files, config):
    files.append(File.generated(config, "late.md", content=TEXT))
'''


@needs_new_mkdocs
def test_list_on_a_page_that_is_generated_too_late_is_reported(tmp_path):
    folder = make_site(tmp_path, change=lambda config: config.update(hooks=["hook.py"], nav=None))
    (folder / "hook.py").write_text(GENERATING)
    built = build("mkdocs", folder)
    for line in (3, 5):
        assert f"late.md:{line}: the pages for the models of this list were not written (list bmvis after" in built.log
    page = built.page("late/index.html")
    assert len(page.select(".bmvis-card")) == 1
    assert not page.select(".bmvis-card a[href]")
    assert [link["href"] for link in page.select(".bmvis-table a[href]")] == ["../#tiny"]  # a tree on another page
