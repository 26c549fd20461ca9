"""A highlight pattern without matches: a warning with its line, so that `--strict` fails, and the whole tree."""

import logging

import pytest

from mkdocs_bmvis.reporting import PageError

ELEMENT = '<model-structure factory="zoo:tiny" highlight="1.1 0.2" non-params />'


def test_highlight_warning_has_line_and_suggestion(render, caplog):
    page = render(f"# Marked\n\n{ELEMENT}\n")
    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.WARNING, "mkdocs.plugins.bmvis")
    assert record.getMessage() == "line 3: '0.2' matches no module of this Sequential (did you mean '0.0'?)"
    assert not page.boxes
    assert [mark.get_text() for mark in page.trees[0].select(".bmvis-tree mark")] == ["1"]


def test_highlight_warning_raises_with_on_error_raise(render):
    with pytest.raises(PageError, match=r"line 1: '0\.2' matches no module"):
        render(ELEMENT, on_error="raise")


def test_unreadable_element_is_an_error_box(render, caplog):
    page = render(ELEMENT.replace("1.1 0.2", "[r]*"))
    assert "invalid regular expression '*': nothing to repeat" in page.boxes[0].get_text()
    assert not page.trees


def test_options_for_a_figure_without_one_have_a_warning_with_line(render, caplog):
    page = render('# Tree\n\n<model-structure factory="zoo:tiny" flow-closed="1" />\n')
    assert [record.getMessage() for record in caplog.records] == [
        "line 3: flow-closed has no effect without flow (add flow: auto)"
    ]
    assert len(page.trees) == 1
