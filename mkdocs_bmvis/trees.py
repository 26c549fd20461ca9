"""Draw elements: a reference becomes a tree, or a warning and a box in its stead."""

from __future__ import annotations

import atexit
import logging
import re
import threading
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from bmvis import factory
from bmvis.errors import BmvisError, OptionError, nearest
from bmvis.options import BY_NAME, Device, parse_options
from bmvis.protocol import Built
from bmvis.render.html import TypeLink, error_box, to_html
from bmvis.render.markup import Markup
from bmvis.rows import layout
from bmvis.source import Source
from mkdocs_bmvis.element import NAME, Element
from mkdocs_bmvis.links import targets
from mkdocs_bmvis.place import Page
from mkdocs_bmvis.settings import Settings

LOG = logging.getLogger("mkdocs.plugins.bmvis")
"""Below `mkdocs`, so that `--strict` counts its warnings, with and without our plugin."""
IDLE = 5.0
"""Seconds without work after which a worker that no host closes is ended."""
_ID = re.compile(r' id="([^"]+)"')


class PageError(BmvisError):
    """A problem on a page of a site whose settings say `on_error: raise`."""

    kind = "page"


class Drawn(NamedTuple):
    """What stands on the page for one element."""

    html: Markup
    is_searched: bool = False
    """Whether the site's search should find its text."""


class Models(Protocol):
    """What gives a model for a reference: a `Source`, or a `SharedSource`."""

    def resolve(self, reference: str, device: Device = "auto") -> Built:
        """Return the model, or raise a BmvisError."""
        ...


class Trees:
    """Draws the elements of one site.

    Args:
        settings: the site's.
        models: where models come from.
        raises: the exception for `on_error: raise`; a host may have one that it prints well.
    """

    def __init__(self, settings: Settings, models: Models, raises: Callable[[str], Exception] = PageError) -> None:
        self.settings = settings
        self.models = models
        self.raises = raises
        self.sources: set[str] = set()
        """Files that the trees drawn so far depend on."""

    def draw(self, element: Element, page: Page, type_link: TypeLink | None = None) -> Drawn:
        """Return the tree that `element` asks for, or an error box.

        Raises:
            PageError: there is no tree, and the settings say `on_error: raise`.
        """
        place = page.place(element.raw)
        try:
            return self._tree(element, page, place, type_link)
        except BmvisError as error:
            return Drawn(self.fail(error, place))

    def fail(self, error: BmvisError, place: str) -> Markup:
        """Report a problem at `place` and return its box."""
        if self.settings.on_error == "raise":
            raise self.raises(f"{place}: {error.report}") from error
        LOG.warning("%s: %s", place or f"a <{NAME}> element", error.report)
        return error_box(error, place)

    def _tree(self, element: Element, page: Page, place: str, type_link: TypeLink | None) -> Drawn:
        if element.problem:
            raise element.problem
        written = dict(element.attributes)
        reference = _take_reference(written)
        options = parse_options(written, self.settings.options)
        try:
            built = self.models.resolve(reference, options.device)
        except BmvisError:
            self.sources.update(likely_files(reference, self.settings))
            raise
        self.sources.update(built.sources)
        for note in built.model.notes:
            LOG.info("%s: %r was %s", place, reference, note)
        drawn = layout(built.model, options)
        anchor = page.anchor(options.name or f"model-{factory.parse(reference).attribute}")
        html = to_html(drawn, anchor, type_link=type_link)
        page.anchors.update(_ID.findall(html))
        if options.name:
            page.targets.update(targets(options.name, anchor, built.model, drawn))
        return Drawn(html, options.search)


class SharedSource:
    """One Source for all pages that are converted in a row, where no host says when a build ends.

    It is ended after a pause, so that a long-lived process (a preview server, a notebook) holds no second
    one with torch in memory; and when a file that models came from has changed, for a Source knows the old ones.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._source: Source | None = None
        self._seen: dict[str, int] = {}
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)

    def resolve(self, reference: str, device: Device = "auto") -> Built:
        """Return the model that a factory reference names."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            if any(_changed_at(file) != when for file, when in self._seen.items()):
                self._end()
            if self._source is None:
                self._source = open_source(self._settings)
            try:
                built = self._source.resolve(reference, device)
                self._note(built.sources)
                return built
            except BmvisError:
                self._note(likely_files(reference, self._settings))
                raise
            finally:
                self._timer = threading.Timer(IDLE, self.close)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """End the worker. A later `resolve` starts another."""
        with self._lock:
            self._end()

    def _note(self, files: Iterable[str]) -> None:
        for file in files:
            self._seen.setdefault(file, _changed_at(file))

    def _end(self) -> None:
        source, self._source = self._source, None
        self._seen = {}
        if source:
            source.close()


def _changed_at(file: str) -> int:
    try:
        return Path(file).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def open_source(settings: Settings) -> Source:
    """Return a Source as the settings say."""
    return Source(Path(settings.cwd), path=settings.path, python=settings.python, timeout=settings.timeout)


@cache
def shared_trees(settings: Settings) -> Trees:
    """Return the one `Trees` of these settings: hosts without a build make an extension per page."""
    return Trees(settings, SharedSource(settings))


def _take_reference(written: dict[str, str | None]) -> str:
    for name in written:
        if name != "factory" and name not in BY_NAME:
            raise OptionError(f"unknown attribute {name!r}", hint=nearest(name, ["factory", *BY_NAME]))
    if "factory" not in written:
        raise OptionError("the element has no factory", hint=f'write <{NAME} factory="package.module:factory" />')
    return written.pop("factory") or ""


def likely_files(reference: str, settings: Settings) -> list[str]:
    """Return the files that a change would have to be made in to mend a model that failed."""
    module = Path(*reference.partition(":")[0].strip().split("."))
    roots = [Path(settings.cwd, entry) for entry in settings.path]
    names = [root / name for root in roots for name in (module.with_suffix(".py"), module / "__init__.py")]
    return [str(name.resolve()) for name in names if name.is_file()]
