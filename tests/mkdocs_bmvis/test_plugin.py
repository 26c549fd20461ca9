"""The plugin, on the small site built by MkDocs and ProperDocs."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from hosts import build, make_site, needs_new_mkdocs

from bmvis.render.html import assets

needs_zensical = pytest.mark.skipif(importlib.util.find_spec("zensical") is None, reason="Zensical is not installed")

HOOK = """
from mkdocs.structure.files import File

PAGE = '''---
title: Made
---
<model-structure factory="zoo:tiny" />
<model-structure factory="zoo:tiny" dept="1" />
'''


def on_files(files, config):
    files.append(File.generated(config, "made.md", content=PAGE))
"""


def plugin_settings(**settings):
    def change(config):
        config["plugins"] = ["search", {"bmvis": settings}]

    return change


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"pth": "src"}, "Plugin 'bmvis': unknown setting 'pth' (did you mean 'path'?)", id="unknown"),
        pytest.param({"path": "sources"}, "Plugin 'bmvis': setting 'path': folder", id="folder"),
    ],
)
def test_invalid_setting_is_a_configuration_error(tmp_path, settings, message):
    built = build("mkdocs", make_site(tmp_path, change=plugin_settings(**settings)))
    assert built.report["code"] == 1
    assert message in built.log
    assert "Traceback" not in built.log


def test_unchanged_model_is_read_from_the_cache(tmp_path, monkeypatch):
    folder = make_site(tmp_path / "site", change=plugin_settings(path="src"), shares_models=False)
    first = build("mkdocs", folder)
    # Only for workers, and no file torch.py: one that takes the place of an installed module makes models outdated.
    hidden = "import os, sys\nif 'PYTHONSAFEPATH' in os.environ: sys.modules['torch'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    second = build("mkdocs", folder)
    assert (folder / ".cache" / "bmvis").is_dir()
    assert second.report["code"] == 0
    assert "WARNING" not in second.log
    assert second.text("index.html") == first.text("index.html")


def test_missing_torch_is_reported_once(tmp_path):
    python = tmp_path / "python-without-torch"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    built = build("mkdocs", make_site(tmp_path / "site", change=plugin_settings(path="src", python=str(python))))
    assert built.log.count("has no snapshot, and PyTorch is not installed in ") == 1
    assert "docs/index.md:7: " in built.log
    assert len(built.page("index.html").select(".bmvis-error")) > 1


def test_reference_outside_the_allow_list_is_refused(tmp_path):
    change = plugin_settings(path="src", allow=["zoo:big*"], cache=False)
    built = build("mkdocs", make_site(tmp_path, change=change, shares_models=False))
    assert "docs/index.md:7: 'zoo:tiny' is not allowed by `allow`" in built.log
    assert not (tmp_path / ".cache").exists()


def test_on_error_raise_ends_the_build(tmp_path):
    folder = make_site(
        tmp_path,
        {"bad.md": '\n<model-structure factory="zoo:raising" />'},
        plugin_settings(path="src", on_error="raise"),
        shares_models=False,
    )
    built = build("mkdocs", folder, own_workers=True)
    assert built.report["code"] == 1
    assert "docs/bad.md:2: 'zoo:raising' raised ValueError: no weights" in built.log
    assert "Traceback" not in built.log
    assert built.report["workers"] == []


@needs_new_mkdocs
def test_page_from_a_hook_has_trees_and_located_errors(tmp_path):
    folder = make_site(tmp_path, change=lambda config: config.update(hooks=["hook.py"], nav=None))
    (folder / "hook.py").write_text(HOOK)
    built = build("mkdocs", folder)
    assert len(built.page("made/index.html").select(".bmvis")) == 2
    assert "WARNING -  made.md:5: unknown attribute 'dept'" in built.log


@pytest.mark.parametrize("place", ["docs", "overrides"])
def test_file_of_the_site_replaces_the_asset(tmp_path, place):
    def change(config):
        config["theme"] = {"name": "mkdocs", "custom_dir": "overrides"}
        config["extra_css"] = ["own.css"]

    own = {"bmvis/static/bmvis.css": ".bmvis { color: red }", "bmvis/static/bmvis.js": "// mine"}
    folder = make_site(tmp_path, {"own.css": ".bmvis { color: green }"}, change)
    for uri, text in own.items():
        file = folder / place / uri
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / "overrides").mkdir(exist_ok=True)
    built = build("mkdocs", folder, "--strict")
    assert built.report["code"] == 0, built.log
    for uri, text in own.items():
        assert built.text(uri) == text
    page = built.page("index.html")
    sheets = [link["href"] for link in page.select("link[rel=stylesheet]")]
    assert sheets.index("bmvis/static/bmvis.css") < sheets.index("own.css"), "what the site adds has the last word"
    assert sheets.count("bmvis/static/bmvis.css") == 1
    assert [script["src"] for script in page.select("script[src*=bmvis]")] == ["bmvis/static/bmvis.js"]


@pytest.mark.parametrize("theme", ["mkdocs", pytest.param("readthedocs", marks=pytest.mark.builds), "material"])
def test_pages_load_only_the_files_that_they_need(tmp_path, theme):
    pages = {
        "plain.md": "# Plain\n\n`class=bmvis` is no tree.\n",
        "tree.md": '# Tree\n\n<model-structure factory="zoo:tiny" />\n',
        "cards.md": '# Cards\n\n<model-gallery models="zoo:tiny" />\n',
        "numbers.md": '# Numbers\n\n<model-table models="zoo:tiny" />\n',
        "wrong.md": '# Wrong\n\n<model-structure factory="zoo:nothing" />\n',
    }
    built = build("mkdocs", make_site(tmp_path, pages, lambda config: config.update(theme={"name": theme})))
    found = {}
    for name in (*pages, "404.html"):
        page = built.page("404.html" if name == "404.html" else f"{name.removesuffix('.md')}/index.html")
        links = [tag.get("href") or tag["src"] for tag in page.select("link[rel=stylesheet], script[src]")]
        found[name.partition(".")[0]] = [link.removeprefix("../bmvis/static/") for link in links if "bmvis" in link]
    assert found == {
        "plain": [],
        "tree": ["bmvis.css", "bmvis.js"],
        "cards": ["bmvis.css", "bmvis-gallery.css", "bmvis-gallery.js"],
        "numbers": ["bmvis-table.css", "bmvis-table.js"],
        "wrong": ["bmvis.css"],
        "404": [],
    }


@pytest.mark.parametrize("host", ["mkdocs", pytest.param("zensical", marks=needs_zensical)])
def test_files_that_the_site_links_itself_are_linked_once_by_either_host(tmp_path, host):
    def change(config):
        config["extra_css"], config["extra_javascript"] = ["bmvis/bmvis.css"], ["bmvis/bmvis.js"]
        config["markdown_extensions"][-1]["mkdocs_bmvis"]["assets"] = False

    folder = make_site(tmp_path, change=change)
    subprocess.run([sys.executable, "-m", "bmvis", "assets", str(folder / "docs" / "bmvis")], check=True)
    built = build(host, folder)
    page = built.page("nested/page/index.html")
    links = [tag.get("href") or tag["src"] for tag in page.select("link[rel=stylesheet], script[src]")]
    assert [link for link in links if "bmvis" in link] == ["../../bmvis/bmvis.css", "../../bmvis/bmvis.js"]
    assert not page.select("article style, article script")
    assert built.text("bmvis/bmvis.css") == assets.text("bmvis/static/bmvis.css")


def test_files_for_zensical_in_the_docs_folder_are_left_out(tmp_path):
    folder = make_site(tmp_path)
    for name in ("0123456789/bmvis.css", "own/bmvis.css"):
        place = folder / "docs" / "assets" / "bmvis" / name
        place.parent.mkdir(parents=True)
        place.write_text("")
    built = build("mkdocs", folder)
    assert [place.name for place in (built.folder / "site" / "assets" / "bmvis").iterdir()] == ["own"]


def test_blog_excerpts_are_separate_pages(tmp_path):
    def change(config):
        config["plugins"] = ["search", "blog", "bmvis"]
        del config["nav"]

    post = '---\ndate: 2026-01-01\n---\n# Post\n\n<model-structure factory="zoo:tiny" name="a" />\n\n<!-- more -->\n'
    built = build("mkdocs", make_site(tmp_path, {"blog/posts/post.md": post}, change), "--strict")
    assert built.report["code"] == 0, built.log
    for uri in ("blog/index.html", "blog/archive/2026/index.html"):
        assert [tree["id"] for tree in built.page(uri).select(".bmvis")] == ["model-blog-posts-post.a"]
    assert built.page("blog/2026/01/01/post/index.html").select_one("#a.bmvis")


def test_fact_in_the_title_of_the_front_matter_is_reported(tmp_path):
    fact = '<model-fact model="zoo:tiny" />'
    built = build("mkdocs", make_site(tmp_path, {"index.md": f"---\ntitle: With {fact}\n---\n# A\n\n{fact}\n"}))
    assert built.log.count("this <model-fact> is in the front matter") == 1
    assert "docs/index.md:2: this <model-fact>" in built.log


def test_warning_of_a_blog_post_is_logged_once(tmp_path):
    def change(config):
        config["plugins"] = ["search", "blog", "bmvis"]
        del config["nav"]

    element = '<model-structure factory="zoo:nothing" />'
    post = f"---\ndate: 2026-01-01\n---\n# Post\n\n{element}\n\n{element}\n\n<!-- more -->\n"
    built = build("mkdocs", make_site(tmp_path, {"blog/posts/post.md": post}, change))
    lines = [line for line in built.log.splitlines() if "'zoo' has no 'nothing'" in line]
    assert ["post.md:6" in line for line in lines] == [True, False]
    assert ["post.md:8" in line for line in lines] == [False, True]
    assert len(built.page("blog/index.html").select(".bmvis-error")) == 2


def blog_with_posts(tmp_path, text):
    """Build a blog with two posts of one text, whose ids differ on the pages that show both."""

    def change(config):
        config["plugins"] = ["search", "blog", "bmvis"]
        del config["nav"]

    posts = {
        f"blog/posts/{number}.md": f"---\ndate: 2026-01-0{number}\n---\n# Post {number}\n\n{text}\n\n<!-- more -->\n"
        for number in (1, 2)
    }
    built = build("mkdocs", make_site(tmp_path, posts, change), "--strict")
    assert built.report["code"] == 0, built.log
    for view in map(built.page, BLOG_VIEWS):
        assert len(view.select(".bmvis")) == 2
        ids = ids_of_trees(view)
        assert len(ids) == len(set(ids))
    return built


def ids_of_trees(page):
    return [element["id"] for element in page.select(".bmvis, .bmvis [id]")]


BLOG_VIEWS = ("blog/index.html", "blog/archive/2026/index.html")


def test_posts_that_share_a_blog_view_have_ids_of_their_own(tmp_path):
    built = blog_with_posts(tmp_path, '<model-structure factory="zoo:tiny" />')
    assert built.page("blog/2026/01/01/post-1/index.html").select_one("#model-tiny.bmvis")


@pytest.mark.parametrize(
    ("element", "own"),
    [
        pytest.param('<model-structure factory="zoo:tiny" name="mine" />', "mine", id="name"),
        pytest.param('<model-gallery models="zoo:tiny" name="mine" />', "mine", id="named-gallery"),
        pytest.param('<model-gallery models="zoo:tiny" />', "bmvis-gallery", id="gallery", marks=pytest.mark.builds),
    ],
)
def test_posts_that_share_a_blog_view_and_a_name_have_ids_of_their_own(tmp_path, element, own):
    built = blog_with_posts(tmp_path, f"{element}\n\n## {own}\n\n[A link](#{own})")
    for view in map(built.page, BLOG_VIEWS):
        assert set(ids_of_trees(view)).isdisjoint(heading["id"] for heading in view.select("h1, h2, h3"))
        links = [link["href"].rpartition("/")[2] for link in view.select("p > a") if link.get_text() == "A link"]
        assert links == [f"#{own}"] * 2, "links of excerpts lead to the posts"
    for number in (1, 2):
        assert built.page(f"blog/2026/01/0{number}/post-{number}/index.html").select_one(f"#{own}.bmvis")


def test_site_without_directory_urls_has_the_same_trees(tmp_path):
    def change(config):
        config["use_directory_urls"] = False

    built = build("mkdocs", make_site(tmp_path, change=change), "--strict")
    assert built.report["code"] == 0, built.log
    assert len(built.page("nested/page.html").select(".bmvis")) == 1
    assert built.page("other.html").select_one('a[href="index.html#tiny.0"]')


@pytest.mark.parametrize("theme", ["material", pytest.param("mkdocs", marks=needs_new_mkdocs)])
def test_search_option_includes_the_text_of_a_tree(tmp_path, theme):
    def change(config):
        config["theme"] = {"name": theme}

    page = '<model-structure factory="zoo:tiny" root-name="needle" search />'
    folder = make_site(tmp_path, {"found.md": page}, change)
    texts = [doc["text"] for doc in json.loads(build("mkdocs", folder).text("search/search_index.json"))["docs"]]
    assert sum("Linear" in text for text in texts) == sum("needle" in text for text in texts) == 1


@pytest.mark.parametrize("text", ['<model-structure factory="dirty:build" />', '--8<-- "docs/part.txt"'])
def test_page_follows_its_model_in_a_dirty_build(tmp_path, text):
    def change(config):
        config["markdown_extensions"].append("pymdownx.snippets")
        config["plugins"] = [{"bmvis": {"path": "src"}}]

    other = "# Other\n\nNo model.\n"
    folder = make_site(tmp_path, {"dirty.md": f"# D\n\n{text}\n", "other.md": other}, change, shares_models=False)
    (folder / "docs" / "part.txt").write_text('<model-structure factory="dirty:build" />\n')
    for width, arguments in ((3, ()), (4, ("--dirty",)), (4, ("--dirty",))):
        (folder / "src" / "dirty.py").write_text(f"from torch import nn\ndef build(): return nn.Linear({width}, 1)\n")
        built = build("mkdocs", folder, *arguments)
        assert f"[1, {width}]" in built.page("dirty/index.html").get_text()
        written = (folder / "site/other/index.html").stat().st_mtime_ns
    assert build("mkdocs", folder, "--dirty").report["code"] == 0
    assert (folder / "site/other/index.html").stat().st_mtime_ns == written, "MkDocs writes only changed pages"
