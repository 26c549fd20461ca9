"""Draw elements, or take their HTML from an earlier build. An element with an error becomes an error box."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from bmvis.errors import BmvisError, OptionError
from bmvis.options.markup_names import FACT, GALLERY, TABLE
from bmvis.render.html.markup import Markup, join
from bmvis.source.cache import CachedAnswer, CachedHtml
from bmvis.untrusted.log_text import one_line
from mkdocs_bmvis.element import Element
from mkdocs_bmvis.html_cache import (
    IDS,
    LOG,
    DependencyRecorder,
    HtmlCache,
    Report,
    digest_of,
    problem_now,
    problems_of,
)
from mkdocs_bmvis.page import HostPage
from mkdocs_bmvis.reporting import Reporter
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import Models, SharedSource, likely_files
from mkdocs_bmvis.tree import draw_tree, kept_anchor, place_tree
from mkdocs_bmvis.watch_list import WatchList

if TYPE_CHECKING:
    from bmvis.render.html.row import TypeLink
    from mkdocs_bmvis.model_list import PlacedList

    _Placed = TypeVar("_Placed", bound=PlacedList[Any])


class Drawn(NamedTuple):
    """The HTML of one element."""

    html: Markup
    is_searched: bool = False
    """Whether the search index includes its text."""


class SiteElements:
    """The elements of one site, and what they depend on.

    Args:
        settings: the settings of the site.
        models: the source of models.
        reporter: reports the problems of the site; None for one that raises `PageError`.
        html_cache: the HTML of earlier builds; None to draw everything.
    """

    def __init__(
        self,
        settings: Settings,
        models: Models,
        reporter: Reporter | None = None,
        html_cache: HtmlCache | None = None,
    ) -> None:
        self.settings = settings
        self.models = models
        self.reporter = reporter or Reporter(settings)
        self._html_cache = html_cache
        self.sources = WatchList()
        """What the elements depend on."""

    def draw(self, element: Element, page: HostPage, type_link: TypeLink | None = None) -> Drawn:
        """Return the HTML of an element, or an error box.

        Raises:
            PageError: there is an error, and the site has the setting `on_error: raise`.
        """
        line = page.line_of(element.raw)
        if element.name == FACT:
            return Drawn(self._fact(element, page, line), is_searched=True)
        try:
            if element.name == GALLERY:
                return Drawn(self._gallery(element, page, line), is_searched=True)
            if element.name == TABLE:
                return Drawn(self._table(element, page, line), is_searched=True)
            return self._tree(element, page, line, type_link)
        except BmvisError as error:
            return Drawn(join(kept_anchor(element, page), self.reporter.box(error, element.raw, page, line)))

    def _fact(self, element: Element, page: HostPage, line: int | None) -> Markup:
        from bmvis.render.html.fact import unknown_fact
        from mkdocs_bmvis.fact import draw_fact, unknown_text

        report = self._report_of(element, page, line)
        try:
            return draw_fact(element, self.models, self.settings, self.sources, report)
        except BmvisError as error:
            report(error)
            return unknown_fact(unknown_text(element), str(self.reporter.portable(error)))

    def _gallery(self, element: Element, page: HostPage, line: int | None) -> Markup:
        from mkdocs_bmvis.gallery import draw_gallery, place_gallery

        return self._overview(place_gallery, draw_gallery, element, page, line)

    def _table(self, element: Element, page: HostPage, line: int | None) -> Markup:
        from mkdocs_bmvis.table import draw_table, place_table

        return self._overview(place_table, draw_table, element, page, line)

    def _overview(
        self,
        place: Callable[[Element, HostPage, Settings, Report, str], _Placed],
        draw: Callable[[_Placed, DependencyRecorder, Settings, WatchList, Report], Markup],
        element: Element,
        page: HostPage,
        line: int | None,
    ) -> Markup:
        """Return the HTML of a gallery or a table, from an earlier build or drawn by `draw`."""
        location = self.reporter.place(element.raw, page, line)
        report = self.reporter.at(lambda: location)
        placed = place(element, page, self.settings, report, location)

        def drawn(recorder: DependencyRecorder) -> Markup:
            return draw(placed, recorder, self.settings, self.sources, recorder.reporting(report))

        html = Markup(self._cached_or(drawn, report, element.name, repr(placed)).html)
        page.take(placed.anchor, placed.options.name)
        return html

    def _tree(self, element: Element, page: HostPage, line: int | None, type_link: TypeLink | None) -> Drawn:
        tree = place_tree(element, page, self.settings, self.sources)
        report = self._report_of(element, page, line)

        def drawn(recorder: DependencyRecorder) -> Markup:
            reported = recorder.reporting(report)
            return draw_tree(tree, recorder, self.settings, self.sources, reported, type_link)

        found = self._cached_or(drawn, report, repr(tree), type_link is not None)
        html = Markup(found.html)
        page.targets.update(found.targets)
        page.anchors.update(IDS.findall(html))
        for note in found.notes:
            LOG.info("%s: %r: %s", page.location(line), tree.reference, one_line(note))
        name = tree.options.name
        is_shown_again = line is None and page.included.get(name) == element.raw
        page.included.setdefault(name, element.raw)
        if name not in ("", tree.anchor) and not page.is_excerpt and not is_shown_again:
            report(OptionError(f"duplicate tree name {name!r} on this page", hint="rename one of them"))
        return Drawn(html, tree.options.search)

    def _report_of(self, element: Element, page: HostPage, line: int | None) -> Report:
        return self.reporter.at(lambda: self.reporter.place(element.raw, page, line))

    def _cached_or(self, draw: Callable[[DependencyRecorder], Markup], report: Report, *key: object) -> CachedHtml:
        """Return the HTML with a key from an earlier build, and report its problems again, or draw it."""
        found = self._html_cache.find(*key) if self._html_cache else None
        if found is not None and all(self._has_same_problem(one) for one in found.answers):
            self.sources.add(found.dependencies)
            for problem, location in problems_of(found):
                report(problem, location)
            return found
        recorder = DependencyRecorder(self.models, Path(self.settings.cwd))
        html = draw(recorder)
        return self._html_cache.store(recorder, html, *key) if self._html_cache else recorder.entry(html)

    def _has_same_problem(self, answer: CachedAnswer) -> bool:
        try:
            return problem_now(answer, self.models) == answer.problem
        except BmvisError as error:
            self.sources.add(error.dependencies)
            self.sources.add_files(*likely_files(answer.request.reference, self.settings))
            return digest_of(error) == answer.problem


@cache
def shared_elements(settings: Settings) -> SiteElements:
    """Return the shared `SiteElements` for these settings: hosts without builds create an extension for each page."""
    return SiteElements(settings, SharedSource(settings))
