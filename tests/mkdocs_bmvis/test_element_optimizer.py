"""`<model-optimizer>`: a table, marks on the tree, and a located warning of what is wrong."""

ELEMENT = '<model-optimizer factory="zoo:trained" name="recipe"{} />'


def test_optimizer_element_shows_table_marks_and_warning(render, caplog):
    page = render(f"# Trained\n\n{ELEMENT.format('')}\n")
    [tree] = page.trees
    assert [cell.get_text() for cell in tree.select("tbody th")] == ["0"]
    assert {mark["aria-label"] for mark in tree.select(".bmvis-tree .bmvis-g")} == {"group 0"}
    [record] = caplog.records
    assert record.getMessage().startswith("line 3: 2 frozen parameters (20 elements) are in a group")


def test_accepted_findings_are_no_warnings(render, caplog):
    page = render(ELEMENT.format(' accept="frozen"'))
    assert page.trees[0].select(".bmvis-findings li")
    assert not caplog.records


def test_missing_factory_is_reported_with_an_example(render):
    page = render("<model-optimizer />")
    assert 'write <model-optimizer factory="package.module:factory" />' in page.boxes[0].get_text()
