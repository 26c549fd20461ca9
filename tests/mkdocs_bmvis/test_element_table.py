"""The `<model-table>` element: a table on every Markdown host, and pages where the plugin runs."""

import re

import pytest
from hosts import PROPERDOCS, build, make_site, needs_new_mkdocs

TABLE = """# Models

Text.

<model-table name="sizes" caption="Ours &amp; theirs" columns="name, type, parameters, tags, own" toctree="zoo"
  sort="parameters" models="
zoo:tiny | Tiny, the model | small, test | own=1.5
zoo:raising
zoo:tiny(layers=9) | Tall | | own=[a link](https://example.org/a)
"></model-table>
"""


def rows(soup, number=0):
    table = soup.select(".bmvis-table table")[number]
    return [[cell.get_text(" ", strip=True) for cell in row.select("th, td")] for row in table.select("tr")]


def test_lines_become_rows_and_a_model_that_fails_is_an_error_in_its_row(render, caplog):
    shown = render(TABLE)
    assert rows(shown.soup) == [
        ["Model", "Type", "Parameters", "Tags", "own"],
        ["Tall", "Sequential", "180", "–", "a link"],
        ["Tiny, the model", "Sequential", "40", "small, test", "1.5"],
        ["raising", "Not built: 'zoo:raising' raised ValueError: no weights line 8"],
    ]
    assert shown.soup.select_one("#sizes caption").get_text() == "Ours & theirs"
    assert shown.soup.select_one("#sizes tbody a")["href"] == "https://example.org/a"
    assert "line 8: 'zoo:raising' raised ValueError" in caplog.text


def test_groups_patterns_and_one_call(render, caplog):
    shown = render('<model-table models="zoo:[tr]* | | all" columns="parameters" group />')
    assert rows(shown.soup)[1] == ["all"]
    assert [cells[0].partition(" ")[0] for cells in rows(shown.soup)[2:]] == ["40", "40", "raising"]
    render('<model-table models="zoo:tiny" columns="macs" inputs="float32[1, 3]" />')
    assert "the model of 'zoo:tiny' could not be called" in caplog.text


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ('<model-table factory="zoo:tiny" />', "a table does not accept the attribute 'factory'"),
        ('<model-table models="zoo:tiny" columns="name, parameter" />', "the table has no column 'parameter'"),
        ('<model-table model="zoo:tiny" />', "unknown attribute 'model'"),
        ('<model-table models="zoo:tiny" data="none.csv" />', "cannot read the data file 'none.csv'"),
        ('<model-table models="zoo:tiny | T | t | 80" />', "'80' in the line 'zoo:tiny | T | t | 80'"),
        ('<model-table models="zoo:tiny"></model-gallery>', "the element is not closed"),
        ('<model-tabel models="zoo:tiny"></model-tabel>', "did you mean <model-table>?"),
    ],
    ids=["factory", "column", "attribute", "data", "value", "closed-by-another", "misspelled"],
)
def test_invalid_table_is_an_error_box_and_a_warning(render, caplog, element, message):
    assert message in render(f"Text\n\n{element}\n").boxes[0].get_text()
    assert re.search(r"line 3: .*" + re.escape(message), caplog.text)


def test_one_text_has_the_assets_once(render):
    html = render('<model-table models="zoo:tiny" />\n\n<model-table models="zoo:tiny" />', assets=True).html
    assert html.count("bmvisTable = true") == 1
    assert "bmvisTable" not in render('<model-structure factory="zoo:tiny" />', assets=True).html


@needs_new_mkdocs
@pytest.mark.parametrize("host", ["mkdocs", PROPERDOCS])
def test_a_site_with_pages_data_and_links_from_another_page(tmp_path, host):
    other = 'Other\n\n<model-table models="zoo:t*" columns="name, own, accuracy" data="data.toml" />\n'
    folder = make_site(tmp_path, {"models.md": TABLE, "other.md": other})
    (folder / "data.toml").write_text('[tiny]\nown = "x"\naccuracy = 76.1\n')
    built = build(host, folder)
    page = built.page("models/index.html")
    links = [link["href"] for link in page.select(".bmvis-table tbody th a")]
    assert links == ["../zoo/tall/", "../zoo/zoo.tiny/"]
    assert built.page("zoo/zoo.tiny/index.html").select_one(".bmvis-tree")
    assert "bmvis-table.js" in built.text("models/index.html")
    assert re.search(r"docs/models.md:8: 'zoo:raising' raised", built.log)
    found = built.page("other/index.html")
    assert rows(found)[1:] == [["tiny", "x", "76.1"], ["trained", "–", "–"]]
    assert found.select_one(".bmvis-table tbody th a")["href"] == "../zoo/zoo.tiny/"


def test_rows_link_to_trees_on_the_page(render):
    tree = '<model-structure factory="{}" {}/>'
    page = [
        "`<model-structure factory='zoo:raising' />`",
        tree.format("zoo:tiny", ""),
        tree.format("other:tiny", ""),
        "- " + tree.format("zoo:deep", 'name="deep"'),
        '<model-table models="zoo:tiny\nzoo:deep\nzoo:tiny(layers=9)" />',
        tree.format("zoo:tiny(layers=9)", 'base="zoo:tiny"'),
    ]
    shown = render("\n\n".join(page))
    links = [link["href"] for link in shown.soup.select(".bmvis-table tbody a")]
    assert links == ["#model-tiny", "#deep"]
    for link in links:
        assert shown.soup.select_one(link)


@pytest.mark.parametrize("host", ["mkdocs", PROPERDOCS])
def test_rows_link_to_trees_on_other_pages(tmp_path, host):
    text = '# D\n\n<model-structure factory="zoo:deep" />\n'
    table = '# T\n\n<model-table models="zoo:deep\nzoo:tiny" />\n'
    own = "\n\nText\n\n<model-structure factory='zoo:tiny' name='mine' />\n"
    built = build(host, make_site(tmp_path, {"nested/deep.md": text, "table.md": table + own}))
    links = [link["href"] for link in built.page("table/index.html").select(".bmvis-table tbody a")]
    assert links == ["../nested/deep/#model-deep", "#mine"]
    assert built.page("nested/deep/index.html").select_one("#model-deep")


def test_rows_link_to_trees_with_a_name_of_pyproject(tmp_path):
    trees = '# D\n\n<model-structure factory="small" />\n\n<model-structure factory="zoo:deep" />\n'
    table = '# T\n\n<model-table models="zoo:tiny(layers=7)\nlayers" />\n'
    folder = make_site(tmp_path, {"trees.md": trees, "table.md": table})
    (folder / "pyproject.toml").write_text("[tool.bmvis.models]\nsmall = 'zoo:tiny(layers=7)'\nlayers = 'zoo:deep'\n")
    links = [link["href"] for link in build("mkdocs", folder).page("table/index.html").select(".bmvis-table tbody a")]
    assert links == ["../trees/#model-small", "../trees/#model-deep"]


@pytest.mark.parametrize("element", ["gallery", "table"])
def test_link_to_a_list_that_is_not_drawn_leads_to_its_error(element, render):
    shown = render(f'<model-{element} name="models" models="zoo:tiny" data="none.csv" />')
    assert shown.soup.select_one("#models + .bmvis-error")
