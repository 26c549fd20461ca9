"""Small real sites, built by Sphinx in this process, and their output."""

import os
import shutil
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from commands import without_debug_messages
from sphinx.testing.util import SphinxTestApp
from sphinx.util.console import strip_colors

SITE = Path(__file__).parents[1] / "sites" / "sphinx"


class Site:
    """A folder of documents, which tests change and build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> None:
        self.folder.joinpath(name).write_text(text, encoding="utf-8")

    def build(self, builder: str = "html", *, jobs: int = 0, **settings: object) -> "Built":
        doctrees = "gettext" if builder == "gettext" else "docs"  # it cannot share doctrees with other builders
        builddir = self.folder / "_build" / doctrees
        settings = {"show_warning_types": True} | settings  # not the default in Sphinx 7
        with without_debug_messages():
            app = SphinxTestApp(builder, srcdir=self.folder, builddir=builddir, confoverrides=settings, parallel=jobs)
            try:
                app.build()
            finally:
                app.cleanup()
                self._forget_modules()
        return Built(Path(app.outdir), strip_colors(app.warning.getvalue()), strip_colors(app.status.getvalue()))

    def _forget_modules(self) -> None:
        """Remove what autodoc imported from the site: the next site may have a module of the same name."""
        folder = f"{self.folder}{os.sep}"
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(folder):
                del sys.modules[name]


class Built:
    """The files and the messages of one build."""

    def __init__(self, folder: Path, warnings: str, status: str) -> None:
        self.folder = folder
        self.warnings = warnings
        self.status = status

    def read(self, name: str) -> str:
        return self.folder.joinpath(name).read_text(encoding="utf-8")

    def page(self, name: str) -> BeautifulSoup:
        return BeautifulSoup(self.read(name), "html5lib")

    def trees(self, name: str) -> list[Tag]:
        return self.page(name).select(".bmvis:not(.bmvis-error)")

    def boxes(self, name: str) -> list[Tag]:
        return self.page(name).select(".bmvis-error")

    @property
    def inventory(self) -> str:
        """Return the lines of objects.inv."""
        return zlib.decompress(self.folder.joinpath("objects.inv").read_bytes().split(b"zlib.\n")[1]).decode()

    @property
    def worker_ran(self) -> bool:
        return "building models" in self.status


@pytest.fixture(scope="session")
def make_site(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Site]:
    """Make a copy of the small site, or a site of the given pages with the small site's models."""

    def make(pages: Mapping[str, str] | None = None) -> Site:
        folder = tmp_path_factory.mktemp("site") / "docs"
        kept = None if pages is None else shutil.ignore_patterns("*.rst", "*.md")
        shutil.copytree(SITE, folder, ignore=kept)
        site = Site(folder)
        for name, text in (pages or {}).items():
            site.write(name, text)
        return site

    return make


@pytest.fixture(scope="session")
def small_site(make_site) -> Site:
    """Return the small site, for tests that do not change it."""
    return make_site()


@pytest.fixture(scope="session")
def html(small_site) -> Built:
    """Return the small site built as HTML."""
    return small_site.build("html")
