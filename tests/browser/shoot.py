"""Write a picture of each theme and scheme: `make screenshots`, or `shoot.py FOLDER [THEME...]`."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from sites import LOOKS, build, turn_dark

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--in-process-gpu"]
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first one is Chromium without its windows: a page takes it half of the time."""


def find_browser() -> str | None:
    """Return the browser to drive: `CHROMIUM` in the environment, or one of the usual names."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def main(out: Path, themes: list[str]) -> None:
    """Build each theme once, and take its pictures wide, and narrow as on a phone."""
    out.mkdir(parents=True, exist_ok=True)
    looks = [look for look in LOOKS if not themes or look.theme in themes]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        sites = {theme: build(theme, Path(folder) / theme) for theme in dict.fromkeys(look.theme for look in looks)}
        for look in looks:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto((sites[look.theme] / "index.html").as_uri())
            if look.scheme == "dark":
                turn_dark(page, look.theme)
            for width in (1280, 360):
                page.set_viewport_size({"width": width, "height": 900})
                page.wait_for_timeout(400)
                page.screenshot(path=out / f"{look}-{width}.png", full_page=True)
            page.close()
        if not themes:
            _portray(browser, _demo(Path(folder) / "demo"), out)
        browser.close()


def _demo(folder: Path) -> Path:
    """Build the demo on Sphinx, whose theme is furo."""
    source = Path(__file__).parents[2] / "demo_docs" / "sphinx"
    subprocess.run([sys.executable, "-m", "sphinx", "-q", source, folder], check=True)
    return folder


def _portray(browser, demo: Path, out: Path) -> None:
    """Take the pictures of the README in double resolution, and write them to demo_docs/pictures."""
    page = browser.new_page(viewport={"width": 900, "height": 1200}, device_scale_factor=2)
    page.goto((demo / "index.html").as_uri())
    for scheme in ("light", "dark"):
        if scheme == "dark":
            turn_dark(page, "furo")
        box = page.locator("div#bert").bounding_box()
        edges = {side: box[side] - 12 for side in ("x", "y")} | {side: box[side] + 24 for side in ("width", "height")}
        page.screenshot(path=out / f"bert-{scheme}.png", full_page=True, clip=edges)
    page.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
