"""The markup of trees, read by the checkers that the standards' keepers use."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from trees import page

from bmvis.errors import BmvisError
from bmvis.render.html import error_box

NU = Path(os.environ.get("VNU_JAR", "node_modules/vnu-jar/build/dist/vnu.jar")).absolute()
PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Trees</title></head><body>{}</body></html>'
HEADING = "<h1>Trees</h1>"

needs_nu = pytest.mark.skipif(
    not (NU.is_file() and shutil.which("java")),
    reason="the Nu checker needs Java, and `npm install vnu-jar` or VNU_JAR",
)


def check(html: str, folder: Path) -> str:
    """Return what the Nu checker has to say of a page: errors and warnings."""
    file = folder / "page.html"
    file.write_text(PAGE.format(html))
    done = subprocess.run(
        ["java", "-jar", NU, "--stdout", "--exit-zero-always", file],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


@needs_nu
def test_trees_and_error_boxes_are_valid_html(tmp_path):
    box = error_box(BmvisError("No such model.", hint="Name one."), "index.md:3")
    assert check(HEADING + page() + box, tmp_path) == ""


@needs_nu
def test_the_checker_would_tell(tmp_path):
    assert "Duplicate ID" in check(HEADING + '<p id="a"></p><p id="a"></p>', tmp_path)
