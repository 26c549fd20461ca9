"""The `<model-fact>` element: numbers in sentences, headings and cells on every Markdown host."""

import re
import shutil

import pytest
from commands import snapshot
from hosts import PROPERDOCS, build, make_site

SENTENCE = 'It has <model-fact model="zoo:tiny(layers=300, width=24)" of="parameters" format="{}" /> parameters.'


def text(rendered) -> str:
    return " ".join(rendered.soup.body.get_text().split())


@pytest.mark.parametrize(
    ("written", "shown", "exact"),
    [("short", "180K", "180,000"), ("exact", "180,000", None), ("words", "180 thousand", "180,000")],
)
def test_formats_with_the_exact_number_in_a_tooltip(render, caplog, written, shown, exact):
    rendered = render(SENTENCE.format(written))
    assert text(rendered) == f"It has {shown} parameters."
    [number] = rendered.soup.select("p > data")
    assert (number["value"], number.get("title")) == ("180000", exact)
    assert not caplog.records


PLACES = {
    "closed": ('A <model-fact model="zoo:tiny"></model-fact> b', "A 40 b"),
    "at-the-start": ('<model-fact model="zoo:tiny" /> b', "40 b"),
    "alone": ('<model-fact model="zoo:tiny" />', "40"),
    "over-lines": ('A <model-fact\n  model="zoo:tiny"\n  of="type" /> b', "A Sequential b"),
    "emphasis": ('**<model-fact model="zoo:tiny" />** _<model-fact model="zoo:tiny" of="size" />_', "40 160 bytes"),
    "link": ('[<model-fact model="zoo:tiny" /> parameters](x.md)', "40 parameters"),
    "cell": ('| a |\n|---|\n| <model-fact model="zoo:tiny" /> |', "a 40"),
    "list": ('- one\n- <model-fact model="zoo:tiny" />', "one 40"),
    "raw-html": ('<div>\n<p>A <model-fact model="zoo:tiny" /></p>\n</div>', "A 40"),
    "module": ('<model-fact model="zoo:tiny:1.0" /> <model-fact model="zoo:tiny" module="0" of="depth" />', "20 1"),
    "inputs": ('<model-fact model="zoo:tiny" of="macs" inputs="float32[2, 4]" />', "64"),
    "code": ('`<model-fact model="zoo:raising" />`', '<model-fact model="zoo:raising" />'),
    "fence": ('```\n<model-fact model="zoo:raising" />\n```', '<model-fact model="zoo:raising" />'),
    "comment": ('<!-- <model-fact model="zoo:raising" /> -->\n\nText', "Text"),
}


@pytest.mark.parametrize(("written", "shown"), PLACES.values(), ids=PLACES)
def test_fact_is_shown_in_each_kind_of_markup(render, caplog, written, shown):
    assert text(render(written, ["tables", "pymdownx.superfences"])) == shown
    assert not caplog.records


def test_headings_show_facts_but_their_anchors_do_not_change_with_them(render):
    heading = '## Has <model-fact model="zoo:tiny{}" /> parameters\n'
    given = '## Has parameters\n\n{#no} \n\n### <model-fact model="zoo:tiny" /> {#mine}\n'
    rendered = render(heading.format("") + heading.format("(layers=3)") + given, ["toc", "attr_list"])
    found = [(head["id"], head.get_text()) for head in rendered.soup.select("h2, h3")]
    assert found == [
        ("has-parameters", "Has 40 parameters"),
        ("has-parameters_1", "Has 60 parameters"),
        ("has-parameters_2", "Has parameters"),
        ("mine", "40"),
    ]
    assert "data-bmvis-fact" not in rendered.html


MISTAKES = {
    "raising": ('model="zoo:raising"', "'zoo:raising' raised ValueError: no weights", "zoo:raising"),
    "module": ('model="zoo:tiny:7"', "the model 'zoo:tiny' has no module '7'", "zoo:tiny:7"),
    "no-value": ('model="zoo:tiny" of="active"', "'zoo:tiny' has no value of 'active'", "active of zoo:tiny"),
    "no-call": ('model="zoo:tiny" of="macs" inputs="int64[1]"', "could not be called", "macs of zoo:tiny"),
    "no-inputs": ('model="zoo:tiny" of="macs"', "'macs' requires 'inputs'", "macs of zoo:tiny"),
    "of": (
        'model="zoo:tiny" of="param"',
        "invalid value 'param' for option 'of' (did you mean 'parameters'?)",
        "param of zoo:tiny",
    ),
    "format": ('model="zoo:tiny" format="long"', "invalid value 'long' for option 'format'", "zoo:tiny"),
    "factory": ('factory="zoo:tiny"', "unknown attribute 'factory' (did you mean 'model'?)", "a model"),
    "fact": ('model="zoo:tiny" fact="size"', "unknown attribute 'fact' (did you mean 'of'?)", "zoo:tiny"),
    "no-model": ('of="size"', "the attribute 'model' is missing", "size of a model"),
    "name": ('model="tiny"', "no ':' in the factory reference 'tiny'", "tiny"),
    "hostile": ("model='<b>'", "the factory reference '<b>'", "<b>"),
}


@pytest.mark.parametrize(("attributes", "message", "mark"), MISTAKES.values(), ids=MISTAKES)
def test_a_fact_that_fails_is_one_located_warning_and_a_mark(render, caplog, attributes, message, mark):
    rendered = render(f"Text\n\nIt has <model-fact {attributes} /> parameters.\n")
    found = rendered.soup.select_one("p > mark")
    assert found.get_text() == f"[unknown: {mark}]"
    assert message in found["title"]
    [record] = caplog.records
    assert record.getMessage().startswith("line 3: ")
    assert message in record.getMessage()


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ('A <model-fact model="zoo:tiny"> b', "the element is not closed"),
        ('A <model-fact model="zoo:tiny b', "the value of 'model' has no closing quote"),
        ('A <model-facts model="zoo:tiny" /> b', "did you mean <model-fact>?"),
    ],
)
def test_invalid_fact_is_one_warning(render, caplog, written, message):
    render(written)
    assert message in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize("host", ["mkdocs", PROPERDOCS, "zensical"])
def test_a_site_has_facts_in_titles_and_in_the_search(tmp_path, host):
    page = '# A <model-fact model="zoo:tiny" of="size" /> net\n\nHas <model-fact model="zoo:tiny" />.\n'
    pages = {"index.md": "# Start\n", "facts.md": page, "late.md": '# L\n\n<model-fact model="zoo:raising" />\n'}
    folder = make_site(tmp_path, pages, lambda config: config.update(nav=[*pages]))
    for other in folder.joinpath("docs").rglob("*.md"):
        if other.name not in pages:
            other.unlink()
    built = build(host, folder)
    assert "A 160 bytes net" in built.page("facts/index.html").select_one("title").get_text()
    assert built.page("facts/index.html").select_one("article data").get_text() == "160 bytes"
    assert "A 160 bytes net" in built.page("index.html").select_one("nav.md-nav--primary").get_text()
    assert re.search(r"docs/late.md:3: 'zoo:raising' raised", built.log)
    assert built.page("late/index.html").select_one("mark")
    source = folder / "src" / "zoo.py"
    source.write_text(source.read_text().replace("width=4", "width=5"))
    again = build(host, folder, *(["--clean"] if host == "zensical" else []))
    assert "A 240 bytes net" in again.page("facts/index.html").select_one("title").get_text()


def test_names_and_snapshots_of_pyproject(tmp_path, render, caplog):
    shutil.copytree(make_site(tmp_path / "site") / "src", tmp_path / "src")
    entry = 'tiny = {reference = "zoo:tiny", inputs = "float32[1, 4]"}'
    (tmp_path / "pyproject.toml").write_text(f'[tool.bmvis]\npath = ["src"]\n[tool.bmvis.models]\n{entry}\n')
    snapshot(tmp_path)
    written = '<model-fact model="tiny:1" /> <model-fact model="tiny" of="macs" />'
    assert text(render(written, cwd=str(tmp_path))) == "20 32"
    assert not caplog.records
    assert text(render(written, cwd=str(tmp_path), mode="snapshot")) == "20 32"
    source = tmp_path / "src" / "zoo.py"
    source.write_text(source.read_text().replace("width=4", "width=5"))
    assert text(render('<model-fact model="tiny" />', cwd=str(tmp_path), mode="snapshot")) == "40"
    caplog.clear()
    assert text(render('<model-fact model="tiny" />', cwd=str(tmp_path), mode="check")) == "60"
    assert "differs from its snapshot" in caplog.text
