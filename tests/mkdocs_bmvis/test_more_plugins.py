"""Plugins that `make test-hosts` installs: they write the nav, generate pages, or read the pages of the site."""

import pytest
from hosts import build, make_site, needs_new_mkdocs

pytestmark = needs_new_mkdocs

GALLERY = '# Models\n\n<model-gallery toctree="zoo" models="zoo:tiny | Tiny\nzoo:tiny(layers=1) | One" />\n'
SUMMARY = "* [Start](index.md)\n* [Other](other.md)\n* [Page](nested/page.md)\n"
NAV = "nav:\n  - index.md\n  - other.md\n  - nested/page.md\n"
WRITTEN = {
    "literate-nav": {"SUMMARY.md": f"{SUMMARY}* [Models](models.md)\n", "models.md": GALLERY},
    "literate-nav, gallery as index": {
        "SUMMARY.md": f"{SUMMARY}* Models\n    * [All](m/index.md)\n",
        "m/index.md": GALLERY,
    },
    "literate-nav, pages listed": {"SUMMARY.md": f"{SUMMARY}* [Models](models.md)\n* zoo/*.md\n", "models.md": GALLERY},
    "awesome-nav": {".nav.yml": f"{NAV}  - Models: models.md\n", "models.md": GALLERY},
    "awesome-nav, gallery as index": {".nav.yml": f"{NAV}  - Models:\n      - m/index.md\n", "m/index.md": GALLERY},
    "awesome-nav, pages listed": {".nav.yml": f"{NAV}  - models.md\n  - zoo/*\n", "models.md": GALLERY},
}
ORDERS = {
    "before": lambda plugin: ["bmvis", plugin],
    "after": lambda plugin: [plugin, "bmvis"],
    "section-index": lambda plugin: ["bmvis", plugin, "section-index"],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("written", WRITTEN)
def test_model_pages_are_once_in_the_nav_of_a_plugin(tmp_path, written, order):
    plugin = written.partition(",")[0]
    pytest.importorskip(f"mkdocs_{plugin.replace('-', '_')}", reason=f"{plugin} is not installed")
    if order == "section-index":
        pytest.importorskip("mkdocs_section_index", reason="section-index is not installed")

    def change(config):
        del config["nav"]
        if plugin == "literate-nav":  # awesome-nav reports all pages that its files don't list
            config["validation"]["nav"] = {"omitted_files": "warn"}
        config["plugins"] = ORDERS[order](plugin)

    built = build("mkdocs", make_site(tmp_path, WRITTEN[written], change), "--strict")
    assert built.report["code"] == 0, built.log
    links = [link for link in built.page("other/index.html").select(".md-nav--primary a") if "zoo/" in link["href"]]
    assert sorted(link.get_text(" ", strip=True) for link in links) == ["One", "Tiny"]  # awesome-nav sorts by file
    model = built.page(f"{links[1]['href'].removeprefix('../')}index.html")
    before = links[0]["href"].split("/")[-2]
    assert [link["href"] for link in model.select("link[rel=prev]")] == [f"../{before}/"]


def make_built(tmp_path, module, plugins, pages, strict=True, **changes):
    pytest.importorskip(module, reason=f"{module} is not installed")

    def change(config):
        config.update(plugins=plugins, **changes)

    built = build("mkdocs", make_site(tmp_path, pages, change), *(["--strict"] if strict else []))
    assert built.report["code"] == 0, built.log
    return built


TREES = """# Trees

<model-structure factory="zoo:tiny" name="named" caption="A caption" map flow="auto" inputs="float32[2, 4]" />

<model-structure factory="zoo:tiny" />

[A layer](#named.0)
"""


def test_page_of_all_pages_shares_no_ids_and_links_to_rows(tmp_path):
    pages = {"one.md": TREES, "two.md": TREES, "models.md": GALLERY}
    built = make_built(tmp_path, "mkdocs_print_site_plugin", ["bmvis", "print-site"], pages)
    page = built.page("print_page/index.html")
    ids = [element["id"] for element in page.select("section.print-page [id]")]
    assert len(ids) == len(set(ids))
    assert {"one-named.0", "two-named.0", "zoo-zoo.tiny-model-tiny"} < set(ids)
    for tree in page.select("#one .bmvis[aria-labelledby], #two .bmvis[aria-labelledby]"):
        assert page.find(id=tree["aria-labelledby"]).get_text() == "A caption"
    broken = [link["href"] for link in page.select(".bmvis-card a, p > a") if link["href"][1:] not in ids]
    assert broken == []
    pictured = [link["xlink:href"] for link in page.select("svg a")]
    assert {"#one-named.0", "#two-named.0"} < set(pictured)
    assert [href for href in pictured if href[1:] not in ids] == []
    assert [link["href"] for link in page.select("link[href*='bmvis.css']")] == ["../bmvis/static/bmvis.css"]
    assert built.page("one/index.html").select_one("#named\\.0")


@pytest.mark.parametrize("plugins", [["bmvis", "monorepo"], ["monorepo", "bmvis"]], ids=["before", "after"])
def test_sites_of_a_monorepo_have_trees_and_model_pages(tmp_path, plugins):
    (tmp_path / "sub" / "docs").mkdir(parents=True)
    (tmp_path / "sub" / "mkdocs.yml").write_text("site_name: sub\nnav:\n  - index.md\n  - models.md\n")
    (tmp_path / "sub" / "docs" / "index.md").write_text('# Sub\n\n<model-structure factory="zoo:tiny" name="sub" />\n')
    (tmp_path / "sub" / "docs" / "models.md").write_text(GALLERY)
    nav = ["index.md", "other.md", "nested/page.md", {"Sub": "!include ./sub/mkdocs.yml"}]
    built = make_built(tmp_path, "mkdocs_monorepo_plugin", plugins, {}, nav=nav)
    assert built.page("sub/index.html").select_one("#sub .bmvis-tree")
    assert [a["href"] for a in built.page("sub/models/index.html").select(".bmvis-card-title a")][1] == "../zoo/one/"
    assert built.page("sub/zoo/one/index.html").select_one(".bmvis-tree")


WRITER = """
import mkdocs_gen_files
with mkdocs_gen_files.open("generated.md", "w") as file:
    file.write('# Generated\\n\\n<model-gallery toctree="zoo" models="zoo:tiny | Tiny" />\\n')
"""


@pytest.mark.parametrize("is_first", [True, False], ids=["gen-files first", "bmvis first"])
def test_gallery_on_a_page_of_gen_files_has_pages_or_a_warning(tmp_path, is_first):
    (tmp_path / "write.py").write_text(WRITER)
    generate = {"gen-files": {"scripts": ["write.py"]}}
    plugins = [generate, "bmvis"] if is_first else ["bmvis", generate]
    built = make_built(tmp_path, "mkdocs_gen_files", plugins, {}, strict=is_first)
    links = [link["href"] for link in built.page("generated/index.html").select(".bmvis-card a")]
    warning = "generated.md:3: the pages for the models of this list were not written (list bmvis after the plugins"
    assert (links, warning in built.log) == ((["../zoo/zoo.tiny/"], False) if is_first else ([], True))


@pytest.mark.parametrize("plugin", ["snippets", "include-markdown"])
def test_one_named_tree_included_on_two_pages_causes_no_warning(tmp_path, plugin):
    (tmp_path / "shared.md").write_text('<model-structure factory="zoo:tiny" name="shared" />\n')
    include = {"snippets": '--8<-- "shared.md"', "include-markdown": f'{{% include "{tmp_path}/shared.md" %}}'}[plugin]
    pages = dict.fromkeys(("one.md", "two.md"), f"# Page\n\n{include}\n\n[A layer](#shared.0)\n")
    plugins = ["autorefs", "bmvis"] + (["include-markdown"] if plugin != "snippets" else [])
    extensions = [{"pymdownx.snippets": {"base_path": ["."]}}]
    module = "mkdocs_include_markdown_plugin" if plugin != "snippets" else "mkdocs_autorefs"
    built = make_built(
        tmp_path, module, plugins, pages, markdown_extensions=[*extensions, {"mkdocs_bmvis": {"path": ["src"]}}]
    )
    for page in ("one", "two"):
        assert built.page(f"{page}/index.html").select_one("#shared .bmvis-tree")


def test_text_for_language_models_has_words_and_totals(tmp_path):
    page = '# Models\n\n<model-structure factory="zoo:tiny" />\n\n<model-gallery models="zoo:tiny | Tiny" />\n'
    plugins = ["bmvis", {"llmstxt": {"full_output": "full.txt", "sections": {"All": ["models.md"]}}}]
    built = make_built(tmp_path, "mkdocs_llmstxt", plugins, {"models.md": page})
    lines = [line.strip() for line in built.text("full.txt").splitlines()]
    assert "**Sequential** 40 parameters all trainable float32 160 bytes" in lines
    assert any("*(Linear)* weight:[4, 4] bias:[4] 20" in line for line in lines)
    assert "40 parameters 160 bytes" in lines


READER = """
from pathlib import Path

def on_page_read_source(page, config):
    return Path(page.file.abs_src_path).read_text() + "\\nRead from the disk."
"""


def test_model_pages_are_files_that_plugins_can_read(tmp_path):
    (tmp_path / "read.py").write_text(READER)
    built = make_built(tmp_path, "mkdocs", ["bmvis"], {"models.md": GALLERY}, hooks=["read.py"])
    page = built.page("zoo/zoo.tiny/index.html")
    assert page.h1.get_text() == "Tiny"
    assert page.select_one(".bmvis-tree")
    assert "Read from the disk." in page.get_text()


CSS = """
def on_env(env, config, files):
    config.extra_css.append("late.css")
"""


def test_stylesheet_that_a_plugin_adds_late_is_on_all_pages(tmp_path):
    (tmp_path / "late.py").write_text(CSS)
    built = make_built(tmp_path, "mkdocs", ["bmvis"], {"plain.md": "# Plain\n"}, hooks=["late.py"])
    for page in ("index.html", "plain/index.html"):
        assert built.page(page).select("link[href$='late.css']"), page
