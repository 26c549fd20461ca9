"""Link the stylesheets and scripts on the pages of MkDocs and ProperDocs that need them."""

from __future__ import annotations

from collections.abc import MutableMapping, MutableSequence, Sequence
from pathlib import PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

from bmvis.render.html import assets
from bmvis.render.html.markup import Markup, join, tag
from bmvis.render.html.notebook_output import without_assets
from mkdocs_bmvis.print_site import has_print_page


class PageAssets:
    """The files that pages link. A file of the same name that the site links itself takes precedence.

    Scripts are part of the content of a page: a theme with instant navigation replaces only that, and runs the scripts
    in it. Stylesheets are in the head, before those of the site. The content of a page does not include posts on the
    views of a blog, or pages on the page of print-site, so each page of such a site links all files.

    Args:
        config: the configuration of the site.
    """

    def __init__(self, config: MkDocsConfig) -> None:
        self._sheets: MutableSequence[Any] = config.extra_css
        self._added: Sequence[str] = []
        """The stylesheets that were added for the current page. Other plugins add theirs at any time."""
        self._linked = {PurePosixPath(str(link)).name for link in (*config.extra_css, *config.extra_javascript)}
        self._links_all = has_print_page(config) or any(name.rpartition("/")[2] == "blog" for name in config.plugins)
        if self._links_all:
            config.extra_css[:0] = self._own(assets.linked(), ".css")
            config.extra_javascript[:0] = self._own(assets.linked(), ".js")

    def add_scripts(self, html: str, page: Page) -> str:
        """Return the content of a page with the scripts that it needs, and without styles of notebook outputs."""
        html = without_assets(html)
        if self._links_all:
            return html
        scripts = self._own(assets.needed(html), ".js")
        tags = [tag("script", src=get_relative_url(file, page.url), defer=True) for file in scripts]
        return join(*tags, Markup(html))

    def link_sheets(self, page: Page, context: MutableMapping[str, Any]) -> None:
        """Add the stylesheets that a page needs to the lists that its template reads."""
        if not self._links_all:
            self.restore()
            self._added = self._own(assets.needed(page.content or ""), ".css")
            self._sheets[:0] = self._added
            context["extra_css"] = [get_relative_url(file, page.url) for file in self._added] + context["extra_css"]

    def restore(self) -> None:
        """Remove the stylesheets of the last page."""
        for file in self._added:
            self._sheets.remove(file)
        self._added = []

    def _own(self, files: Sequence[str], ending: str) -> list[str]:
        return [file for file in files if file.endswith(ending) and PurePosixPath(file).name not in self._linked]
