"""Cache the HTML of elements between builds, because MkDocs draws every page in each build.

The HTML of an element is an entry of the cache of models. Its key has all that decides the HTML apart from the models:
the element, its position on the page, the settings, the code. Its dependencies are those of the models, so it is out of
date when one of them is. It also has what was reported, which each build reports again, where the element is then.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from bmvis.errors import BY_KIND, BmvisError
from bmvis.lazy_regex import lazy_regex
from bmvis.render.html.cached_html import is_own
from bmvis.source import fingerprint
from bmvis.source.cache import Cache, CachedAnswer, CachedHtml, CachedProblem
from bmvis.source.pattern_matches import passed_over_text
from bmvis.source.portable import portable_error
from bmvis.source.source import Source
from bmvis.untrusted.file_names import readable
from bmvis.untrusted.log_text import one_line
from bmvis.worker.protocol import Built, Dependency, Listed, ModelRequest
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import Models

LOG = logging.getLogger("mkdocs.plugins.bmvis")
"""A child of the logger `mkdocs`, so that `--strict` counts its warnings, also without the plugin."""
Report = Callable[..., object]
"""Reports a `BmvisError`, at the location that follows, or without one at that of the element."""
IDS = lazy_regex(r' id="([^"]+)"')
"""The ids in drawn HTML."""


class DependencyRecorder:
    """Models, and what a drawing of them depends on.

    Args:
        models: the source of models.
        cwd: the folder of the project, for paths in problems.
    """

    def __init__(self, models: Models, cwd: Path) -> None:
        self._models = models
        self._cwd = cwd
        self._dependencies: dict[Dependency, None] = {}
        self._installed: dict[str, None] = {}
        self._skipped: list[str] = []
        self._problems: list[CachedProblem] = []
        self._answers: dict[CachedAnswer, None] = {}
        self.notes: list[str] = []
        self.targets: dict[str, str] = {}
        self.is_transient = False
        """Whether a problem may be gone when the same is drawn again."""

    def answer(self, request: ModelRequest) -> Built:
        """Return the model of a request."""
        try:
            built = self._models.answer(request)
        except BmvisError as error:
            self._answers[CachedAnswer(request, digest_of(error))] = None
            raise
        self.add(built.dependencies)
        self.notes += built.model.notes
        self._installed |= dict.fromkeys(built.installed)
        if problem := _uncalled(built):
            self._answers[CachedAnswer(request, problem)] = None
        return built

    def find_all(self, pattern: str) -> Listed:
        """Return the references that match a pattern."""
        try:
            listed = self._models.find_all(pattern)
        except BmvisError as error:
            self._answers[CachedAnswer(ModelRequest(pattern), digest_of(error), is_pattern=True)] = None
            raise
        self.add(listed.dependencies)
        self._installed |= dict.fromkeys(listed.installed)
        self._skipped += filter(None, [passed_over_text(pattern, listed.passed_over)])
        return listed

    def add(self, dependencies: Iterable[Dependency]) -> None:
        """Record what a drawing depends on."""
        self._dependencies |= dict.fromkeys(dependencies)

    def reporting(self, report: Report) -> Report:
        """Return a function that reports and records a problem, at a location or at that of the element."""

        def noted(error: BmvisError, location: str = "") -> None:
            shown = portable_error(error, self._cwd)
            texts = map(readable, (shown.message, shown.hint, shown.detail, location))
            self._problems.append(CachedProblem(error.kind, *texts))
            self.is_transient |= error.is_transient
            report(error, location)

        return noted

    def entry(self, html: str) -> CachedHtml:
        """Return the entry of the cache for HTML that depends on what is recorded."""
        folders = self._installed | dict.fromkeys(one.path for one in self._dependencies if one.kind == "installed")
        dependencies = tuple(one for one in self._dependencies if one.kind != "installed")
        return CachedHtml(
            str(html),
            tuple(self.notes),
            tuple(self._skipped),
            self.targets,
            tuple(self._problems),
            tuple(self._answers),
            dependencies=dependencies,
            installed=tuple(folders),
        )


def problems_of(entry: CachedHtml) -> Iterator[tuple[BmvisError, str]]:
    """Yield what was reported with an element, each with its location; '' for that of the element."""
    for one in entry.problems:
        yield BY_KIND.get(one.kind, BmvisError)(one.message, hint=one.hint, detail=one.detail), one.location


def problem_now(answer: CachedAnswer, models: Models) -> str:
    """Return the digest of what is wrong with a model or a pattern in this build.

    Raises:
        BmvisError: the model or the pattern failed; its digest is that of `digest_of`.
    """
    if answer.is_pattern:
        models.find_all(answer.request.reference)
        return ""
    return _uncalled(models.answer(answer.request))


def digest_of(error: BmvisError) -> str:
    """Return a digest of an error."""
    return fingerprint.of_bytes(repr(error.parts).encode())


def _uncalled(built: Built) -> str:
    """Return a digest of the reasons why a model, or the one to compare it with, was not called; '' if it was."""
    models = [model for model in (built.model, built.base) if model]
    problems = [problem for model in models for problem in (model.untraced, model.undrawn)]
    return fingerprint.of_bytes(repr(problems).encode()) if any(problems) else ""


class HtmlCache:
    """The HTML of elements in the cache of a build.

    Args:
        source: the models of the build.
        settings: the settings of the site.
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        self._cache: Cache | None = None
        self._shared: tuple[object, ...] | None = None
        self._logged: set[str] = set()

    def find(self, *key: object) -> CachedHtml | None:
        """Return the entry with a key, if it is valid. Log again what was logged about its patterns."""
        cache = self._open()
        found = cache.get_html(*self._key(key)) if cache else None
        if found is None or not is_own(found.html):
            return None
        if not set(found.targets.values()).issubset(IDS.findall(found.html)):
            return None
        for text in found.skipped:
            if text not in self._logged:
                LOG.info("%s", one_line(text))
                self._logged.add(text)
        return found

    def store(self, recorder: DependencyRecorder, html: str, *key: object) -> CachedHtml:
        """Return the entry for HTML, and store it if the next build can use it."""
        entry = recorder.entry(html)
        cache = self._open()
        if cache and not recorder.is_transient:
            cache.put(entry, *self._key(key))
        return entry

    def _open(self) -> Cache | None:
        if self._cache is None:
            self._cache = self._source.html_cache()
        return self._cache

    def _key(self, key: tuple[object, ...]) -> tuple[object, ...]:
        if self._shared is None:
            paths = sys.prefix, sys.base_prefix, os.path.expanduser("~"), tempfile.gettempdir()  # noqa: PTH111
            # Not a digest of pyproject.toml: it can have changed since this build has read it.
            self._shared = (_code(), sys.version, *paths, repr(self._source.project), repr(self._settings))
        return "drawing", *self._shared, *key


@cache
def _code() -> str:
    """Return the digest of the code of this package. That of bmvis is part of every key."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return fingerprint.of_bytes("".join(fingerprint.of_file(str(file)) for file in files).encode())
