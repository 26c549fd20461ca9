"""Versioned sites with `mike`: each version has its own trees, assets and links."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urljoin

import pytest
from bs4 import BeautifulSoup
from hosts import IS_OLD, build, make_site

pytest.importorskip("mike", reason="mike is not installed")
pytestmark = pytest.mark.skipif(IS_OLD, reason="mike uses ProperDocs if it is installed, not the old MkDocs")

PAGES = {"models.md": '# Models\n\n<model-gallery toctree="zoo" models="zoo:tiny\nzoo:tiny(layers=1)" />\n'}


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """Deploy a site twice, with a changed and a removed model, and return the files that it serves."""

    def add_mike(config):
        config["plugins"].insert(1, {"mike": {"alias_type": "redirect"}})

    folder = make_site(tmp_path_factory.mktemp("mike"), PAGES, add_mike)
    models, gallery = folder / "src" / "zoo.py", folder / "docs" / "models.md"
    source = models.read_text()
    changed = source.replace("width=4", "width=5")
    for text in (changed, source):  # mike then finds the models in the cache, and starts no worker processes
        models.write_text(text)
        assert build("mkdocs", folder).report["code"] == 0
    run(folder, "git", "init", "-q")
    for key, value in {"user.name": "A", "user.email": "a@example.org"}.items():
        run(folder, "git", "config", key, value)
    run(folder, "git", "add", ".")
    run(folder, "git", "commit", "-q", "-m", "A site")
    mike = Path(sys.executable).with_name("mike")
    logs = [run(folder, mike, "deploy", "1.0")]
    models.write_text(changed)
    gallery.write_text(PAGES["models.md"].replace("\nzoo:tiny(layers=1)", ""))
    logs.append(run(folder, mike, "deploy", "2.0", "latest"))
    assert not [line for log in logs for line in log.splitlines() if line.startswith("WARNING")]
    served = tmp_path_factory.mktemp("served")
    run(folder, "git", f"--work-tree={served}", "checkout", "gh-pages", "--", ".")
    return served


@pytest.mark.parametrize(("version", "width"), [("1.0", 4), ("2.0", 5)])
def test_each_version_has_its_trees(deployed, version, width):
    page = BeautifulSoup((deployed / version / "index.html").read_text(), "html5lib")
    assert f"weight:[{width}, {width}]" in page.select_one("#tiny").get_text()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("index.html", {"bmvis.css", "bmvis.js"}),
        ("nested/page/index.html", {"bmvis.css", "bmvis.js"}),
        ("models/index.html", {"bmvis.css", "bmvis-gallery.css", "bmvis-gallery.js"}),
        ("404.html", set()),
    ],
)
def test_each_version_links_its_assets(deployed, version, uri, names):
    page = BeautifulSoup((deployed / version / uri).read_text(), "html5lib")
    links = [tag.get("href") or tag.get("src") for tag in page.select("link[rel=stylesheet], script[src]")]
    ours = [urljoin(f"/models/{version}/{uri}", link) for link in links if "bmvis" in link]
    assert {Path(link).name for link in ours} == names
    for link in ours:
        assert link.startswith(f"/models/{version}/")
        assert (deployed / link.removeprefix("/models/")).is_file()


def test_cards_link_to_pages_of_their_version(deployed):
    def cards(version):
        page = BeautifulSoup((deployed / version / "models" / "index.html").read_text(), "html5lib")
        return [card.a["href"] for card in page.select(".bmvis-card")]

    assert cards("1.0") == ["../zoo/zoo.tiny/", "../zoo/zoo.tiny-layers-1/"]
    assert cards("2.0") == ["../zoo/zoo.tiny/"]
    assert [page.parent.name for page in (deployed / "2.0" / "zoo").rglob("index.html")] == ["zoo.tiny"]


def test_alias_redirects_to_the_page_and_row(deployed):
    alias = (deployed / "latest" / "zoo" / "zoo.tiny" / "index.html").read_text()
    assert "../../../2.0/zoo/zoo.tiny/" in alias
    assert "window.location.hash" in alias
