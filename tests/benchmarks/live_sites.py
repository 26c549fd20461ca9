"""Sites of the benchmarks of builds: with models that each build resolves, and the same pages with pasted HTML."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from measuring import child_cost

HOSTS = ("Sphinx", "MkDocs")
SERVED = (*HOSTS, "Zensical")
"""Hosts whose preview server is measured."""
_ZENSICAL = """\
[project]
site_name = "Models"
watch = ["src"]

[project.markdown_extensions."mkdocs_bmvis"]
path = ["src"]
"""
_CONTENT = {
    "Sphinx": re.compile(r"</h1>(.*)</section>", re.DOTALL),
    "MkDocs": re.compile(r"</h1>(.*?)\n {12}</div>\n {8}</div>", re.DOTALL),
}
"""The content of a page below its title, in the themes of the sites."""
_TREES = {
    "Sphinx": ".. model-structure:: {reference}\n   :name: {name}\n",
    "MkDocs": '<model-structure factory="{reference}" name="{name}"></model-structure>\n',
}
_GALLERIES = {
    "Sphinx": (".. model-gallery::\n\n", "   {reference}\n", ""),
    "MkDocs": ('<model-gallery models="\n', "{reference}\n", '"></model-gallery>\n'),
}


class Site(NamedTuple):
    """A site of one host; its output is next to its folder."""

    host: str
    folder: Path

    @property
    def output(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-site")

    @property
    def models(self) -> Path:
        """The folder of the models. Zensical must not watch the folder that it writes its cache to."""
        return self.folder / "src" if self.host == "Zensical" else self.folder

    def build(self) -> tuple[float, float]:
        """Return the processor seconds and the peak memory (MB) of a build."""
        command = {
            "Sphinx": ["sphinx", "-q", ".", str(self.output)],
            "MkDocs": ["mkdocs", "build", "-q", "--site-dir", str(self.output)],
        }[self.host]
        return child_cost([sys.executable, "-m", *command], self.folder)

    def page(self, number: int) -> Path:
        """Return the source of a page."""
        return self.folder / (f"page{number}.rst" if self.host == "Sphinx" else f"docs/page{number}.md")

    def pasted(self, folder: Path) -> Site:
        """Return the site with the HTML of its last build, without bmvis."""
        count = len([*self.page(0).parent.glob(f"page*{self.page(0).suffix}")])
        return write_site(self.host, folder, [self._content(number) for number in range(count)], is_live=False)

    def _content(self, number: int) -> str:
        name = f"page{number}.html" if self.host == "Sphinx" else f"page{number}/index.html"
        found = _CONTENT[self.host].search((self.output / name).read_text())
        if found is None:
            raise ValueError(f"{self.output / name} has no content")
        lines = [line for line in found[1].splitlines() if line.strip()]
        return "\n".join(lines) if self.host == "MkDocs" else "\n   ".join([".. raw:: html\n", *lines])


def write_site(host: str, folder: Path, pages: Sequence[str], *, is_live: bool = True) -> Site:
    """Write a site whose pages have a title and this text."""
    site = Site(host, folder)
    site.page(0).parent.mkdir(parents=True, exist_ok=True)
    if host == "Sphinx":
        settings = "extensions = ['sphinx_bmvis']\nbmvis_path = ['.']\n" if is_live else ""
        (folder / "conf.py").write_text(f"{settings}html_theme = 'alabaster'\n")
        listed = "".join(f"   page{number}\n" for number in range(len(pages)))
        (folder / "index.rst").write_text(f"Models\n======\n\n.. toctree::\n\n{listed}")
    elif host == "Zensical":
        site.models.mkdir()
        (folder / "zensical.toml").write_text(_ZENSICAL)
        (folder / "docs" / "index.md").write_text("# Models\n")
    else:
        plugins = "[bmvis: {path: [.]}]" if is_live else "[]"
        (folder / "mkdocs.yml").write_text(f"site_name: Models\ntheme: mkdocs\nplugins: {plugins}\n")
        (folder / "docs" / "index.md").write_text("# Models\n")
    for number, text in enumerate(pages):
        title = "Page\n====" if host == "Sphinx" else "# Page"
        site.page(number).write_text(f"{title}\n\n{text}\n")
    return site


def tree(host: str, reference: str, name: str) -> str:
    """Return what an author writes for a named tree."""
    return _TREES.get(host, _TREES["MkDocs"]).format(reference=reference, name=name)


def gallery(host: str, references: Sequence[str]) -> str:
    """Return what an author writes for a gallery."""
    start, line, end = _GALLERIES[host]
    return start + "".join(line.format(reference=reference) for reference in references) + end
