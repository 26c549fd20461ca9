"""A site that reads committed snapshots, and one that checks them."""

import pytest
from commands import snapshot
from hosts import build, make_site

PYPROJECT = """
[tool.bmvis]
path = ["src"]

[tool.bmvis.models]
tiny = "zoo:tiny"
three = "zoo:tiny(layers=3)"
drawn = {reference = "zoo:tiny(layers=3, width=6)", inputs = "float32[1, 6]"}
"""


@pytest.fixture(scope="module")
def drifting(tmp_path_factory):
    """A project whose model has changed since its snapshot was written."""
    folder = make_site(tmp_path_factory.mktemp("snapshots"))
    (folder / "pyproject.toml").write_text(PYPROJECT)
    snapshot(folder)
    models = folder / "src" / "zoo.py"
    models.write_text(models.read_text().replace("width=4", "width=5"))
    return folder


def with_mode(folder, mode):
    def change(config):
        config["plugins"] = ["search", {"bmvis": {"path": "src", "mode": mode}}]

    models = (folder / "src" / "zoo.py").read_text()
    make_site(folder, change=change)
    (folder / "src" / "zoo.py").write_text(models)
    return folder


def test_snapshot_mode_draws_the_snapshot_of_a_changed_model(drifting):
    built = build("mkdocs", with_mode(drifting, "snapshot"), "--strict")
    assert built.report["code"] == 0, built.log
    assert "[4, 4]" in built.page("index.html").get_text()


def test_drift_is_a_warning_and_the_tree_is_drawn(drifting):
    built = build("mkdocs", with_mode(drifting, "check"), "--strict")
    assert built.report["code"] == 1
    assert "docs/index.md:7: 'zoo:tiny' differs from its snapshot" in built.log
    assert "[5, 5]" in built.page("index.html").get_text()
