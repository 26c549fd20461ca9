"""Model pages on sites whose table of contents is in a file, such as those of Jupyter Book 1."""

import pytest

pytest.importorskip("sphinx_external_toc", reason="sphinx-external-toc is not installed: `make test-hosts` brings it")

MODELS = "# Models\n\n```{model-gallery}\n:toctree: zoo\n\nzoo:tiny | Tiny\n```\n"


@pytest.mark.parametrize("excludes_missing", [False, True], ids=["all files", "only files of the table"])
def test_model_pages_are_below_their_gallery(make_site, excludes_missing):
    site = make_site({"intro.md": "# Intro\n", "models.md": MODELS, "draft.md": "# Draft\n"})
    site.write("_toc.yml", "root: intro\nchapters:\n- file: models\nformat: jb-book\n")
    extensions = ["myst_parser", "sphinx_external_toc", "sphinx_bmvis"]
    suffixes = {".rst": "restructuredtext", ".md": "markdown"}  # Sphinx keeps suffixes of other sites of this process
    if not excludes_missing:
        site.write("draft.md", "---\norphan: true\n---\n# Draft\n")
    for intro in ("# Intro\n", "# Again\n"):
        site.write("intro.md", intro)
        built = site.build(
            extensions=extensions,
            source_suffix=suffixes,
            external_toc_exclude_missing=excludes_missing,
            exclude_patterns=["_build"],
        )
        assert built.warnings == ""
        assert built.page("models.html").select_one(".bmvis-card-title a")["href"] == "zoo/zoo.tiny.html"
        page = built.page("zoo/zoo.tiny.html")
        assert page.select_one(".bmvis-tree")
        assert page.select_one("link[rel=prev]")["href"] == "../models.html"
        assert (built.folder / "draft.html").exists() is not excludes_missing
