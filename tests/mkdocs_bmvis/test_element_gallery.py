"""The `<model-gallery>` element: cards on every Markdown host, and pages where the plugin runs."""

import pytest
from hosts import PROPERDOCS, build, make_site, needs_new_mkdocs

from mkdocs_bmvis.model_pages import ModelPage
from mkdocs_bmvis.nav import placed

GALLERY = """# Models

<model-gallery toctree="zoo" models="
zoo:tiny | Tiny, the model | small, test
zoo:tiny(layers=1)
"></model-gallery>
"""


def titles(soup):
    return [title.get_text() for title in soup.select(".bmvis-card-title")]


def test_gallery_of_listed_models_has_cards(render):
    shown = render('<model-gallery models="zoo:tiny | Tiny | small, test\n\nzoo:tiny(layers=1)"></model-gallery>')
    assert titles(shown.soup) == ["Tiny", "tiny(layers=1)"]
    assert [tag.get_text() for tag in shown.soup.select(".bmvis-tags li")] == ["small", "test"]
    assert shown.soup.select_one(".bmvis-card")["data-count"]
    assert not shown.soup.select(".bmvis-card a")


def test_cards_show_the_columns_of_lines_and_of_the_project(render, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "zoo.py").write_text("from torch import nn\ntiny = nn.Linear(2, 2)\n")
    project = tmp_path / "pyproject.toml"
    project.write_text('[tool.bmvis.models]\nt = {reference = "zoo:tiny", columns = {mAP = 53.1, speed = "2 ms"}}\n')
    shown = render(
        '<model-gallery models="zoo:tiny | | | mAP=54 | inputs=float32[1]"></model-gallery>', cwd=str(tmp_path)
    )
    assert [text.get_text() for text in shown.soup.select(".bmvis-values div")] == ["mAP 54", "speed 2 ms"]


def test_pattern_finds_models_and_reports_failing_ones(render, caplog):
    shown = render('<model-gallery models="zoo:[tr]*" sort="name" />')
    assert titles(shown.soup) == ["raising", "tiny", "trained"]
    assert len(shown.soup.select(".bmvis-card-error")) == 1
    assert "line 1" in caplog.text


def test_error_of_a_model_has_its_line_on_the_card_and_in_the_log(render, caplog):
    shown = render('# Zoo\n\n<model-gallery models="\nzoo:tiny\nzoo:raising\n"></model-gallery>')
    assert shown.soup.select_one(".bmvis-card-error small").get_text() == "line 5"
    assert "line 5: 'zoo:raising' raised ValueError" in caplog.text


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ('<model-gallery factory="zoo:tiny" />', "a gallery does not accept the attribute 'factory'"),
        ('<model-gallery models="zoo:x*" />', "the pattern 'zoo:x*' matches no model"),
        ('<model-gallery models="zoo:tiny" sort="mAP" />', "no model has the column 'mAP'"),
        ('<model-gallery model="zoo:tiny" />', "unknown attribute 'model'"),
        ('<model-gallery models="zoo:tiny"></model-structure>', "the element is not closed"),
    ],
    ids=["factory", "finds-nothing", "column", "unknown", "closed-by-another"],
)
def test_gallery_error_is_in_box_and_log(render, caplog, element, message):
    assert message in render(element).soup.get_text()
    assert message in caplog.text


def test_galleries_of_one_page_share_assets(render):
    html = render('<model-gallery models="zoo:tiny" />\n\n<model-gallery models="zoo:tiny" />', assets=True).html
    assert html.count("bmvisGallery = true") == 1
    assert "bmvisGallery" not in render('<model-structure factory="zoo:tiny" />', assets=True).html


@needs_new_mkdocs
@pytest.mark.parametrize("host", ["mkdocs", PROPERDOCS])
def test_gallery_adds_pages_to_the_nav(tmp_path, host):
    folder = make_site(tmp_path, {"models.md": GALLERY, "code.md": f"```html\n{GALLERY}```\n"})
    built = build(host, folder, "--strict")
    assert built.report["code"] == 0, built.log
    page = built.page("models/index.html")
    assert [card.a["href"] for card in page.select(".bmvis-card")] == ["../zoo/zoo.tiny/", "../zoo/zoo.tiny-layers-1/"]
    assert "bmvis-gallery.js" in built.text("models/index.html")
    model = built.page("zoo/zoo.tiny/index.html")
    assert model.select_one(".bmvis-tree")
    assert "Tags: small, test" in model.get_text()
    assert [tag.get_text() for tag in model.select(".bmvis-tag")] == ["small", "test"]
    assert any(link.get_text(strip=True) == "Tiny, the model" for link in page.select("a:not(.bmvis a)"))
    (folder / "docs" / "models.md").write_text(GALLERY.replace("zoo:tiny(layers=1)\n", ""))
    again = build(host, folder, "--strict")
    assert [file.name for file in (again.folder / "site" / "zoo").iterdir()] == ["zoo.tiny"]


@needs_new_mkdocs
def test_gallery_without_directory_urls_keeps_pages_of_the_author(tmp_path):
    def change(config):
        config["use_directory_urls"] = False

    own = {"sub/zoo/zoo.tiny.md": "# Written by hand\n", "sub/models.md": GALLERY}
    built = build("mkdocs", make_site(tmp_path, own, change), "--strict")
    assert built.report["code"] == 0, built.log
    cards = built.page("sub/models.html").select(".bmvis-card")
    assert [card.a["href"] for card in cards] == ["zoo/zoo.tiny.html", "zoo/zoo.tiny-layers-1.html"]
    assert built.page("sub/zoo/zoo.tiny.html").h1.get_text() == "Written by hand"
    assert built.page("sub/zoo/zoo.tiny-layers-1.html").select_one(".bmvis-tree")


BY_DEVICE = """
import torch
from torch import nn

def net():
    return nn.Linear(2, 2, bias=torch.get_default_device().type == "cpu")
"""


@needs_new_mkdocs
@pytest.mark.parametrize(
    ("option", "parameters"), [("", "6 parameters"), (' device="meta"', "4 parameters")], ids=["site", "gallery"]
)
def test_gallery_uses_the_device_of_the_site(tmp_path, option, parameters):
    def change(config):
        config["markdown_extensions"][-1]["mkdocs_bmvis"]["options"] = {"device": "cpu"}

    text = f'# Models\n\n<model-gallery toctree="zoo" models="placed:net"{option} />\n'
    folder = make_site(
        tmp_path, {"models.md": f'{text}\n<model-compare before="placed:net" after="placed:net" />\n'}, change
    )
    next(folder.rglob("zoo.py")).with_name("placed.py").write_text(BY_DEVICE)
    built = build("mkdocs", folder, "--strict")
    assert built.report["code"] == 0, built.log
    page = built.page("models/index.html")
    assert page.select_one(".bmvis-card .bmvis-facts span").get_text() == parameters
    assert parameters in built.page("zoo/placed.net/index.html").get_text(" ")
    assert "6 parameters" in page.select_one(".bmvis-tree").parent.get_text(" ")


STAGED = """
from torch import nn

def net(widths=(8, 16, 24)):
    return nn.Sequential(*(nn.Sequential(*(nn.Linear(width, width) for _ in range(3))) for width in widths))
"""


@needs_new_mkdocs
@pytest.mark.parametrize(("fold", "rows", "cells"), [("equal", 7, 6), ("similar", 3, 3)])
def test_models_of_a_site_fold_alike_on_cards_pages_and_in_comparisons(tmp_path, fold, rows, cells):
    def change(config):
        config["markdown_extensions"][-1]["mkdocs_bmvis"]["options"] = {"fold": fold}

    comparison = '<model-compare before="staged:net((8, 16))" after="staged:net" />'
    gallery = '<model-gallery toctree="zoo" models="staged:net" />'
    folder = make_site(tmp_path, {"models.md": f"# Models\n\n{gallery}\n\n{comparison}\n"}, change)
    next(folder.rglob("zoo.py")).with_name("staged.py").write_text(STAGED)
    built = build("mkdocs", folder, "--strict")
    assert built.report["code"] == 0, built.log
    page = built.page("models/index.html")
    assert "".join(path["d"] for path in page.select(".bmvis-card path")).count("z") == cells
    assert len(built.page("zoo/staged.net/index.html").select(".bmvis-tree li")) == rows
    assert bool(page.select(".bmvis-tree .bmvis-similar")) == (fold == "similar")


NEW = ModelPage("Bert", "zoo:bert", "zoo/zoo.bert.md", "")


@pytest.mark.parametrize(
    ("nav", "expected"),
    [
        (["index.md", "m.md"], ["index.md", {"M": ["m.md", {"Bert": "zoo/zoo.bert.md"}]}]),
        ([{"All": "m.md"}], [{"All": ["m.md", {"Bert": "zoo/zoo.bert.md"}]}]),
        ([{"S": [{"All": "m.md"}, "x.md"]}], [{"S": [{"All": "m.md"}, "x.md", {"Bert": "zoo/zoo.bert.md"}]}]),
        ([{"S": ["x.md", "m.md"]}], [{"S": ["x.md", {"M": ["m.md", {"Bert": "zoo/zoo.bert.md"}]}]}]),
    ],
    ids=["plain", "titled", "first-of-a-section", "in-a-section"],
)
def test_gallery_pages_have_their_place_in_the_nav(nav, expected):
    once = placed(nav, "m.md", [NEW])
    assert once == expected
    assert placed(once, "m.md", [NEW]) == expected
