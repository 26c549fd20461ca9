"""Report problems with elements where they are: as warnings, or as exceptions with the setting `on_error: raise`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bmvis.errors import BmvisError, NoTorchError
from bmvis.render.html.error_box import error_box
from bmvis.render.html.markup import Markup
from bmvis.source.portable import portable_error
from mkdocs_bmvis.html_cache import LOG, Report
from mkdocs_bmvis.page import HostPage, place_in_sources
from mkdocs_bmvis.settings import Settings


class PageError(BmvisError):
    """A problem on a page of a site with the setting `on_error: raise`."""

    kind = "page"


class Reporter:
    """Reports the problems of one site.

    Args:
        settings: the settings of the site.
        raises: the exception for `on_error: raise`. A host can have its own.
        is_one_build: whether all problems are those of one build. Equal warnings of one place are then logged once: a
            blog draws the start of a post on several pages.
    """

    def __init__(
        self, settings: Settings, raises: Callable[[str], Exception] = PageError, *, is_one_build: bool = False
    ) -> None:
        self._settings = settings
        self._raises = raises
        self._is_one_build = is_one_build
        self._reported: set[str] = set()
        """What is not logged again: texts of warnings, and the kind of errors that are logged once for a site."""

    def box(self, error: BmvisError, raw: str, page: HostPage, line: int | None) -> Markup:
        """Report an error about an element, and return an error box.

        Raises:
            PageError: the site has the setting `on_error: raise`.
        """
        place = self.place(raw, page, line)
        return error_box(self._report(error, place), place)

    def at(self, place: Callable[[], str]) -> Report:
        """Return a function that reports a problem at its location, or at that of the element."""

        def report(error: BmvisError, location: str = "") -> None:
            self._report(error, location or place())

        return report

    def place(self, raw: str, page: HostPage, line: int | None) -> str:
        """Return the location of an element, also of one that is not in the file of its page."""
        place = page.location(line)
        if line is None:
            folders = [Path(self._settings.cwd, entry) for entry in self._settings.path]
            shown = f"in included text, {' '.join(raw.split())}"
            place = place_in_sources(raw, folders) or (f"{place}, {shown}" if place else shown)
        return place

    def portable(self, error: BmvisError) -> BmvisError:
        """Return an error with paths that are relative to the folder of the project."""
        return portable_error(error, Path(self._settings.cwd))

    def _report(self, error: BmvisError, place: str) -> BmvisError:
        """Report a problem, and return the error with the paths that it is reported with."""
        error = self.portable(error)
        text = f"{place}: {error.report}"
        if self._settings.on_error == "raise":
            raise self._raises(text) from error
        is_of_site = isinstance(error, NoTorchError)
        key = error.kind if is_of_site else text
        if key not in self._reported:
            LOG.warning("%s", text)
        if is_of_site or self._is_one_build:
            self._reported.add(key)
        return error
