"""Build one small page in each host and theme, with the real hosts."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import hosts
from commands import sphinx_build
from trees import page

from bmvis.render.html import assets

SPHINX = ("furo", "pydata_sphinx_theme", "sphinx_book_theme", "sphinx_immaterial", "sphinx_rtd_theme", "alabaster")
MKDOCS = ("material", "mkdocs", "readthedocs")
ZENSICAL = ("zensical",)
THEMES = SPHINX + MKDOCS + ZENSICAL

PALETTE = "[data-md-component=palette] label >> visible=true"
PYDATA = (".theme-switch-button >> visible=true", ".theme-change-button[data-mode=dark] >> visible=true")
SWITCH = {
    "furo": (".theme-toggle >> visible=true",),
    "pydata_sphinx_theme": PYDATA,
    "sphinx_book_theme": PYDATA,
    "sphinx_immaterial": (PALETTE,),
    "material": (PALETTE,),
    "mkdocs": ("#theme-menu", "[data-bs-theme-value=dark]"),
    "zensical": (PALETTE,),
}
"""What a reader clicks on to change the scheme of a page, in each theme that has a dark one."""
IS_DARK = """() => {
  const [red, green, blue, alpha] = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number);
  return alpha !== 0 && red + green + blue < 3 * 80;
}"""


def turn_dark(page, theme: str) -> None:
    """Click the switch of the theme until the page is dark; some have a third scheme, that of the system."""
    for _ in range(3):
        for selector in SWITCH[theme]:
            page.locator(selector).first.click()
        page.wait_for_timeout(400)  # themes fade from one scheme to the other
        if page.evaluate(IS_DARK):
            page.mouse.move(0, 0)
            return
    raise AssertionError(f"{theme} did not turn dark")


INTRO = "The structure below is read from the code itself whenever these pages are built."


@dataclass(frozen=True)
class Look:
    """A theme in one scheme."""

    theme: str
    scheme: str

    def __str__(self) -> str:
        return f"{self.theme}-{self.scheme}"


LOOKS = [Look(theme, "light") for theme in THEMES] + [Look(theme, "dark") for theme in SWITCH]


def build(theme: str, folder: Path) -> Path:
    """Build the page in `theme` and return the folder that contains its `index.html`."""
    folder.mkdir(parents=True)
    if theme in SPHINX:
        return _sphinx(theme, folder)
    return _zensical(folder) if theme in ZENSICAL else _mkdocs(theme, folder)


CHANGES_SPHINX = ("sphinx_immaterial",)
"""Themes that replace methods of Sphinx, and so break later builds in the same process."""
BARE = "extensions = ['sphinx_bmvis']"
CONFIG = {
    "sphinx_immaterial": """
extensions = ["sphinx_bmvis", "sphinx_immaterial"]
switch = [("default", "Dark", "night"), ("slate", "Light", "sunny")]
html_theme_options = {"font": False, "palette": [
    {"scheme": scheme, "toggle": {"name": name, "icon": f"material/weather-{icon}"}} for scheme, name, icon in switch
]}
"""
}


def _sphinx(theme: str, folder: Path) -> Path:
    (folder / "conf.py").write_text(f"html_theme = {theme!r}\nproject = 'Models'\n" + CONFIG.get(theme, BARE))
    raw = "".join(f"   {line}\n" for line in page().splitlines())
    (folder / "index.rst").write_text(f"BERT\n====\n\n{INTRO}\n\n.. raw:: html\n\n{raw}")
    arguments = ["-q", "-b", "html", "-W", folder, folder / "site"]
    if theme in CHANGES_SPHINX:
        command = [sys.executable, "-m", "sphinx", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    else:
        done = sphinx_build(*arguments)
    assert done.returncode == 0, done.stderr
    return folder / "site"


PALETTES = "[{scheme: default, toggle: {name: Dark, icon: %s}}, {scheme: slate, toggle: {name: Light, icon: %s}}]"


def _mkdocs(theme: str, folder: Path) -> Path:
    options = {
        "material": f", font: false, palette: {PALETTES % ('material/weather-night', 'material/weather-sunny')}",
        "mkdocs": ", user_color_mode_toggle: true",
    }
    theme = f"{{name: {theme}{options.get(theme, '')}}}"
    (folder / "mkdocs.yml").write_text(f"site_name: Models\ntheme: {theme}\nplugins: [bmvis]\n")
    _markdown(folder)
    return _run("mkdocs", folder, "--strict", "-q")


ZENSICAL_CONFIG = """
[project]
site_name = "Models"
extra_css = ["static/bmvis.css"]
extra_javascript = ["static/bmvis.js"]
[project.theme]
font = false
[[project.theme.palette]]
scheme = "default"
toggle = { name = "Dark", icon = "lucide/moon" }
[[project.theme.palette]]
scheme = "slate"
toggle = { name = "Light", icon = "lucide/sun" }
"""


def _zensical(folder: Path) -> Path:
    (folder / "zensical.toml").write_text(ZENSICAL_CONFIG)
    _markdown(folder)
    shutil.copytree(assets.folder() / "bmvis" / "static", folder / "docs" / "static")
    return _run("zensical", folder, config="zensical.toml")


def _markdown(folder: Path) -> None:
    (folder / "docs").mkdir()
    (folder / "docs" / "index.md").write_text(f"# BERT\n\n{INTRO}\n\n{page()}\n")


def _run(host: str, folder: Path, *arguments: str, config: str = "mkdocs.yml") -> Path:
    done = hosts.build(host, folder, *arguments, config=config)
    assert done.report["code"] == 0, done.log
    return folder / "site"
