"""Behavior that is specific to Zensical: it ends on errors only if configured, and keeps pages between builds."""

import pytest
from hosts import build, make_site

pytest.importorskip("zensical", reason="Zensical is not installed")


def test_on_error_raise_ends_the_build(tmp_path):
    def change(config):
        config["markdown_extensions"][-1]["mkdocs_bmvis"]["on_error"] = "raise"

    built = build("zensical", make_site(tmp_path, {"bad.md": '# Bad\n\n<model-structure factory="zo:tiny" />'}, change))
    assert built.report["code"] != 0
    assert "docs/bad.md:3: no module named 'zo'" in built.log


def test_changed_model_is_redrawn_if_its_folder_is_watched(tmp_path):
    def change(config):
        config["watch"] = ["src"]

    folder = make_site(tmp_path, change=change)
    assert "[4, 4]" in build("zensical", folder).text("index.html")
    models = folder / "src" / "zoo.py"
    models.write_text(models.read_text().replace("width=4", "width=5"))
    assert "[5, 5]" in build("zensical", folder).text("index.html")


def test_changed_fingerprint_redraws_pages(tmp_path):
    def with_fingerprint(text):
        def change(config):
            config["markdown_extensions"][-1]["mkdocs_bmvis"]["fingerprint"] = text

        return change

    folder = make_site(tmp_path, change=with_fingerprint("one"))
    assert "[4, 4]" in build("zensical", folder).text("index.html")
    models = folder / "src" / "zoo.py"
    changed = models.read_text().replace("width=4", "width=5")
    models.write_text(changed)
    assert "[4, 4]" in build("zensical", folder).text("index.html")  # kept: no file that Zensical knows has changed
    make_site(folder, change=with_fingerprint("two"))
    models.write_text(changed)
    assert "[5, 5]" in build("zensical", folder).text("index.html")


def test_settings_in_toml(tmp_path):
    folder = make_site(tmp_path)
    (folder / "mkdocs.yml").unlink()
    (folder / "zensical.toml").write_text(
        """[project]
site_name = "Models"

[project.markdown_extensions."mkdocs_bmvis"]
path = ["src"]
options = {depth = 1}
"""
    )
    built = build("zensical", folder, config="zensical.toml")
    assert len(built.page("nested/page/index.html").select(".bmvis-tree li")) == 2


def test_gallery_has_cards_without_pages_and_tree_is_searchable(tmp_path):
    pages = {
        "models.md": '# Models\n\n<model-gallery toctree="zoo" models="zoo:tiny | Tiny"></model-gallery>\n',
        "found.md": '# Found\n\n<model-structure factory="zoo:tiny" root-name="needle" search />\n',
    }
    built = build("zensical", make_site(tmp_path, pages))
    (card,) = built.page("models/index.html").select(".bmvis-card")
    assert "Tiny" in card.get_text()
    assert not card.select("a")
    assert not (tmp_path / "site" / "zoo").exists()
    index = built.text("search.json")
    assert "needle" in index
    assert "Sequential" in index
