"""Keep the HTML of elements between builds: MkDocs draws every page in each build.

A drawing is an entry of the cache of models. Its key has all that decides the HTML apart from the models: the element,
its position on the page, the settings, the code. Its dependencies are those of the models, so it is out of date when
one of them is. What was reported is kept too, and reported again in each build, where the element is then.
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
from bmvis.source.cache import Cache, KeptAnswer, KeptHtml, KeptProblem
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
        self._problems: list[KeptProblem] = []
        self._answers: dict[KeptAnswer, None] = {}
        self.notes: list[str] = []
        self.targets: dict[str, str] = {}
        self.is_transient = False
        """Whether a problem may be gone when the same is drawn again."""

    def answer(self, asked: ModelRequest) -> Built:
        """Return the model of a request."""
        try:
            built = self._models.answer(asked)
        except BmvisError as error:
            self._answers[KeptAnswer(asked, digest_of(error))] = None
            raise
        self.add(built.dependencies)
        self.notes += built.model.notes
        self._installed |= dict.fromkeys(built.installed)
        if problem := _uncalled(built):
            self._answers[KeptAnswer(asked, problem)] = None
        return built

    def find_all(self, pattern: str) -> Listed:
        """Return the references that match a pattern."""
        try:
            listed = self._models.find_all(pattern)
        except BmvisError as error:
            self._answers[KeptAnswer(ModelRequest(pattern), digest_of(error), is_pattern=True)] = None
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
            self._problems.append(KeptProblem(error.kind, *texts))
            self.is_transient |= error.is_transient
            report(error, location)

        return noted

    def drawing(self, html: str) -> KeptHtml:
        """Return what to keep."""
        folders = self._installed | dict.fromkeys(one.path for one in self._dependencies if one.kind == "installed")
        dependencies = tuple(one for one in self._dependencies if one.kind != "installed")
        return KeptHtml(
            str(html),
            tuple(self.notes),
            tuple(self._skipped),
            self.targets,
            tuple(self._problems),
            tuple(self._answers),
            dependencies=dependencies,
            installed=tuple(folders),
        )


def problems_of(drawing: KeptHtml) -> Iterator[tuple[BmvisError, str]]:
    """Yield what was reported with a drawing, each with its location; '' for that of the element."""
    for one in drawing.problems:
        yield BY_KIND.get(one.kind, BmvisError)(one.message, hint=one.hint, detail=one.detail), one.location


def problem_now(kept: KeptAnswer, models: Models) -> str:
    """Return the digest of what is wrong with a model or a pattern in this build.

    Raises:
        BmvisError: the model or the pattern failed; its digest is that of `digest_of`.
    """
    if kept.is_pattern:
        models.find_all(kept.request.reference)
        return ""
    return _uncalled(models.answer(kept.request))


def digest_of(error: BmvisError) -> str:
    """Return a digest of an error."""
    return fingerprint.of_bytes(repr(error.parts).encode())


def _uncalled(built: Built) -> str:
    """Return a digest of the reasons why a model, or the one to compare it with, was not called; '' if it was."""
    models = [model for model in (built.model, built.base) if model]
    problems = [problem for model in models for problem in (model.untraced, model.undrawn)]
    return fingerprint.of_bytes(repr(problems).encode()) if any(problems) else ""


class Drawings:
    """The drawings in the cache of a build.

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

    def find(self, *key: object) -> KeptHtml | None:
        """Return the drawing with a key, if it is valid. Log again what was logged about its patterns."""
        kept = self._open()
        found = kept.get_html(*self._key(key)) if kept else None
        if found is None or not is_own(found.html):
            return None
        if not set(found.targets.values()).issubset(IDS.findall(found.html)):
            return None
        for text in found.skipped:
            if text not in self._logged:
                LOG.info("%s", one_line(text))
                self._logged.add(text)
        return found

    def keep(self, recorder: DependencyRecorder, html: str, *key: object) -> KeptHtml:
        """Return a drawing, and keep it if the next build can use it."""
        drawing = recorder.drawing(html)
        kept = self._open()
        if kept and not recorder.is_transient:
            kept.put(drawing, *self._key(key))
        return drawing

    def _open(self) -> Cache | None:
        if self._cache is None:
            self._cache = self._source.drawings()
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
