"""Draw elements: return a tree, or log a warning and return an error box."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from bmvis.errors import BmvisError, NoTorchError, OptionError
from bmvis.options.definitions import BY_NAME, Options
from bmvis.options.markup_names import COMPARE, FACT, GALLERY, OPTIMIZER, TABLE
from bmvis.options.parsing import COMPARED, parse_options, resolve_mapping_file, take_comparison, take_optimizer
from bmvis.reference import short_name
from bmvis.render.html.error_box import error_box
from bmvis.render.html.markup import Markup, join, tag
from bmvis.source.cache import CachedAnswer, CachedHtml
from bmvis.source.dependencies import file_dependencies
from bmvis.source.portable import portable_error
from bmvis.untrusted.log_text import one_line
from bmvis.worker.protocol import model_request
from mkdocs_bmvis.autorefs import targets
from mkdocs_bmvis.element import Element, refuse_unknown_attributes
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
from mkdocs_bmvis.page import HostPage, place_in_sources
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import Models, SharedSource, likely_files, request_model
from mkdocs_bmvis.watch_list import WatchList

if TYPE_CHECKING:
    from bmvis.render.html.row import TypeLink
    from mkdocs_bmvis.model_list import PlacedList

    _Placed = TypeVar("_Placed", bound=PlacedList[Any])


class PageError(BmvisError):
    """A problem on a page of a site with the setting `on_error: raise`."""

    kind = "page"


class Drawn(NamedTuple):
    """The HTML of one element."""

    html: Markup
    is_searched: bool = False
    """Whether the search index includes its text."""


class Trees:
    """Draws the elements of one site.

    Args:
        settings: the settings of the site.
        models: the source of models.
        raises: the exception for `on_error: raise`. A host can have its own.
        html_cache: the HTML of earlier builds; None to draw everything.
        is_one_build: whether this object draws one build of the site. Equal warnings of one place are then logged once:
            a blog draws the start of a post on several pages.
    """

    def __init__(
        self,
        settings: Settings,
        models: Models,
        raises: Callable[[str], Exception] = PageError,
        html_cache: HtmlCache | None = None,
        is_one_build: bool = False,
    ) -> None:
        self.settings = settings
        self.models = models
        self.raises = raises
        self._html_cache = html_cache
        self.sources = WatchList()
        """What the trees depend on."""
        self._has_reported_torch = False
        self._reported: set[str] | None = set() if is_one_build else None

    def draw(self, element: Element, page: HostPage, type_link: TypeLink | None = None) -> Drawn:
        """Return the tree or the gallery of an element, or an error box.

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
            return Drawn(join(_kept_anchor(element, page), self.fail(error, element.raw, page, line)))

    def fail(self, error: BmvisError, raw: str, page: HostPage, line: int | None) -> Markup:
        """Log an error about an element, and return an error box."""
        error = portable_error(error, Path(self.settings.cwd))
        place = self._place(raw, page, line)
        self._report(error, place)
        return error_box(error, place)

    def _place(self, raw: str, page: HostPage, line: int | None) -> str:
        """Return the location of an element, also of one that is not in the file of its page."""
        place = page.location(line)
        if line is None:
            folders = [Path(self.settings.cwd, entry) for entry in self.settings.path]
            shown = f"in included text, {' '.join(raw.split())}"
            place = place_in_sources(raw, folders) or (f"{place}, {shown}" if place else shown)
        return place

    def _report(self, error: BmvisError, place: str) -> None:
        error = portable_error(error, Path(self.settings.cwd))
        if self.settings.on_error == "raise":
            raise self.raises(f"{place}: {error.report}") from error
        if isinstance(error, NoTorchError):
            if self._has_reported_torch:
                return
            self._has_reported_torch = True
        text = f"{place}: {error.report}"
        if self._reported is None or text not in self._reported:
            LOG.warning("%s", text)
        if self._reported is not None:
            self._reported.add(text)

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
        location = self._place(element.raw, page, line)
        report = self._reporter(lambda: location)
        placed = place(element, page, self.settings, report, location)

        def drawn(recorder: DependencyRecorder) -> Markup:
            return draw(placed, recorder, self.settings, self.sources, recorder.reporting(report))

        html = Markup(self._cached_or(drawn, report, element.name, repr(placed)).html)
        page.take(placed.anchor, placed.options.name)
        return html

    def _fact(self, element: Element, page: HostPage, line: int | None) -> Markup:
        from bmvis.render.html.fact import unknown_fact
        from mkdocs_bmvis.fact import draw_fact, unknown_text

        report = self._reporter(lambda: self._place(element.raw, page, line))
        try:
            return draw_fact(element, self.models, self.settings, self.sources, report)
        except BmvisError as error:
            report(error)
            return unknown_fact(unknown_text(element), str(portable_error(error, Path(self.settings.cwd))))

    def _reporter(self, place: Callable[[], str]) -> Report:
        """Return a function that reports a problem at its location, or at that of the element."""

        def report(error: BmvisError, location: str = "") -> None:
            self._report(error, location or place())

        return report

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

    def _tree(self, element: Element, page: HostPage, line: int | None, type_link: TypeLink | None) -> Drawn:
        if element.problem:
            raise element.problem
        written = dict(element.attributes)
        reference = _take_reference(element.name, written)
        options = resolve_mapping_file(parse_options(written, self.settings.options), Path(self.settings.cwd))
        if options.mapping_file:
            self.sources.add_files(options.mapping_file)
        anchor = page.anchor(options.name or f"{page.unnamed}-{short_name(reference)}")

        report = self._reporter(lambda: self._place(element.raw, page, line))

        def draw(recorder: DependencyRecorder) -> Markup:
            return self._drawn_tree(reference, options, anchor, type_link, recorder, recorder.reporting(report))

        drawn = self._cached_or(draw, report, reference, repr(options), anchor, type_link is not None)
        html = Markup(drawn.html)
        page.targets.update(drawn.targets)
        for note in drawn.notes:
            LOG.info("%s: %r: %s", page.location(line), reference, one_line(note))
        is_shown_again = line is None and page.included.get(options.name) == element.raw
        page.included.setdefault(options.name, element.raw)
        if options.name not in ("", anchor) and not page.is_excerpt and not is_shown_again:
            taken = OptionError(f"duplicate tree name {options.name!r} on this page", hint="rename one of them")
            self.fail(taken, element.raw, page, line)
        page.anchors.update(IDS.findall(html))
        return Drawn(html, options.search)

    def _drawn_tree(
        self,
        reference: str,
        options: Options,
        anchor: str,
        type_link: TypeLink | None,
        models: DependencyRecorder,
        report: Callable[[BmvisError], object],
    ) -> Markup:
        built = request_model(models, model_request(reference, options), self.settings, self.sources, report)
        from bmvis.render.html.tree import to_html  # not for a model that failed
        from bmvis.view.layout import layout

        if options.mapping_file:
            models.add(file_dependencies([options.mapping_file]))
        drawn = layout(built.model, options, built.base)
        for warning in drawn.warnings:
            report(warning)
        if options.name and type_link:
            models.targets = targets(options.name, anchor, built.model, drawn)
        return to_html(drawn, anchor, type_link=type_link)


@cache
def shared_trees(settings: Settings) -> Trees:
    """Return the shared `Trees` for these settings: hosts without builds create an extension for each page."""
    return Trees(settings, SharedSource(settings))


def _kept_anchor(element: Element, page: HostPage) -> Markup | None:
    """Return the anchor of a tree that could not be drawn, so that links to it do not cause more warnings."""
    name = element.attributes.get("name") or ""
    try:
        BY_NAME["name"].read(name)
    except ValueError:
        return None
    if name in page.anchors:
        return None
    page.anchors.add(name)
    page.targets[name] = name
    return tag("span", id=name)


def _take_reference(element: str, written: dict[str, str | None]) -> str:
    own = COMPARED if element == COMPARE else ("factory",)
    example = f'write <{element} {own[0]}="package.module:factory" />'
    refuse_unknown_attributes(written, [*own, *BY_NAME], example)
    if element == COMPARE:
        return take_comparison(written)
    if element == OPTIMIZER:
        take_optimizer(written)
    if "factory" not in written:
        raise OptionError("the attribute 'factory' is missing", hint=example)
    return written.pop("factory") or ""
