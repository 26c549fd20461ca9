from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from markdown import Markdown
from pythons import TORCH_PYTHON

SITE = Path(__file__).parents[1] / "sites" / "markdown"


class Rendered:
    """A converted text."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.soup = BeautifulSoup(html, "html5lib")

    @property
    def trees(self) -> list[Tag]:
        return self.soup.select(".bmvis:not(.bmvis-error)")

    @property
    def boxes(self) -> list[Tag]:
        return self.soup.select(".bmvis-error")


@pytest.fixture
def render():
    """Convert a text with our extension; every test shares one worker, which ends by itself."""

    def convert(text: str, extensions=(), configs=None, **settings) -> Rendered:
        ours = {"cwd": str(SITE), "path": ["src"], "assets": False, "python": TORCH_PYTHON} | settings
        md = Markdown(
            extensions=["mkdocs_bmvis", *extensions], extension_configs={"mkdocs_bmvis": ours} | (configs or {})
        )
        return Rendered(md.convert(text))

    return convert
