"""One small page in each host and theme, built by the real programs."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from trees import page

import bmvis

SPHINX = ("furo", "pydata_sphinx_theme", "sphinx_book_theme", "sphinx_rtd_theme", "alabaster")
MKDOCS = ("material", "mkdocs", "readthedocs")
ZENSICAL = ("zensical",)
THEMES = SPHINX + MKDOCS + ZENSICAL

DARK = {
    "furo": "document.body.dataset.theme = 'dark'",
    "pydata_sphinx_theme": "document.documentElement.dataset.theme = 'dark'",
    "sphinx_book_theme": "document.documentElement.dataset.theme = 'dark'",
    "material": "document.body.dataset.mdColorScheme = 'slate'",
    "mkdocs": "document.documentElement.dataset.bsTheme = 'dark'",
    "zensical": "document.body.dataset.mdColorScheme = 'slate'",
}
"""How the theme's own switch turns a page dark; the others have none."""

INTRO = "The structure below is read from the code itself whenever these pages are built."


@dataclass(frozen=True)
class Look:
    """A theme in one scheme."""

    theme: str
    scheme: str

    def __str__(self) -> str:
        return f"{self.theme}-{self.scheme}"


LOOKS = [Look(theme, "light") for theme in THEMES] + [Look(theme, "dark") for theme in DARK]


def build(theme: str, folder: Path) -> Path:
    """Build the page in `theme` and return the folder that holds its `index.html`."""
    folder.mkdir(parents=True)
    if theme in SPHINX:
        return _sphinx(theme, folder)
    return _zensical(folder) if theme in ZENSICAL else _mkdocs(theme, folder)


def _sphinx(theme: str, folder: Path) -> Path:
    (folder / "conf.py").write_text(f"extensions = ['sphinx_bmvis']\nhtml_theme = {theme!r}\nproject = 'Models'\n")
    raw = "".join(f"   {line}\n" for line in page().splitlines())
    (folder / "index.rst").write_text(f"BERT\n====\n\n{INTRO}\n\n.. raw:: html\n\n{raw}")
    return _run(folder, "sphinx", "-b", "html", "-W", ".", "site")


def _mkdocs(theme: str, folder: Path) -> Path:
    palette = ", font: false, palette: {scheme: default}" if theme == "material" else ""
    (folder / "mkdocs.yml").write_text(f"site_name: Models\ntheme: {{name: {theme}{palette}}}\nplugins: [bmvis]\n")
    _markdown(folder)
    return _run(folder, "mkdocs", "build", "--strict", "-q")


ZENSICAL_CONFIG = """
[project]
site_name = "Models"
extra_css = ["static/bmvis.css"]
extra_javascript = ["static/bmvis.js"]
[project.theme]
font = false
[project.theme.palette]
scheme = "default"
"""


def _zensical(folder: Path) -> Path:
    (folder / "zensical.toml").write_text(ZENSICAL_CONFIG)
    _markdown(folder)
    shutil.copytree(Path(bmvis.__file__).parent / "static", folder / "docs" / "static")
    return _run(folder, "zensical", "build")


def _markdown(folder: Path) -> None:
    (folder / "docs").mkdir()
    (folder / "docs" / "index.md").write_text(f"# BERT\n\n{INTRO}\n\n{page()}\n")


def _run(folder: Path, module: str, *arguments: str) -> Path:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"
