"""Other plugins in one site with bmvis: they change pages, navigation, files or the number of builds."""

from pathlib import PurePosixPath

import pytest
from hosts import IS_OLD, build, make_site, needs_new_mkdocs

for needed in (
    "mkdocs_awesome_nav",
    "mkdocs_macros",
    "mkdocs_minify_plugin",
    "mkdocs_redirects",
    "mkdocs_static_i18n",
):
    pytest.importorskip(needed, reason=f"{needed} is not installed")

PAGES = {
    "index.de.md": '# Anfang\n\n<model-structure factory="zoo:tiny" name="tiny" />\n',
    "macro.md": """# {{ 1 + 1 }}

<model-structure factory="{{ 'zoo' }}:tiny" name="from-macro" />

<model-structure factory="zoo:tiny" dept="1" />
""",
}
GALLERIES = {
    "models.md": '# Models\n\n<model-gallery toctree="zoo" models="zoo:tiny | Tiny\nzoo:tiny(layers=1)" />\n',
    "models.de.md": '# Modelle\n\n<model-gallery toctree="zoo" models="zoo:tiny | Winzig" />\n',
}
TWO_LANGUAGES = {
    "i18n": {
        "docs_structure": "suffix",
        "languages": [{"locale": "en", "default": True, "name": "English"}, {"locale": "de", "name": "Deutsch"}],
    }
}


def add_plugins(config):
    del config["nav"]
    config["plugins"] = [
        "search",
        "macros",
        "bmvis",
        "awesome-nav",
        {"redirects": {"redirect_maps": {"old.md": "index.md#tiny.0"}}},
        TWO_LANGUAGES,
        {"minify": {"minify_html": True, "minify_css": True, "minify_js": True}},
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build("mkdocs", make_site(tmp_path_factory.mktemp("neighbors"), PAGES | GALLERIES, add_plugins))


def test_default_language_has_its_trees(built):
    assert [tree["id"] for tree in built.page("index.html").select(".bmvis")] == ["tiny", "model-tiny"]


def test_another_language_has_its_trees(built):
    assert [tree["id"] for tree in built.page("de/index.html").select(".bmvis")] == ["tiny"]
    assert len(built.page("de/nested/page/index.html").select(".bmvis")) == 1


def test_element_from_a_macro_is_drawn(built):
    page = built.page("macro/index.html")
    assert [box.get("id") for box in page.select(".bmvis")] == ["from-macro", None]


def test_warning_has_the_line_of_the_file(built):
    assert "docs/macro.md:5: unknown attribute 'dept'" in built.log


def links(built, uri, selector):
    return [(link.get_text(" ", strip=True), link["href"]) for link in built.page(uri).select(selector)]


@needs_new_mkdocs
@pytest.mark.parametrize(
    ("uri", "cards"),
    [
        ("models/index.html", [("Tiny", "../zoo/zoo.tiny/"), ("tiny(layers=1)", "../zoo/zoo.tiny-layers-1/")]),
        ("de/models/index.html", [("Winzig", "../zoo/zoo.tiny/")]),
    ],
    ids=["default", "another"],
)
def test_nav_of_each_language_has_its_gallery_pages(built, uri, cards):
    assert links(built, uri, ".bmvis-card-title a") == cards
    assert [link for link in links(built, uri, ".md-nav--primary a") if "zoo" in link[1]] == cards
    for title, href in cards:
        model = built.page(str(PurePosixPath(uri).parent.parent / href.removeprefix("../") / "index.html"))
        assert model.h1.get_text() == title
        assert model.select_one(".bmvis-tree")


@needs_new_mkdocs
@pytest.mark.parametrize(("structure", "names"), [("suffix", "{}.{}.md"), ("folder", "{1}/{0}.md")])
def test_nav_of_the_author_has_titles_of_each_language(tmp_path, structure, names):
    def change(config):
        config["nav"] = ["models.md"]
        config["plugins"] = ["bmvis", {"i18n": TWO_LANGUAGES["i18n"] | {"docs_structure": structure}}]

    english, german = GALLERIES.values()
    pages = {names.format("models", "en"): english, names.format("models", "de"): german}
    built = build("mkdocs", make_site(tmp_path, pages, change))
    for uri, titles in {"models/index.html": ["Tiny", "tiny(layers=1)"], "de/models/index.html": ["Winzig"]}.items():
        assert [title for title, href in links(built, uri, ".md-nav--primary a") if "zoo" in href] == titles
        assert next(href for _, href in links(built, uri, ".bmvis-card-title a")) == "../zoo/zoo.tiny/"
    assert built.page("de/zoo/zoo.tiny/index.html").h1.get_text() == "Winzig"


def test_minifier_keeps_the_text_of_rows(built):
    assert "0 (Linear) weight:[4, 4] bias:[4]" in built.page("index.html").select_one("#tiny .bmvis-tree").get_text()


def test_redirect_leads_to_a_module(built):
    assert "#tiny.0" in built.text("old/index.html")


def test_plugins_cause_no_other_warnings(built):
    warnings = [line for line in built.log.splitlines() if line.startswith("WARNING")]
    if IS_OLD:
        warnings = [line for line in warnings if "were not written" not in line]  # the pages of models
    assert len(warnings) == 2, warnings  # the unknown attribute, once for each language
