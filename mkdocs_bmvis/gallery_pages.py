"""Add the model pages of galleries to the files of MkDocs and ProperDocs."""

from __future__ import annotations

import hashlib
import posixpath
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation

from bmvis.generated_files import write_if_changed
from bmvis.options.markup_names import GALLERY, NAME, TABLE
from mkdocs_bmvis.drawing import SiteElements
from mkdocs_bmvis.nav import complete, placed
from mkdocs_bmvis.page import GalleryKey
from mkdocs_bmvis.table_links import trees_on

if TYPE_CHECKING:  # a site without galleries and tables does not import it
    from mkdocs_bmvis.model_pages import ModelPage


class Galleries:
    """The galleries of one build.

    Args:
        elements: draws the galleries.
    """

    def __init__(self, elements: SiteElements) -> None:
        self._elements = elements
        self._pages: dict[str, dict[GalleryKey, dict[str, File]]] = {}
        self._drawn: list[tuple[File, dict[str, str]]] = []
        """The pages with trees, and the anchors of these trees by reference."""
        self._for_nav: list[tuple[File, list[ModelPage]]] = []
        self._files: dict[str, File] = {}
        """The files of model pages by path."""
        self._nav: tuple[Any, Any] | None = None

    def add(self, files: Files, config: MkDocsConfig) -> None:
        """Add the model pages to the site."""
        texts = [(file, _text(file)) for file in files.documentation_pages()]
        self._drawn = [(file, trees_on(text)) for file, text in texts if f"<{NAME}" in text and _is_published(file)]
        found = [(file, text) for file, text in texts if any(f"<{name}" in text for name in (GALLERY, TABLE))]
        self._for_nav.clear()
        for file, text in found:
            if not hasattr(File, "generated"):
                continue  # MkDocs 1.5: no model pages
            from mkdocs_bmvis.model_pages import model_pages

            for key, pages in model_pages(file.src_uri, text, self._elements.models, self._elements.settings.options):
                made = {page.reference: self._page_file(page, file, files, config) for page in pages}
                self._pages.setdefault(file.src_uri, {})[key] = made
                self._for_nav.append((file, pages))
                self._files |= {page.uri: made[page.reference] for page in pages}

    def add_to_nav(self, config: MkDocsConfig) -> None:
        """Add the model pages to the nav of the configuration, which other plugins may have changed."""
        written = config.nav
        for file, pages in self._for_nav if config.nav else ():
            config.nav = placed(config.nav or [], getattr(file, "norm_src_uri", file.src_uri), pages)
        self._nav = (written, config.nav)

    def complete(self, nav: Navigation) -> None:
        """Add the model pages to the navigation of a plugin that ignores the one of the configuration."""
        complete(nav, [(file, [self._files[page.uri] for page in pages]) for file, pages in self._for_nav])

    def _page_file(self, page: ModelPage, gallery: File, files: Files, config: MkDocsConfig) -> File:
        """Return the file of a model page: the one that the author wrote, or a new one."""
        own = files.get_file_from_path(page.uri)
        if own is not None:
            return own
        made = File.generated(config, page.uri, abs_src_path=str(self._source_file(page.text)))
        source = posixpath.dirname(gallery.src_uri)
        made.dest_uri = posixpath.normpath(
            posixpath.join(_site_folder(gallery), posixpath.relpath(made.dest_uri, source or "."))
        )
        for fact in ("locale", "locale_alternate_of"):  # the language switch of the i18n plugin uses these
            if hasattr(gallery, fact):
                setattr(made, fact, getattr(gallery, fact))
                made.alternates = {}  # type: ignore[attr-defined]
        files.append(made)
        return made

    def _source_file(self, text: str) -> Path:
        """Write the text of a page to a file, since plugins such as mknotebooks read pages from the disk.

        Its name depends on the text, so that builds at the same time do not overwrite each other's files.
        """
        name = f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.md"
        kept = self._elements.settings.pages_folder
        if kept is not None:
            with suppress(OSError):  # the cache is read-only
                return _written(kept / name, text)
        return _written(Path(self._temporary.name, name), text)

    @cached_property
    def _temporary(self) -> TemporaryDirectory[str]:
        """The folder of the pages of a site without a cache."""
        return TemporaryDirectory(prefix="bmvis-")

    def links(self, file: File) -> dict[GalleryKey, dict[str, str]]:
        """Return the addresses of the model pages, relative to the page of their galleries."""
        galleries = self._pages.get(file.src_uri, {})
        return {key: {name: made.url_relative_to(file) for name, made in of.items()} for key, of in galleries.items()}

    def model_links(self, file: File) -> dict[str, str]:
        """Return where the models of the site are, seen from a page, by reference.

        A page that a gallery or a table made for a model has priority over a tree on another page.
        """
        found: dict[str, str] = {}
        for page, trees in self._drawn:
            for reference, anchor in trees.items():
                found.setdefault(reference, f"{page.url_relative_to(file)}#{anchor}")
        made = (of for galleries in self._pages.values() for of in galleries.values())
        return found | {name: page.url_relative_to(file) for of in made for name, page in of.items()}

    def restore_nav(self, config: MkDocsConfig) -> None:
        """Remove the pages from the nav: an i18n plugin builds the next language with the same configuration."""
        if self._nav and config.nav is self._nav[1]:
            config.nav = self._nav[0]


def _is_published(file: File) -> bool:
    inclusion = getattr(file, "inclusion", None)  # not in MkDocs 1.5
    return inclusion is None or inclusion.is_included()


def _text(file: File) -> str:
    if hasattr(file, "content_string"):
        return file.content_string
    return Path(str(file.abs_src_path)).read_text(encoding="utf-8-sig", errors="replace")  # MkDocs 1.5


def _written(file: Path, text: str) -> Path:
    """Write a page, and return its file."""
    write_if_changed(file, text.encode())
    return file


def _site_folder(file: File) -> str:
    """Return the output folder of a page, which for a translated page differs from its source folder."""
    folder = posixpath.dirname(file.dest_uri)
    return posixpath.dirname(folder) if file.use_directory_urls and file.name != "index" else folder
