"""A Sphinx site that reads committed snapshots, and one that checks them; and an unchanged site without torch."""

import logging

import pytest
from commands import snapshot
from pythons import TORCH_PYTHON

PROJECT = """
[tool.bmvis]
path = ["src"]

[tool.bmvis.models]
tiny = "zoo:tiny"
"""
PAGE = "Start\n=====\n\n.. model-structure:: zoo:tiny\n\n.. model-structure:: tiny\n"


@pytest.fixture
def drifting(make_site):
    """Return a site whose model has changed since its snapshot was written."""
    site = make_site({"index.rst": PAGE})
    site.write("pyproject.toml", PROJECT)
    snapshot(site.folder)
    site.write("src/shapes.py", "WIDTH = 5\n")
    return site


def test_snapshot_mode_needs_no_torch(drifting):
    drifting.write("src/torch.py", "raise SystemExit('torch was imported')\n")
    built = drifting.build(bmvis_mode="snapshot")
    assert not built.warnings
    assert ["[4, 4]" in tree.get_text() for tree in built.trees("index.html")] == [True, True]


def test_check_mode_draws_the_model_and_warns_of_its_drift_at_each_place(drifting):
    built = drifting.build(bmvis_mode="check")
    assert ["[5, 5]" in tree.get_text() for tree in built.trees("index.html")] == [True, True]
    for line, name in ((4, "zoo:tiny"), (6, "tiny")):
        assert f"index.rst:{line}: WARNING: '{name}' differs from its snapshot" in built.warnings
    assert "[4, 4] → [5, 5]" in built.warnings
    assert "[bmvis.drift]" in built.warnings


def test_each_build_in_check_mode_warns_of_the_drift(drifting):
    first, second = (drifting.build(bmvis_mode="check") for _ in range(2))
    assert "no targets are out of date" in second.status
    assert second.warnings.count("differs from its snapshot") == 2
    assert sorted(second.warnings.splitlines()) == sorted(first.warnings.splitlines())
    drifting.write("src/shapes.py", "WIDTH = 4\n")
    assert not drifting.build(bmvis_mode="check").warnings


def test_check_mode_follows_the_names_and_the_ignored_changes_of_pyproject(drifting):
    drifting.write("index.rst", "Start\n=====\n\n.. model-structure:: zoo:tiny\n")
    other = PROJECT.replace('"zoo:tiny"', '"zoo:tiny()"')
    drifting.write("pyproject.toml", other)
    assert not drifting.build(bmvis_mode="check").warnings
    drifting.write("pyproject.toml", PROJECT)
    assert "[4, 4] → [5, 5]" in drifting.build(bmvis_mode="check").warnings
    drifting.write("src/shapes.py", "WIDTH = 4\n")
    zoo = (drifting.folder / "src" / "zoo.py").read_text()
    drifting.write("src/zoo.py", zoo.replace("nn.Dropout()", "nn.Dropout(0.3)"))
    assert "p: 0.5 → 0.3" in drifting.build(bmvis_mode="check").warnings
    drifting.write("pyproject.toml", PROJECT.replace("path =", "ignore = ['p']\npath ="))
    assert not drifting.build(bmvis_mode="check").warnings


def test_next_build_reads_a_new_snapshot(drifting):
    drifting.build(bmvis_mode="snapshot")
    snapshot(drifting.folder)
    again = drifting.build(bmvis_mode="snapshot")
    assert "[5, 5]" in again.trees("index.html")[0].get_text()
    assert not drifting.build(bmvis_mode="check").warnings


def test_missing_snapshot_is_reported_with_its_location(drifting):
    (drifting.folder / "snapshots" / "tiny.json").unlink()
    built = drifting.build(bmvis_mode="snapshot")
    assert "index.rst:4: WARNING: no snapshot in" in built.warnings
    assert "run `bmvis snapshot`" in built.warnings
    assert len(built.boxes("index.html")) == 2


def test_snapshots_can_be_in_another_folder(drifting):
    (drifting.folder / "snapshots").rename(drifting.folder / "recorded")
    built = drifting.build(bmvis_mode="snapshot", bmvis_snapshots="recorded")
    assert not built.warnings


@pytest.fixture
def without_torch(tmp_path):
    """Return a Python that does not find what is installed."""
    python = tmp_path / "python-without-torch"
    python.write_text(f'#!/bin/sh\nexec {TORCH_PYTHON} -S "$@"\n')
    python.chmod(0o755)
    return str(python)


def test_auto_mode_reads_snapshots_where_torch_is_missing(drifting, without_torch):
    built = drifting.build(bmvis_python=without_torch)
    assert not built.warnings
    assert ["[4, 4]" in tree.get_text() for tree in built.trees("index.html")] == [True, True]
    assert "recorded with" in built.trees("index.html")[0].parent.get_text()


def test_handlers_of_the_root_logger_do_not_repeat_messages(drifting, without_torch, caplog):
    """Themes such as furo import accessible-pygments, which prints the messages of all libraries."""
    caplog.set_level(logging.INFO)
    drifting.build(bmvis_python=without_torch)
    assert [record for record in caplog.records if record.name.startswith("bmvis.")] == []


def test_auto_mode_builds_models_where_torch_is_installed(drifting):
    built = drifting.build()
    assert not built.warnings
    assert ["[5, 5]" in tree.get_text() for tree in built.trees("index.html")] == [True, True]


def test_auto_mode_never_shows_a_snapshot_for_a_factory_that_fails(drifting):
    drifting.write("src/shapes.py", "raise ValueError('no shapes')\n")
    built = drifting.build()
    assert "ValueError: no shapes" in built.warnings
    assert len(built.boxes("index.html")) == 2


def test_auto_mode_reports_missing_torch_once(drifting, without_torch):
    (drifting.folder / "snapshots" / "tiny.json").unlink()
    drifting.write("index.rst", PAGE + "\n.. model-gallery::\n\n   zoo:*\n   tiny\n")
    built = drifting.build(bmvis_python=without_torch)
    assert built.warnings.count("has no snapshot, and PyTorch is not installed in ") == 1
    assert "index.rst:4: WARNING:" in built.warnings
    assert "run `bmvis snapshot` where PyTorch is installed" in built.warnings
    assert len(built.boxes("index.html")) == 2
    assert len(built.page("index.html").select(".bmvis-card-error")) == 2


def test_unknown_mode_names_conf_py(make_site):
    with pytest.raises(Exception, match=r"bmvis_mode in conf\.py must be one of auto, live, snapshot, check"):
        make_site({"index.rst": PAGE}).build(bmvis_mode="lve")


def test_warm_build_does_not_import_torch(make_site, tmp_path, monkeypatch):
    """Change the page but not the model: it comes from the cache, and torch cannot be imported."""
    site = make_site({"index.rst": "Start\n=====\n\n.. model-structure:: zoo:tiny\n"})
    site.build()
    (tmp_path / "torch.py").write_text("raise ImportError('torch is out of reach in this test')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    site.write("index.rst", "Start, again\n============\n\n.. model-structure:: zoo:tiny\n   :depth: 1\n")
    again = site.build()
    assert not again.warnings
    assert len(again.trees("index.html")) == 1
    site.write("index.rst", "Start\n=====\n\n.. model-structure:: zoo:tiny(layers=5)\n")
    assert "torch is out of reach in this test" in site.build().warnings
