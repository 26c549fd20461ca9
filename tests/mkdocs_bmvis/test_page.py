import pytest

from mkdocs_bmvis.page import HostPage, place_in_sources

TAG = '<model-structure factory="m:f">'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(f"a\n\n{TAG}", 3, id="plain"),
        pytest.param('a\n<model-structure\n    factory="m:f"\n  >', 2, id="over-lines"),
        pytest.param('> <model-structure\n> factory="m:f">', 1, id="in-a-quote"),
        pytest.param(f"```html\n{TAG}\n```\n\n{TAG}", 5, id="after-a-fence"),
        pytest.param(f"- a\n\n    ~~~\n    {TAG}\n    ~~~\n\n{TAG}", 7, id="after-a-fence-in-a-list"),
        pytest.param(f"````\n```\n````\n{TAG}\n```\n```\n", 4, id="between-fences"),
        pytest.param(f"```code``` in line\n\n{TAG}\n\n```\n```", 3, id="after-code-in-line"),
        pytest.param(f"<!--\n{TAG}\n-->\n{TAG}", 4, id="after-a-comment"),
        pytest.param('<model-structure factory="m:g">\n' + TAG, 2, id="after-another"),
        pytest.param(f"`{TAG}`\n\n{TAG}", 3, id="after-code-in-a-sentence"),
        pytest.param(f"A `` `{TAG}` `` and\n\n{TAG}", 3, id="after-code-between-two-ticks"),
        pytest.param(f"a ` tick\n\n{TAG}\n\n a ` tick", 3, id="between-ticks-of-two-paragraphs"),
        pytest.param(f"    {TAG}\n\n{TAG}", 3, id="after-indented-code"),
        pytest.param(f"- a\n\n    {TAG}\n\n{TAG}", 3, id="in-a-list-item"),
        pytest.param(f'=== "Tab"\n\n    - a\n\n        {TAG}\n\n{TAG}', 5, id="in-a-list-in-a-tab"),
        pytest.param(f"Text {TAG} text\n\n> {TAG}", 3, id="after-an-element-in-a-sentence"),
        pytest.param(f"Text\n{TAG}\n\n{TAG}", 4, id="after-an-element-below-text"),
        pytest.param(f"| {TAG} | a |\n\n1. {TAG}", 3, id="after-an-element-in-a-table"),
        pytest.param(f"## A heading\n{TAG}\n\n{TAG}", 2, id="below-a-heading"),
        pytest.param(f"!!! note\n    {TAG}\n\n{TAG}", 2, id="below-the-line-of-an-admonition"),
        pytest.param(f"    {TAG}", 1, id="in-code-alone"),
    ],
)
def test_line_of_finds_an_element(text, line):
    assert HostPage(text).line_of(TAG) == line


def test_line_of_finds_equal_elements_in_order():
    page = HostPage(f"{TAG}\n\n{TAG}")
    assert [page.line_of(TAG), page.line_of(TAG), page.line_of(TAG)] == [1, 3, None]


def test_element_that_is_not_closed_is_not_one_that_starts_like_it():
    page = HostPage(f'{TAG}\n\n<model-structure factory="m:f"\n\ntext')
    assert page.line_of('<model-structure factory="m:f"') == 3


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ('<model-fact model="m:f" of="size" />\n\n<model-fact>m:f</model-fact>', "<model-fact>"),
        ('<model-fact model="m:f" />\n\nA <model-fact model="m:f"> b', '<model-fact model="m:f">'),
    ],
)
def test_tag_that_another_one_starts_with_has_its_own_line(text, tag):
    assert HostPage(text).line_of(tag) == 3


def test_element_in_the_front_matter_is_reported_and_takes_no_line(tmp_path):
    file, fact = tmp_path / "page.md", '<model-fact model="m:f" />'
    file.write_text(f"---\ntitle: A {fact}\ndescription: The tag `{fact}` or <model-fact>\n---\n# A\n\n{fact}\n")
    page = HostPage(f"# A\n\n{fact}\n", file)
    assert [(line, raw) for line, raw, _ in page.front_matter_elements()] == [(2, fact)]
    assert [*page.front_matter_elements()] == []  # the page is converted in parts
    assert page.line_of(fact) == 7


def test_rules_at_the_start_of_a_page_are_no_front_matter(tmp_path):
    file = tmp_path / "page.md"
    file.write_text(f"---\n\n{TAG}\n\n---\n")
    page = HostPage(file.read_text(), file)
    assert [*page.front_matter_elements()] == []
    assert page.line_of(TAG) == 3


def test_location_has_the_line_of_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "docs" / "page.md"
    file.parent.mkdir()
    file.write_text(f"\ufeff---\ntitle: x\n---\n\n{TAG}\n")
    page = HostPage(TAG, file)
    assert page.location(page.line_of(TAG)) == "docs/page.md:5"


def test_place_in_sources_finds_element_in_a_docstring(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (".venv", "src/package"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "api.py").write_text(f'"""Do it.\n\n    {TAG}\n"""\n')
    assert place_in_sources(TAG, [tmp_path]) == "src/package/api.py:3"
    assert place_in_sources(TAG.replace(":f", ":g"), [tmp_path]) is None


def test_markup_of_sphinx_is_found_in_docstrings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "api.py").write_text('"""Do it.\n\n    .. model-structure:: m:f\n"""\n')
    assert place_in_sources(".. model-structure:: m:f", [tmp_path]) == "api.py:3"
    assert place_in_sources(".. model-structure:: m:g", [tmp_path]) is None


def test_markup_of_sphinx_in_a_docstring_has_no_line_of_the_page():
    page = HostPage("# A\n\n.. model-structure:: m:f\n")
    assert [line for line, _, _ in page.sphinx_markup(page.text)] == [3]
    found = page.sphinx_markup("Example:\n\n.. model-structure:: m:g\n\n    .. model-structure:: m:code\n")
    assert [(line, raw) for line, raw, _ in found] == [(None, ".. model-structure:: m:g")]


def test_anchors_are_unique():
    page = HostPage("")
    for expected in ("tiny", "tiny-2", "tiny-3"):
        anchor = page.anchor("tiny")
        page.anchors.add(anchor)
        assert anchor == expected


def test_directives_of_sphinx_are_reported_once_for_each_page():
    text = "# A\n\n```{model-structure} zoo:bert\n```\n"
    page = HostPage(text)
    assert [line for line, _, _ in page.sphinx_markup(text)] == [3]
    assert [*page.sphinx_markup(text)] == []  # the page is converted in parts
    assert [*HostPage(text, is_excerpt=True).sphinx_markup(text)] == []  # the page of the post reports it


def test_markup_of_sphinx_counts_if_the_host_converts_it(tmp_path):
    """Hooks and macros can leave out what the file of a page has for Sphinx."""
    file = tmp_path / "page.md"
    file.write_text("{% if sphinx %}\n{model}`net`\n{% endif %}\n\n{params}`net`\n\n.. model-structure:: a\n")
    found = HostPage("", file).sphinx_markup("{params}`net` and `{model}`")
    assert [(line, raw) for line, raw, _ in found] == [(5, "{params}`net`")]
