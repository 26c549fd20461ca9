"""The plugin for MkDocs and ProperDocs, which both offer it `mkdocs.plugins`.

It gives the extension what only a host knows: when a build starts and ends, which page is read,
where files go, and what to watch.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from pathlib import Path
from typing import Any

import msgspec
from mkdocs import plugins
from mkdocs.config.base import ValidationError
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page as SitePage

from bmvis.errors import OptionError
from bmvis.render import assets
from mkdocs_bmvis.element import GALLERY
from mkdocs_bmvis.extension import EXCLUDED, BmvisExtension
from mkdocs_bmvis.gallery import ModelPage, model_pages, placed
from mkdocs_bmvis.hosts import mkdocs_page
from mkdocs_bmvis.place import GalleryKey
from mkdocs_bmvis.settings import Settings, read_settings
from mkdocs_bmvis.sources import open_source
from mkdocs_bmvis.trees import Trees


class BmvisPlugin(BasePlugin):  # type: ignore[type-arg,no-untyped-call]  # `Settings` takes the place of its Config
    """Registers the extension and ships its assets; its settings are the extension's."""

    def __init__(self) -> None:
        self._written: dict[str, Any] = {}
        self._taken: dict[str, Any] = {}
        self._build: _Build | None = None
        self._server: LiveReloadServer | None = None
        self._watched: set[str] = set()
        self._whole_content: str | None = None

    def load_config(self, options: dict[str, Any], config_file_path: str | None = None) -> Any:
        """Check the settings: `Settings` is their one table, for the extension as well."""
        self._written, self._taken = dict(options), {}
        try:
            read_settings(options)
        except OptionError as error:
            raise ValidationError(f"Plugin 'bmvis': {error}") from error
        return [], []

    def on_startup(self, *, command: str, dirty: bool) -> None:
        """Keep this object through the builds of one `serve`: it remembers the server."""

    @event_priority(50)
    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Open the build's one source of models and register the extension with it."""
        self._close()
        folder = Path(config.config_file_path).parent if config.config_file_path else None
        self._taken |= _take_over(config)
        try:
            settings = read_settings(self._taken | self._written).below(folder)
        except OptionError as error:
            raise PluginError(f"Plugin 'bmvis': {error}") from error
        self._build = _Build(msgspec.structs.replace(settings, assets=False))
        config.markdown_extensions.append(self._build.extension)  # type: ignore[arg-type]  # Markdown takes both
        _link(config.extra_css, assets.stylesheets())
        _link(config.extra_javascript, assets.scripts())
        return config

    def on_pre_build(self, *, config: MkDocsConfig) -> None:
        """Find the autorefs plugin; mkdocstrings adds it late."""
        if self._build:
            self._build.extension.autorefs = config.plugins.get("autorefs")

    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        """Add the assets, and the pages of galleries; a file of the site at the same place wins."""
        for uri in assets.files():
            if files.get_file_from_path(uri) is None:
                # The plain constructor: `File.generated` is not in MkDocs 1.5.
                files.append(File(uri, str(assets.PACKAGE.parent), config.site_dir, config.use_directory_urls))
        if self._build and self._build.galleries.add(files, config):
            _link(config.extra_css, [assets.GALLERY_STYLE])
            _link(config.extra_javascript, [assets.GALLERY_SCRIPT])
        return files

    def on_page_markdown(self, markdown: str, *, page: SitePage, config: MkDocsConfig, files: Files) -> None:
        """Tell the extension which page comes next."""
        if self._build:
            converted = mkdocs_page(page.file, config, markdown)
            converted.model_pages = self._build.galleries.links(page.file)
            self._build.extension.page = converted

    def on_page_content(self, html: str, *, page: SitePage, config: MkDocsConfig, files: Files) -> None:
        """Tell link validation which anchors the page has got from us."""
        if self._build and self._build.extension.page and getattr(page, "present_anchor_ids", None) is not None:
            page.present_anchor_ids |= self._build.extension.page.anchors  # type: ignore[operator]

    @event_priority(100)
    def _hide_trees(self, context: Any, *, page: SitePage, config: MkDocsConfig, nav: Any) -> None:
        """Take the trees from the page while search plugins read it; not all honour `data-search-exclude`."""
        self._whole_content = page.content
        page.content = EXCLUDED.sub("", page.content or "")

    @event_priority(-100)
    def _show_trees(self, context: Any, *, page: SitePage, config: MkDocsConfig, nav: Any) -> None:
        page.content = self._whole_content

    if hasattr(plugins, "CombinedEvent"):  # MkDocs 1.5 has it not: there, its own search finds the text of trees
        on_page_context = plugins.CombinedEvent(_hide_trees, _show_trees)

    def on_serve(self, server: LiveReloadServer, *, config: MkDocsConfig, builder: Any) -> LiveReloadServer:
        """Watch the files that models come from."""
        self._server = server
        self._watch()
        return server

    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """End the worker."""
        self._watch()
        self._close()

    def on_build_error(self, *, error: Exception) -> None:
        """End the worker of a build that failed."""
        self._watch()
        self._close()

    def on_shutdown(self) -> None:
        """End the worker of a build that was interrupted."""
        self._close()

    def _watch(self) -> None:
        if self._server and self._build:
            for file in sorted(self._build.trees.sources - self._watched):
                self._server.watch(file)
                self._watched.add(file)

    def _close(self) -> None:
        if self._build:
            self._build.source.close()


class _Build:
    """What lives for one build."""

    def __init__(self, settings: Settings) -> None:
        self.source = open_source(settings)
        self.trees = Trees(settings, self.source, raises=PluginError)
        self.galleries = Galleries(self.trees)
        self.extension = BmvisExtension(trees=self.trees)


class Galleries:
    """The pages that galleries make for their models."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees
        self._pages: dict[str, dict[GalleryKey, dict[str, File]]] = {}

    def add(self, files: Files, config: MkDocsConfig) -> bool:
        """Add the models' pages to the site and to its nav; return whether any page has a gallery."""
        found = [(file, text) for file in files.documentation_pages() if f"<{GALLERY}" in (text := _text(file))]
        for file, text in found:
            if not hasattr(File, "generated"):
                continue  # MkDocs 1.5: cards without pages
            for key, pages in model_pages(file.src_uri, text, self._trees.models):
                made = {page.reference: _page_file(page, files, config) for page in pages}
                self._pages.setdefault(file.src_uri, {})[key] = made
                if config.nav:
                    config.nav = placed(config.nav, file.src_uri, pages)
        return bool(found)

    def links(self, file: File) -> dict[GalleryKey, dict[str, str]]:
        """Return the addresses of the models' pages, seen from the page of their galleries."""
        galleries = self._pages.get(file.src_uri, {})
        return {key: {name: made.url_relative_to(file) for name, made in of.items()} for key, of in galleries.items()}


def _text(file: File) -> str:
    if hasattr(file, "content_string"):
        return file.content_string
    return Path(str(file.abs_src_path)).read_text(encoding="utf-8-sig", errors="replace")  # MkDocs 1.5


def _page_file(page: ModelPage, files: Files, config: MkDocsConfig) -> File:
    """Return the file of a model's page: the author's own, or a new one."""
    own = files.get_file_from_path(page.uri)
    if own is not None:
        return own
    made = File.generated(config, page.uri, content=page.text)
    files.append(made)
    return made


def _take_over(config: MkDocsConfig) -> dict[str, Any]:
    """Take our extension out of the site's own list (Zensical needs it there) and return its settings.

    An i18n plugin builds several times with one configuration: the last build's extension goes too.
    """
    written: dict[str, Any] = {}
    for entry in list(config.markdown_extensions):
        if entry in ("bmvis", "mkdocs_bmvis") or isinstance(entry, BmvisExtension):
            config.markdown_extensions.remove(entry)
            written |= config.mdx_configs.pop(str(entry), {})
    return written


def _link(links: MutableSequence[Any], uris: list[str]) -> None:
    """Put our files before the site's own, which then win; a link that is there already stays as it is."""
    names = {str(link).rpartition("/")[2] for link in links}
    links[:0] = [uri for uri in uris if uri.rpartition("/")[2] not in names]
