import pytest

from mkdocs_bmvis.place import Page

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
    ],
)
def test_an_element_is_found_at_its_line(text, line):
    assert Page(text).place(TAG) == f"line {line}"


def test_equal_elements_are_found_one_after_another():
    page = Page(f"{TAG}\n\n{TAG}")
    assert [page.place(TAG), page.place(TAG)] == ["line 1", "line 3"]


def test_the_line_is_that_of_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "docs" / "page.md"
    file.parent.mkdir()
    file.write_text(f"\ufeff---\ntitle: x\n---\n\n{TAG}\n")
    assert Page(TAG, file).place(TAG) == "docs/page.md:5"


def test_an_element_from_elsewhere_is_told_by_its_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "page.md"
    file.write_text("{{ macro }}")
    assert Page(TAG, file).place(TAG) == f"page.md, in text from elsewhere, {TAG}"


def test_anchors_are_given_once():
    page = Page("")
    for expected in ("tiny", "tiny-2", "tiny-3"):
        anchor = page.anchor("tiny")
        page.anchors.add(anchor)
        assert anchor == expected
