"""Modules that a build without changed models does not import."""

import pytest
from hosts import build, make_site

TREE = '# Model\n\n<model-structure factory="zoo:tiny" name="tiny"></model-structure>\n'
HEAVY = (
    "bmvis.comparison.changes",
    "bmvis.comparison.drift",
    "bmvis.overviews.table",
    "bmvis.render.html.figure",
    "bmvis.source.checkpoint",
    "bmvis.view.figure.choice",
    "bmvis.worker.client",
    "bmvis.worker.process_tree",
    "mkdocs.livereload",
    "mkdocs_bmvis.gallery",
    "rich",
)


def one_tree(config):
    config["nav"] = ["tree.md"]
    config["exclude_docs"] = "*\n!tree.md\n"


@pytest.mark.parametrize("host", [pytest.param("mkdocs", marks=pytest.mark.builds), "zensical"])
def test_build_without_changed_models_imports_only_what_draws_trees(tmp_path, host):
    site = make_site(tmp_path, {"tree.md": TREE}, one_tree, shares_models=False)
    for file in site.joinpath("docs").glob("*.md"):
        if file.name != "tree.md":
            file.unlink()
    first = build(host, site, own_imports=True)
    site.joinpath("docs", "tree.md").write_text(f"{TREE}\nMore text.\n")
    again = build(host, site, own_imports=True)
    assert "bmvis.worker.client" in first.report["modules"]
    assert "bmvis-tree" in site.joinpath("site", "tree", "index.html").read_text()
    assert ("bmvis.view.layout" in again.report["modules"]) == (host == "zensical")  # MkDocs keeps the drawn HTML
    assert [name for name in HEAVY if name in again.report["modules"]] == []


def test_failed_model_of_the_last_build_imports_nothing_that_draws(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(
        '# Start\n\n<model-structure factory="zoo:missing"></model-structure>\n'
    )
    (tmp_path / "zoo.py").write_text("")
    (tmp_path / "mkdocs.yml").write_text("site_name: Models\nplugins: [bmvis: {path: [.]}]\n")
    first, again = (build("mkdocs", tmp_path, own_imports=True) for _ in range(2))
    assert "has no 'missing'" in first.log
    assert "has no 'missing'" in again.log
    drawing = ("bmvis.view.page", "bmvis.overviews.entries", "bmvis.render.summary", "bmvis.worker.client")
    assert [name for name in drawing if name in again.report["modules"]] == []
