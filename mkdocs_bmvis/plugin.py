"""Plugin for MkDocs and ProperDocs, which both provide `mkdocs.plugins`.

The plugin connects the extension with the host: start and end of a build, the current page, output files, and files to
watch.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from mkdocs import plugins
from mkdocs.config.base import ValidationError
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin, event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page as SitePage

from bmvis.errors import OptionError
from bmvis.options.markup_names import TABLE
from bmvis.render.html import assets
from bmvis.untrusted.log_text import Log, forward
from mkdocs_bmvis.autorefs import type_link
from mkdocs_bmvis.dirty_pages import remove_outputs
from mkdocs_bmvis.drawing import SiteElements
from mkdocs_bmvis.elements_in_html import draw_in_html
from mkdocs_bmvis.extension import EXCLUDED, BmvisExtension
from mkdocs_bmvis.gallery_pages import Galleries
from mkdocs_bmvis.hosts import mkdocs_page
from mkdocs_bmvis.html_cache import LOG, HtmlCache
from mkdocs_bmvis.page_assets import PageAssets
from mkdocs_bmvis.print_site import has_print_page, separate
from mkdocs_bmvis.reporting import Reporter
from mkdocs_bmvis.settings import Settings, read_settings
from mkdocs_bmvis.sources import open_source, preview_session
from mkdocs_bmvis.zensical_assets import is_shipped

if TYPE_CHECKING:  # a build serves nothing
    from mkdocs.livereload import LiveReloadServer

    from bmvis.worker.daemon_client import Session
    from mkdocs_bmvis.watcher import Watcher

CAN_COMBINE = hasattr(plugins, "CombinedEvent")
"""Whether a plugin can handle an event twice, before and after other plugins. MkDocs 1.5 cannot."""


class BmvisPlugin(BasePlugin):  # type: ignore[type-arg,no-untyped-call]  # `Settings` takes the place of its Config
    """Registers the extension, and adds its assets to the site. It has the settings of the extension."""

    def __init__(self) -> None:
        self._written: dict[str, Any] = {}
        self._taken: dict[str, Any] = {}
        self._build: _Build | None = None
        self._assets: PageAssets | None = None
        self._watcher: Watcher | None = None
        self._session: Session | None = None
        self._whole_content: str | None = None
        self._is_dirty = False

    def load_config(self, options: dict[str, Any], config_file_path: str | None = None) -> Any:
        """Validate the settings. `Settings` defines them for the plugin and the extension."""
        self._written, self._taken = dict(options), {}
        try:
            read_settings(options)
        except OptionError as error:
            raise ValidationError(f"Plugin 'bmvis': {error}") from error
        return [], []

    def on_startup(self, *, command: str, dirty: bool) -> None:
        """Let all builds of one `serve` share this object and the worker process. Note whether `--dirty` is set.

        MkDocs keeps a plugin if it has this method.
        """
        self._session = preview_session() if command == "serve" else None
        self._is_dirty = dirty

    @event_priority(50)
    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Open the source of models for the build, and register the extension."""
        self._close()
        if self._build:
            self._build.galleries.restore_nav(config)
        folder = Path(config.config_file_path).parent if config.config_file_path else None
        self._taken |= _take_over(config)
        try:
            settings = read_settings(self._taken | self._written).below(folder)
        except OptionError as error:
            raise PluginError(f"Plugin 'bmvis': {error}") from error
        forward("bmvis", Log(LOG.debug, LOG.info, LOG.warning), is_verbose=LOG.isEnabledFor(logging.DEBUG))
        self._build = _Build(msgspec.structs.replace(settings, assets=False), self._session)
        config.markdown_extensions.append(self._build.extension)  # type: ignore[arg-type]  # Markdown takes both
        self._assets = PageAssets(config)
        return config

    def on_pre_build(self, *, config: MkDocsConfig) -> None:
        """Find the autorefs plugin. mkdocstrings adds it after `on_config`."""
        if self._build:
            self._build.extension.autorefs = config.plugins.get("autorefs")

    @event_priority(0)
    def _ship_assets(self, files: Files, *, config: MkDocsConfig) -> Files:
        """Add the assets and the model pages. A file of the site with the same path takes precedence.

        The files that Zensical needs in the docs folder are left out.
        """
        folder = str(assets.folder(self._build.settings.assets_folder if self._build else None))
        for file in [one for one in files if is_shipped(one.src_uri)]:
            files.remove(file)
        for uri in assets.files():
            if files.get_file_from_path(uri) is None:
                # Not `File.generated`, which MkDocs 1.5 does not have.
                files.append(File(uri, folder, config.site_dir, config.use_directory_urls))
        if "i18n" not in config.plugins:
            self._add_pages(files, config)
        if self._is_dirty:
            remove_outputs(files)
        return files

    @event_priority(-110)
    def _ship_model_pages(self, files: Files, *, config: MkDocsConfig) -> Files:
        """Add the model pages to the nav after the literate-nav plugin (priority -100) has written it.

        Those of one language are added to the files after the i18n plugin (priority -100) has selected them.
        """
        if "i18n" in config.plugins:
            self._add_pages(files, config)
        if self._build:
            self._build.galleries.add_to_nav(config)
        return files

    def _add_pages(self, files: Files, config: MkDocsConfig) -> None:
        if self._build:
            self._build.galleries.add(files, config)

    on_files = plugins.CombinedEvent(_ship_assets, _ship_model_pages) if CAN_COMBINE else _ship_assets

    @event_priority(50)  # after awesome-nav (100), before section-index
    def on_nav(self, nav: Navigation, *, config: MkDocsConfig, files: Files) -> Navigation:
        """Add the model pages to a navigation that another plugin made."""
        if self._build:
            self._build.galleries.complete(nav)
        return nav

    def on_page_markdown(self, markdown: str, *, page: SitePage, config: MkDocsConfig, files: Files) -> None:
        """Set the page that the extension converts next."""
        if self._build:
            converted = mkdocs_page(page.file, config, markdown)
            converted.model_pages = self._build.galleries.links(page.file)
            converted.model_links = self._build.galleries.model_links(page.file) if f"<{TABLE}" in markdown else {}
            self._build.extension.page = converted

    def on_page_content(self, html: str, *, page: SitePage, config: MkDocsConfig, files: Files) -> str:
        """Draw the elements of a notebook, which Python-Markdown does not convert, and register all anchors."""
        if self._build and (ours := self._build.extension.page):
            linked = type_link if self._build.extension.autorefs else None
            html = draw_in_html(html, self._build.elements, ours, linked)
            if getattr(page, "present_anchor_ids", None) is not None:
                page.present_anchor_ids |= ours.anchors  # type: ignore[operator]
            if has_print_page(config):
                self._build.printed.append((page, ours.anchors))
        return self._assets.add_scripts(html, page) if self._assets else html

    @event_priority(-40)  # before autorefs (-50) replaces the references
    def on_env(self, env: Any, *, config: MkDocsConfig, files: Files) -> None:
        """Register references to modules by the end of a path."""
        if self._build and self._build.extension.autorefs:
            pages = [file.page for file in files.documentation_pages() if file.page and file.page.content]
            contents = [(page.file.src_uri, str(page.content)) for page in pages]
            self._build.extension.links.resolve(contents, self._build.extension.autorefs, LOG.warning)

    @event_priority(100)
    def _hide_trees(self, context: Any, *, page: SitePage, config: MkDocsConfig, nav: Any) -> None:
        """Remove the trees while search plugins read the page, since not all support `data-search-exclude`."""
        self._whole_content = page.content
        page.content = EXCLUDED.sub("", page.content or "")

    @event_priority(-100)
    def _show_trees(self, context: Any, *, page: SitePage, config: MkDocsConfig, nav: Any) -> None:
        page.content = self._whole_content
        self._link_sheets(context, page=page, config=config, nav=nav)

    def _link_sheets(self, context: Any, *, page: SitePage, config: MkDocsConfig, nav: Any) -> None:
        """Link the stylesheets that a page needs."""
        if self._assets:
            self._assets.link_sheets(page, context)

    def on_post_page(self, output: str, *, page: SitePage, config: MkDocsConfig) -> None:
        """Unlink the stylesheets, which the next page may not need."""
        if self._assets:
            self._assets.restore()

    # Without combined events, the search of MkDocs finds the text of trees.
    on_page_context = plugins.CombinedEvent(_hide_trees, _show_trees) if CAN_COMBINE else _link_sheets

    def on_serve(self, server: LiveReloadServer, *, config: MkDocsConfig, builder: Any) -> LiveReloadServer:
        """Watch the files that models depend on."""
        from mkdocs_bmvis.watcher import Watcher

        self._watcher = Watcher(server)
        self._watch()
        return server

    @event_priority(50)  # before print-site (0) joins the pages
    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """Stop the worker."""
        if self._build:
            separate(self._build.printed)
        self._watch()
        self._close()

    def on_build_error(self, *, error: Exception) -> None:
        """Stop the worker of a failed build."""
        self._watch()
        self._close()

    def on_shutdown(self) -> None:
        """Stop the worker of an interrupted build, and the watcher of a preview server."""
        if self._watcher:
            self._watcher.stop()
        self._close()

    def _watch(self) -> None:
        if self._watcher and self._build:
            self._watcher.update(self._build.elements.sources)

    def _close(self) -> None:
        if self._build:
            self._build.source.close()


class _Build:
    """The objects of one build."""

    def __init__(self, settings: Settings, session: Session | None) -> None:
        self.settings = settings
        self.source = open_source(settings, session)
        reporter = Reporter(settings, raises=PluginError, is_one_build=True)
        self.elements = SiteElements(settings, self.source, reporter, HtmlCache(self.source, settings))
        self.galleries = Galleries(self.elements)
        self.extension = BmvisExtension(elements=self.elements)
        self.printed: list[tuple[SitePage, set[str]]] = []
        """The pages that print-site joins, and the ids of the trees on them."""


def _take_over(config: MkDocsConfig) -> dict[str, Any]:
    """Remove the extension from `markdown_extensions`, where Zensical needs it, and return its settings.

    An i18n plugin builds several times with one configuration, so the extension of the last build is removed too.
    """
    written: dict[str, Any] = {}
    for entry in list(config.markdown_extensions):
        if entry in ("bmvis", "mkdocs_bmvis") or isinstance(entry, BmvisExtension):
            config.markdown_extensions.remove(entry)
            written |= config.mdx_configs.pop(str(entry), {})
    return written
