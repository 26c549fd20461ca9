"""`bmvis assets`: the files that a host links itself."""

from pathlib import Path

from click.testing import CliRunner

import bmvis
from bmvis.cli import main


def test_assets_copies_the_stylesheets_and_the_scripts(tmp_path):
    folder = tmp_path / "site" / "bmvis"
    result = CliRunner().invoke(main, ["assets", str(folder)])
    assert result.exit_code == 0, result.output
    static = Path(bmvis.__file__).parent / "static"
    for name in ("bmvis.css", "bmvis.js", "bmvis-gallery.css", "bmvis-gallery.js"):
        assert (folder / name).read_bytes() == (static / name).read_bytes()
