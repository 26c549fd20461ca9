"""Keep the HTML of elements between builds: MkDocs draws every page in each build.

A drawing is an entry of the cache of models. Its key has all that decides the HTML apart from the models: the element,
its place on the page, the settings, the code. Its facts are those of the models, so it is out of date when one of them
is. It is kept only if there was nothing to report.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from bmvis.errors import BmvisError
from bmvis.render.html.kept import is_own
from bmvis.source import fingerprint
from bmvis.source.cache import Cache, KeptHtml
from bmvis.source.source import Source
from bmvis.worker.protocol import Built, Fact, Listed, ModelRequest
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import Models


class FactRecorder:
    """Models, and what a drawing of them depends on."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._facts: dict[Fact, None] = {}
        self.notes: list[str] = []
        self.has_problems = False
        """Whether there was something to report, which the next build has to report again."""

    def answer(self, asked: ModelRequest) -> Built:
        """Return the model of a request."""
        try:
            built = self._models.answer(asked)
        except BmvisError:
            self.has_problems = True
            raise
        self.add(built.facts)
        self.notes += built.model.notes
        models = filter(None, (built.model, built.base))
        if any(model.untraced or model.undrawn or model.incomplete or model.is_recorded for model in models):
            self.has_problems = True
        return built

    def find_all(self, pattern: str) -> Listed:
        """Return the references that match a pattern."""
        listed = self._models.find_all(pattern)
        self.add(listed.facts)
        return listed

    def add(self, facts: Iterable[Fact]) -> None:
        """Record facts that a drawing depends on."""
        self._facts |= dict.fromkeys(facts)

    def reporting(self, report: Callable[..., object]) -> Callable[..., None]:
        """Return a function that reports a problem, and records that there was one."""

        def noted(*problem: object) -> None:
            self.has_problems = True
            report(*problem)

        return noted

    def drawing(self, html: str) -> KeptHtml:
        """Return what to keep."""
        installed = tuple(fact.path for fact in self._facts if fact.kind == "installed")
        facts = tuple(fact for fact in self._facts if fact.kind != "installed")
        return KeptHtml(str(html), tuple(self.notes), facts=facts, installed=installed)


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

    def find(self, *key: object) -> KeptHtml | None:
        """Return the drawing with a key, if it is valid."""
        kept = self._open()
        found = kept.get(*self._key(key)) if kept else None
        return found if isinstance(found, KeptHtml) and is_own(found.html) else None

    def keep(self, recorder: FactRecorder, html: str, *key: object) -> KeptHtml:
        """Return a drawing, and keep it if the next build can use it."""
        drawing = recorder.drawing(html)
        kept = self._open()
        if kept and not recorder.has_problems:
            kept.put(drawing, *self._key(key))
        return drawing

    def _open(self) -> Cache | None:
        if self._cache is None:
            self._cache = self._source.drawings()
        return self._cache

    def _key(self, key: tuple[object, ...]) -> tuple[object, ...]:
        if self._shared is None:
            project = str(self._source.project.file)
            places = sys.prefix, sys.base_prefix, os.path.expanduser("~"), tempfile.gettempdir()  # noqa: PTH111
            self._shared = (_code(), sys.version, *places, project, fingerprint.of_file(project), repr(self._settings))
        return "drawing", *self._shared, *key


@cache
def _code() -> str:
    """Return the digest of the code of this package. That of bmvis is part of every key."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return fingerprint.of_bytes("".join(fingerprint.of_file(str(file)) for file in files).encode())
