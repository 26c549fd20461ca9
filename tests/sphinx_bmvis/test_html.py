"""The HTML of `model-structure`."""

from pathlib import Path

import pytest


def rows(tree):
    return [" ".join(row.get_text().split()) for row in tree.select("summary, .bmvis-tree li > div")]


def test_correct_site_builds_without_warnings(html):
    assert html.warnings == ""


def test_tree_replaces_the_directive(html):
    assert rows(html.trees("index.html")[0]) == [
        "root (Sequential) 84",
        "0-2 (Block) 3 × 28",
        "dense (Linear) weight:[4, 4] bias:[4] 20",
        "norm (LayerNorm) weight:[4] bias:[4] 8",
    ]


def test_myst_and_rst_give_the_same_trees(html):
    index, myst = html.trees("index.html"), html.trees("myst.html")
    assert [rows(tree) for tree in index[1:3]] == [rows(tree) for tree in myst]


def test_options_apply_to_the_tree(html):
    named, shallow, whole = html.trees("index.html")
    assert named["id"] == "tiny-model"
    assert "wide" in named["class"]
    assert named.select_one(".bmvis-caption").get_text() == "Fig. 1 A tiny model & its <blocks>"
    assert rows(shallow) == ["root (Sequential) 84", "0-2 (Block) 2 modules below 3 × 28"]
    assert rows(whole)[0] == "model (Sequential) 84"
    assert rows(whole)[-1] == "3 (Dropout)"


@pytest.mark.parametrize(
    ("page", "text", "target"),
    [
        ("index.html", "A tiny model & its <blocks>", "#tiny-model"),
        ("myst.html", "this tree", "#myst-model"),
        ("myst.html", "the other", "index.html#tiny-model"),
    ],
    ids=["by caption", "same page", "other page"],
)
def test_named_tree_is_a_target_of_references(html, page, text, target):
    [link] = [a for a in html.page(page).select("a.internal") if a.get_text() == text]
    assert link["href"] == target


def test_figure_that_replaces_a_tree_is_a_target_of_references(html):
    page = html.page("figures.html")
    found = [page.find(id=a["href"][1:]) for a in page.select("p > a.internal")]
    assert [element.name for element in found] == ["li", "g", "g", "g"]
    row, frame, box, folded = found
    assert row["id"] == "network.layers.0.up"
    assert frame.parent["class"] == ["bmvis-frames"]
    assert [box.find_all("text")[-1].get_text() for box in (box, folded)] == ["head", "up"]


@pytest.mark.parametrize("page", ["index.html", "myst.html", "places.html", "figures.html"])
def test_every_id_is_unique_on_its_page(html, page):
    ids = [element["id"] for element in html.page(page).select("[id]")]
    assert len(ids) == len(set(ids))


def test_trees_in_admonitions_lists_tables_and_only_blocks(html):
    page = html.page("places.html")
    for place in (".admonition", "li p + .bmvis", "td", ".bmvis"):
        assert page.select_one(place), place
    assert len(html.trees("places.html")) == 5


def test_text_of_a_model_is_never_markup(html):
    assert not html.page("places.html").select("img")
    assert "<img src=x onerror=alert(1)>" in html.trees("places.html")[-1].get_text()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('``class="bmvis"`` is no tree.', []),
        (".. model-structure:: zoo:tiny", ["bmvis.css", "bmvis.js"]),
        (".. model-gallery::\n\n   zoo:tiny", ["bmvis.css", "bmvis-gallery.css", "bmvis-gallery.js"]),
        (".. model-table::\n\n   zoo:tiny", ["bmvis-table.css", "bmvis-table.js"]),
        (".. model-structure:: zoo:nothing", ["bmvis.css"]),
    ],
    ids=["none", "tree", "gallery", "table", "error"],
)
def test_page_loads_only_the_files_that_it_needs(make_site, content, expected):
    built = make_site({"index.rst": f"Page\n====\n\n{content}\n"}).build()
    tags = built.page("index.html").select("link[rel=stylesheet], script[src]")
    names = [Path((tag.get("href") or tag["src"]).partition("?")[0]).name for tag in tags]
    assert [name for name in names if name.startswith("bmvis")] == expected
