"""Other plugins beside ours, all at once: each has its hand in pages, navigation, files or the number of builds."""

import pytest
from hosts import build, make_site

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


def add_plugins(config):
    del config["nav"]
    config["plugins"] = [
        "search",
        "macros",
        "bmvis",
        "awesome-nav",
        {"redirects": {"redirect_maps": {"old.md": "index.md#tiny.0"}}},
        {
            "i18n": {
                "docs_structure": "suffix",
                "languages": [
                    {"locale": "en", "default": True, "name": "English"},
                    {"locale": "de", "name": "Deutsch"},
                ],
            }
        },
        {"minify": {"minify_html": True, "minify_css": True, "minify_js": True}},
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build("mkdocs", make_site(tmp_path_factory.mktemp("beside"), PAGES, add_plugins))


def test_the_default_language_has_its_trees(built):
    assert [tree["id"] for tree in built.page("index.html").select(".bmvis")] == ["tiny", "model-tiny"]


def test_another_language_has_its_trees(built):
    assert [tree["id"] for tree in built.page("de/index.html").select(".bmvis")] == ["tiny"]
    assert len(built.page("de/nested/page/index.html").select(".bmvis")) == 1


def test_an_element_written_by_a_macro_is_drawn(built):
    page = built.page("macro/index.html")
    assert [box.get("id") for box in page.select(".bmvis")] == ["from-macro", None]


def test_lines_are_those_of_the_file(built):
    assert "docs/macro.md:5: unknown attribute 'dept'" in built.log


def test_a_redirect_leads_to_a_module(built):
    assert "#tiny.0" in built.text("old/index.html")


def test_nothing_else_is_said(built):
    warnings = [line for line in built.log.splitlines() if line.startswith("WARNING")]
    assert len(warnings) == 2, warnings  # the mistake, once for each language
