"""The stylesheets and the scripts: their size, and `bmvis assets`, which copies them for a host that links files."""

import gzip
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmvis import file_state
from bmvis.cli import main
from bmvis.render.html import assets

NAMES = [
    "bmvis-gallery.css",
    "bmvis-gallery.js",
    "bmvis-rows.js",
    "bmvis-table.css",
    "bmvis-table.js",
    "bmvis.css",
    "bmvis.js",
]
PARTS = [*(assets.STATIC / "on_load").glob("*.js"), *(assets.STATIC / "on_first_use").glob("*.js")]


def test_assets_command_copies_linked_files(tmp_path):
    folder = tmp_path / "site" / "bmvis"
    result = CliRunner().invoke(main, ["assets", str(folder)])
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in folder.iterdir()) == NAMES
    for name in NAMES:
        assert (folder / name).read_text() == assets.text(f"bmvis/static/{name}")


def test_assets_folder_is_removed_at_exit():
    code = "from bmvis.render.html import assets; print(assets.folder()); print(*assets.files())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    folder, files = done.stdout.splitlines()
    assert files.split() == [f"bmvis/static/{name}" for name in NAMES]
    assert not Path(folder).exists()
    assert all((assets.folder() / file).read_text() == assets.text(file) for file in files.split())


def test_assets_folder_is_kept_where_the_caller_has_one(tmp_path):
    place = tmp_path / "kept"
    (place / assets.SCRIPT).parent.mkdir(parents=True)
    (place / assets.SCRIPT).write_text("an older release")
    assert assets.folder(place) == place
    assert all((place / file).read_text() == assets.text(file) for file in assets.files())


@pytest.fixture
def old_parts(tmp_path, monkeypatch):
    """Return a copy of the parts that was written long ago, as after an installation."""
    parts = shutil.copytree(assets.STATIC, tmp_path / "static")
    monkeypatch.setattr(assets, "STATIC", parts)
    monkeypatch.setattr(file_state, "TIME_RESOLUTION", -(10**12))
    return parts


def test_assets_that_stay_are_written_once(tmp_path, old_parts):
    script = assets.folder(tmp_path / "kept") / assets.SCRIPT
    script.write_text("kept")
    assets.folder(tmp_path / "kept")
    assert script.read_text() == "kept"


@pytest.mark.parametrize("part", ["on_load/main.js", "style/theme.css", "bmvis-table.css"])
def test_assets_that_stay_are_written_again_after_a_part_has_changed(tmp_path, old_parts, part):
    script = assets.folder(tmp_path / "kept") / assets.SCRIPT
    script.write_text("an older release")
    (old_parts / part).write_text(f"{(old_parts / part).read_text()}\n")
    assets.folder(tmp_path / "kept")
    assert script.read_text() == assets.text(assets.SCRIPT)


def test_assets_that_stay_are_written_again_if_one_is_missing(tmp_path, old_parts):
    script = assets.folder(tmp_path / "kept") / assets.SCRIPT
    script.unlink()
    assets.folder(tmp_path / "kept")
    assert script.read_text() == assets.text(assets.SCRIPT)


def test_assets_that_stay_are_compared_after_their_parts_were_just_written(tmp_path, old_parts, monkeypatch):
    monkeypatch.setattr(file_state, "TIME_RESOLUTION", 10**12)
    script = assets.folder(tmp_path / "kept") / assets.SCRIPT
    script.write_text("an older release")
    assets.folder(tmp_path / "kept")
    assert script.read_text() == assets.text(assets.SCRIPT)


def test_assets_folder_that_cannot_be_written_is_replaced_by_a_temporary_one(tmp_path):
    (tmp_path / "file").write_text("")
    assert assets.folder(tmp_path / "file" / "kept") != tmp_path / "file" / "kept"


@pytest.mark.parametrize(
    ("file", "most"),
    [
        # What each page with a tree loads, and what it loads when a reader first filters, picks, unfolds or copies.
        (assets.SCRIPT, 4 * 1024),
        (assets.ROWS_SCRIPT, 10 * 1024),
        (assets.GALLERY_SCRIPT, 2.5 * 1024),
    ],
    ids=["trees", "rows", "galleries"],
)
def test_script_has_a_maximum_compressed_size(file, most):
    assert len(gzip.compress(assets.text(file).encode())) <= most


def test_stylesheet_joins_all_parts_in_their_order():
    folder = assets.STATIC / "style"
    assert sorted(part.stem for part in folder.glob("*.css")) == sorted(assets.STYLE_PARTS)
    parts = [(folder / f"{name}.css").read_text() for name in assets.STYLE_PARTS]
    shipped = assets.text(assets.STYLE)
    assert shipped == "".join(parts).replace(".bmvis.bmvis.bmvis", r".bmvis:not(#\/):not(#\/)")
    assert ".bmvis.bmvis.bmvis" not in shipped
    assert all(part.lstrip().startswith("/*") for part in parts)
    assert all(part.count("\n") <= 350 for part in parts)


@pytest.mark.parametrize(("file", "folder"), [(assets.SCRIPT, "on_load"), (assets.ROWS_SCRIPT, "on_first_use")])
def test_script_joins_all_parts_without_comments(file, folder):
    script = assets.text(file)
    digest = hashlib.sha256(assets.text(assets.ROWS_SCRIPT).encode()).hexdigest()[:8]
    code = {line.strip().replace(f"?v={digest}", "") for line in script.splitlines()}
    parts = [part for part in PARTS if part.parent.name == folder]
    assert len(parts) > 5
    for part in parts:
        lines = [line.strip() for line in part.read_text().splitlines()]
        assert lines[0].startswith("// "), f"{part.name} must start with a comment that describes it"
        assert {line for line in lines if line and not line.startswith("//")} <= code
    assert not [line for line in code if line.startswith("//")]
    assert "/*" not in script, "the joined script removes one-line comments only"
    assert (f"bmvis-rows.js?v={digest}" in script) == (file == assets.SCRIPT)


def test_pages_link_all_files_but_the_script_that_another_loads():
    assert [Path(file).name for file in assets.linked()] == [name for name in NAMES if name != "bmvis-rows.js"]
    html = '<div class="bmvis bmvis-gallery"><table class="bmvis-table"><ul class="bmvis-tree">'
    assert assets.ROWS_SCRIPT not in assets.needed(html)
    assert assets.SCRIPT in assets.needed(html)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.stem)
def test_part_of_the_script_has_a_maximum_length(part):
    assert len(part.read_text().splitlines()) <= 350


def test_texts_of_marks_have_a_form_for_programs_without_alternative_texts():
    """WeasyPrint drops a `content` whose alternative text has `attr()`, and with it the number of repeats."""
    text = re.sub(r"/\*.*?\*/", "", (assets.STATIC / "style" / "row.css").read_text(), flags=re.DOTALL)
    for rule in re.findall(r"\{([^{}]*data-(?:x|mark)[^{}]*)\}", text):
        contents = re.findall(r'content: ([^;]*?)( / "[^;]*attr\([^;]*)?;', rule)
        if any(alternative for _, alternative in contents):
            assert [len(contents), contents[0][1]] == [2, ""]
            assert contents[0][0] == contents[1][0]
    assert "attr(data-x);" in text
