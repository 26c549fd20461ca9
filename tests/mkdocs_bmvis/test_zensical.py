"""Behavior that is specific to Zensical: it ends on errors only if configured, and keeps pages between builds.

Its pages link stylesheets and scripts in the docs folder.
"""

import posixpath
import shutil
from urllib.parse import urljoin

import pytest
from hosts import build, make_site

from bmvis.render.html import assets

pytest.importorskip("zensical", reason="Zensical is not installed")


def test_on_error_raise_ends_the_build(tmp_path):
    def change(config):
        config["markdown_extensions"][-1]["mkdocs_bmvis"]["on_error"] = "raise"

    built = build("zensical", make_site(tmp_path, {"bad.md": '# Bad\n\n<model-structure factory="zo:tiny" />'}, change))
    assert built.report["code"] != 0
    assert "docs/bad.md:3: no module named 'zo'" in built.log


@pytest.mark.builds
def test_changed_model_is_redrawn_if_its_folder_is_watched(tmp_path):
    def change(config):
        config["watch"] = ["src"]

    folder = make_site(tmp_path, change=change)
    assert "[4, 4]" in build("zensical", folder).text("index.html")
    models = folder / "src" / "zoo.py"
    models.write_text(models.read_text().replace("width=4", "width=5"))
    assert "[5, 5]" in build("zensical", folder).text("index.html")


@pytest.mark.builds
def test_changed_fingerprint_redraws_pages(tmp_path):
    def with_fingerprint(text):
        def change(config):
            config["markdown_extensions"][-1]["mkdocs_bmvis"]["fingerprint"] = text

        return change

    folder = make_site(tmp_path, change=with_fingerprint("one"))
    for _ in range(2):  # the second build puts pages with trees in the cache
        assert "[4, 4]" in build("zensical", folder).text("index.html")
    models = folder / "src" / "zoo.py"
    changed = models.read_text().replace("width=4", "width=5")
    models.write_text(changed)
    assert "[4, 4]" in build("zensical", folder).text("index.html")  # kept: no file that Zensical knows has changed
    make_site(folder, change=with_fingerprint("two"))
    models.write_text(changed)
    assert "[5, 5]" in build("zensical", folder).text("index.html")


def test_zensical_reads_settings_from_toml(tmp_path):
    folder = make_site(tmp_path)
    (folder / "mkdocs.yml").unlink()
    (folder / "zensical.toml").write_text(
        """[project]
site_name = "Models"

[project.markdown_extensions."mkdocs_bmvis"]
path = ["src"]
options = {depth = 1}
"""
    )
    built = build("zensical", folder, config="zensical.toml")
    assert len(built.page("nested/page/index.html").select(".bmvis-tree li")) == 2


def test_gallery_has_cards_without_pages_and_tree_is_searchable(tmp_path):
    pages = {
        "models.md": '# Models\n\n<model-gallery toctree="zoo" models="zoo:tiny | Tiny"></model-gallery>\n',
        "found.md": '# Found\n\n<model-structure factory="zoo:tiny" root-name="needle" search />\n',
    }
    built = build("zensical", make_site(tmp_path, pages))
    (card,) = built.page("models/index.html").select(".bmvis-card")
    assert "Tiny" in card.get_text()
    assert not card.select("a")
    assert not (tmp_path / "site" / "zoo").exists()
    index = built.text("search.json")
    assert "needle" in index
    assert "Sequential" in index


PAGES = {
    "plain.md": "# Plain\n",
    "deep/er/tree.md": '# Tree\n\n<model-structure factory="zoo:deep" />\n\n<model-structure factory="zoo:tiny" />\n',
    "cards.md": '# Cards\n\n<model-gallery models="zoo:tiny" />\n',
    "deep/numbers.md": '# Numbers\n\n<model-table models="zoo:tiny" />\n',
    "wrong.md": '# Wrong\n\n<model-structure factory="zo:tiny" />\n',
    "blog/index.md": "# Blog\n",
    "blog/posts/post.md": "---\ndate: 2026-01-31\n---\n# Post\n\n<model-structure factory='zoo:tiny' />\n",
}
LINKED = {
    "plain": [],
    "deep/er/tree": ["bmvis.css", "bmvis.js"],
    "cards": ["bmvis.css", "bmvis-gallery.css", "bmvis-gallery.js"],
    "deep/numbers": ["bmvis-table.css", "bmvis-table.js"],
    "wrong": ["bmvis.css"],
    "blog": ["bmvis.css", "bmvis.js"],
    "blog/archive/2026": ["bmvis.css", "bmvis.js"],
    "blog/2026/01/31/post": ["bmvis.css", "bmvis.js"],
}


def linked(built, uri):
    """Return the names of the files that a page links, each of which the site has."""
    page = built.page(uri)
    assert not page.select("article style, article script:not([src])")
    links = [tag.get("href") or tag["src"] for tag in page.select("link[rel=stylesheet], script[src]")]
    found = [urljoin(uri, link) for link in links if "bmvis" in link]
    for file in found:
        assert built.text(file) == assets.text(f"bmvis/static/{posixpath.basename(file)}")
        assert built.text(posixpath.join(posixpath.dirname(file), "bmvis-rows.js"))
    return [posixpath.basename(file) for file in found]


@pytest.mark.builds
def test_each_page_links_the_files_that_it_needs_also_from_the_cache(tmp_path):
    def change(config):
        config["plugins"] = ["blog"]
        del config["nav"]

    folder = make_site(tmp_path, PAGES, change)
    for _ in range(3):
        built = build("zensical", folder)
        assert {page: linked(built, f"{page}/index.html") for page in LINKED} == LINKED
        shutil.rmtree(folder / "site")


@pytest.mark.builds
def test_ci_that_keeps_the_cache_but_not_the_files_draws_pages_with_trees_again(tmp_path):
    folder = make_site(tmp_path, PAGES)
    for _ in range(3):
        built = build("zensical", folder)
        assert linked(built, "deep/er/tree/index.html") == ["bmvis.css", "bmvis.js"]
        assert linked(built, "cards/index.html")
        shutil.rmtree(folder / "site")
        shutil.rmtree(folder / "docs" / "assets")  # a new checkout


@pytest.mark.builds
def test_one_drawn_page_restores_the_files_of_pages_from_the_cache(tmp_path):
    folder = make_site(tmp_path, PAGES)
    for _ in range(2):
        build("zensical", folder)
    shutil.rmtree(folder / "docs" / "assets")
    tree = folder / "docs" / "deep" / "er" / "tree.md"
    tree.write_text(tree.read_text() + "\nMore.\n")
    assert linked(build("zensical", folder), "cards/index.html")
