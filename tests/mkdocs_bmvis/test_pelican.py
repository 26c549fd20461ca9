"""Pelican, a site generator that uses the Markdown extension without a plugin: each article is independent."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
from bs4 import BeautifulSoup
from hosts import SITE

# Not imported: `import pelican` replaces the class of every later logger with one that drops
# repeated messages, so a later test would miss warnings of Sphinx.
pytestmark = pytest.mark.skipif(find_spec("pelican") is None, reason="Pelican is not installed")

SETTINGS = """
SITENAME = "Models"
PATH = "content"
TIMEZONE = "UTC"
SITEURL = "https://example.org"
MARKDOWN = {{"extension_configs": {{"markdown.extensions.extra": {{}}, "bmvis": {}}}}}
"""
ARTICLE = """Title: Article {number}
Date: 2026-01-0{number}
Summary: What it is about.

<model-structure factory="zoo:tiny" name="tiny"></model-structure>

- In a list

    <model-compare before="zoo:tiny" after="zoo:tiny(layers=3)"></model-compare>

<model-gallery models="zoo:tiny"></model-gallery>

```html
<model-structure factory="zoo:tiny" name="written"></model-structure>
```
"""


def build(folder, articles, **settings):
    """Build a site and return the exit code and the output."""
    ours = {"path": [str(SITE / "src")]} | settings
    (folder / "pelicanconf.py").write_text(SETTINGS.format(ours))
    (folder / "content").mkdir()
    for name, text in articles.items():
        (folder / "content" / f"{name}.md").write_text(text)
    command = [sys.executable, "-m", "pelican", "content", "--fatal", "errors"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, " ".join(done.stdout.split())


@pytest.mark.builds
def test_article_has_its_trees_and_the_assets_once(tmp_path):
    code, output = build(tmp_path, {str(number): ARTICLE.format(number=number) for number in (1, 2)})
    assert code == 0, output
    assert "WARNING" not in output
    for number in (1, 2):
        page = BeautifulSoup((tmp_path / "output" / f"article-{number}.html").read_text(), "html5lib")
        assert [tree["id"] for tree in page.select(".bmvis")] == ["tiny", "model-tiny", "bmvis-gallery"]
        assert page.select_one("li .bmvis")["id"] == "model-tiny"
        for text in ("The trees of bmvis", "Cards of a gallery"):
            assert sum(text in sheet.string for sheet in page.select("style")) == 1
        assert len(page.select("script")) == 3  # trees, their rows, and galleries
        assert 'name="written"' in page.select_one("code").get_text()
    feed = (tmp_path / "output" / "feeds" / "all.atom.xml").read_text()
    assert "What it is about." in feed


def test_error_names_its_article_and_can_end_the_build(tmp_path):
    bad = 'Title: Bad\nDate: 2026-01-01\n\n<model-structure factory="zoo:tiny" dept="1" />\n'
    code, output = build(tmp_path, {"bad": bad}, on_error="raise")
    assert code != 0
    assert "Could not process ./bad.md" in output
    assert "unknown attribute 'dept' (did you mean 'depth'?)" in output
