"""Material's `offline` and `privacy` plugins in one site with bmvis: pages are opened as files."""

import pytest
from hosts import build, make_site

pytestmark = pytest.mark.browser
pytest.importorskip("material", reason="Material for MkDocs is not installed")

DEEP = '<model-structure factory="zoo:deep" name="tiny" />\n'  # deep enough for a toolbar


def add_plugins(config):
    config["theme"] = {"name": "material", "font": False}
    config["plugins"] = ["search", "offline", {"privacy": {"assets_fetch": False}}, "bmvis"]  # no network


def test_tree_works_in_files_at_any_depth(tmp_path, browser):
    built = build("mkdocs", make_site(tmp_path, {"index.md": DEEP, "nested/page.md": DEEP}, add_plugins))
    assert built.report["code"] == 0, built.log
    assert not [line for line in built.log.splitlines() if "bmvis" in line and not line.startswith("INFO")]
    page = browser.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda asked: problems.append(asked.url) if "bmvis" in asked.url else None)
    for uri in ("index.html", "nested/page.html"):
        page.goto((tmp_path / "site" / uri).as_uri())
        tree = page.locator(".bmvis").first
        tree.locator(".bmvis-tools input").fill("linear", timeout=120_000)
        tree.locator(".bmvis-hit").first.wait_for()  # the filter is loaded on first use
        assert tree.evaluate("tree => getComputedStyle(tree.querySelector('ul')).listStyleType") == "none"
    page.close()
    assert problems == []
