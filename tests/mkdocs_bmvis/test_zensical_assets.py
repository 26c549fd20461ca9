"""The stylesheets and scripts that the pages of Zensical link: files in its docs folder, or else inside the page."""

import sys
from pathlib import Path

import pytest
from markdown import Markdown
from pythons import TORCH_PYTHON

from bmvis.render.html import assets
from mkdocs_bmvis.zensical_assets import FOLDER, SiteFolders, is_shipped, write_linked

SITE = Path(__file__).parents[1] / "sites" / "markdown"
TREE = '<model-structure factory="zoo:tiny" />'


@pytest.fixture
def folders(tmp_path):
    for name in ("docs", "site"):
        (tmp_path / name).mkdir()
    return SiteFolders(tmp_path / "docs", tmp_path / "site", tmp_path / ".cache", "deep/er/page.md")


def shipped(root):
    (release,) = [place for place in (root / FOLDER).iterdir() if place.is_dir()]
    return {file.name: file.read_text() for file in release.iterdir()}


def test_files_are_written_to_the_docs_folder_and_to_the_running_build(folders):
    html = write_linked([assets.STYLE, assets.SCRIPT], folders)
    expected = {Path(file).name: assets.text(file) for file in assets.files()}
    assert shipped(folders.docs) == shipped(folders.site) == expected
    (release,) = [place.name for place in (folders.site / FOLDER).iterdir()]
    start = f"../../{FOLDER}/{release}"
    assert html == f'<link rel="stylesheet" href="{start}/bmvis.css"/><script src="{start}/bmvis.js" defer=""></script>'


def test_page_of_the_docs_folder_itself_links_below_it(folders):
    assert f'href="{FOLDER}/' in write_linked([assets.STYLE], folders._replace(page="index.md"))


def test_git_ignores_the_files(folders):
    write_linked([assets.STYLE], folders)
    ignored = folders.docs / FOLDER / ".gitignore"
    assert ignored.read_text().splitlines()[-1] == "*"
    ignored.write_text("# committed on purpose\n")
    write_linked([assets.STYLE], folders)
    assert ignored.read_text() == "# committed on purpose\n"
    assert not (folders.site / FOLDER / ".gitignore").exists()


def test_file_that_was_edited_or_removed_is_written_again(folders):
    write_linked([assets.STYLE, assets.SCRIPT], folders)
    (release,) = [place for place in (folders.docs / FOLDER).iterdir() if place.is_dir()]
    (release / "bmvis.css").write_text("")
    (release / "bmvis.js").unlink()
    write_linked([assets.STYLE, assets.SCRIPT], folders)
    assert shipped(folders.docs)["bmvis.css"] == assets.text(assets.STYLE)
    assert shipped(folders.docs)["bmvis.js"] == assets.text(assets.SCRIPT)


def test_unchanged_files_are_compared_once(folders, monkeypatch):
    for _ in range(2):  # the first one writes them
        write_linked([assets.STYLE], folders)
    monkeypatch.setattr(Path, "read_bytes", lambda file: pytest.fail(f"{file} is read again"))
    write_linked([assets.STYLE, assets.SCRIPT], folders._replace(page="other.md"))


@pytest.mark.parametrize(("is_clean", "kept"), [(False, True), (True, False)], ids=["cached", "clean"])
def test_files_of_another_release_are_removed_if_no_page_comes_from_the_cache(folders, is_clean, kept):
    for name in ("0123456789", "pictures"):
        (folders.docs / FOLDER / name).mkdir(parents=True)
    write_linked([assets.STYLE], folders._replace(is_clean=is_clean))
    assert (folders.docs / FOLDER / "0123456789").exists() == kept
    assert (folders.docs / FOLDER / "pictures").exists()


@pytest.mark.parametrize(
    ("command", "kept"), [("zensical build", True), ("zensical build -c", False), ("other --clean", True)]
)
def test_clean_build_is_recognized_by_the_command_line(tmp_path, monkeypatch, command, kept):
    old = tmp_path / "docs" / FOLDER / "0123456789"
    old.mkdir(parents=True)
    monkeypatch.setattr(sys, "argv", command.split())
    convert(tmp_path)
    assert old.exists() == kept


def test_only_shipped_files_are_recognized(folders):
    write_linked([assets.STYLE, assets.SCRIPT], folders)
    written = [file.relative_to(folders.docs).as_posix() for file in folders.docs.rglob("*.*s")]
    assert len(written) == len(assets.files())
    assert all(map(is_shipped, written))
    for other in ("assets/bmvis/logo.css", "assets/bmvis/0123456789/own.css", "x/assets/bmvis/0123456789/bmvis.css"):
        assert not is_shipped(other)


def convert(root, **settings):
    context = pytest.importorskip("zensical.extensions.context", reason="Zensical is not installed")
    config = {"root_dir": str(root), "docs_dir": "docs", "site_dir": "site"}
    host = context.ContextExtension(page=context.Page(url="page/", path="page.md"), config=config)
    ours = {"cwd": str(SITE), "path": ["src"], "python": TORCH_PYTHON, "cache": False} | settings
    return Markdown(extensions=["mkdocs_bmvis", host], extension_configs={"mkdocs_bmvis": ours}).convert(TREE)


@pytest.mark.parametrize(
    ("is_writable", "settings", "styles", "links"),
    [
        pytest.param(True, {}, 0, 1, id="default"),
        pytest.param(False, {}, 1, 0, id="read-only"),
        pytest.param(True, {"assets": "inline"}, 1, 0, id="inline"),
        pytest.param(True, {"assets": False}, 0, 0, id="none"),
    ],
)
def test_page_of_zensical_links_files_or_contains_them(tmp_path, is_writable, settings, styles, links):
    (tmp_path / "docs").mkdir()
    if not is_writable:  # also for root
        (tmp_path / "docs" / "assets").write_text("")
    html = convert(tmp_path, **settings)
    assert [html.count("<style>"), html.count("<link "), html.count("<script>")] == [styles, links, 2 * styles]
    assert (tmp_path / "docs" / FOLDER).exists() == bool(links)
