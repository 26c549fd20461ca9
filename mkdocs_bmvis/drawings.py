"""Keep the HTML of elements between builds: MkDocs draws every page in each build.

A drawing is an entry of the cache of models. Its key has all that decides the HTML apart from the models: the element,
its position on the page, the settings, the code. Its dependencies are those of the models, so it is out of date when
one of them is. It is kept only if there was nothing to report.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from bmvis.errors import BmvisError
from bmvis.render.html.cached_html import is_own
from bmvis.source import fingerprint
from bmvis.source.cache import Cache, KeptHtml
from bmvis.source.pattern_matches import passed_over_text
from bmvis.source.source import Source
from bmvis.untrusted.log_text import one_line
from bmvis.worker.protocol import Built, Dependency, Listed, ModelRequest
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import Models

LOG = logging.getLogger("mkdocs.plugins.bmvis")
"""A child of the logger `mkdocs`, so that `--strict` counts its warnings, also without the plugin."""
IDS = re.compile(r' id="([^"]+)"')
"""The ids in drawn HTML."""


class DependencyRecorder:
    """Models, and what a drawing of them depends on."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._dependencies: dict[Dependency, None] = {}
        self._installed: dict[str, None] = {}
        self._skipped: list[str] = []
        self.notes: list[str] = []
        self.targets: dict[str, str] = {}
        self.has_problems = False
        """Whether there was something to report, which the next build has to report again."""

    def answer(self, asked: ModelRequest) -> Built:
        """Return the model of a request."""
        try:
            built = self._models.answer(asked)
        except BmvisError:
            self.has_problems = True
            raise
        self.add(built.dependencies)
        self.notes += built.model.notes
        self._installed |= dict.fromkeys(built.installed)
        models = filter(None, (built.model, built.base))
        if any(model.untraced or model.undrawn or model.incomplete or model.is_recorded for model in models):
            self.has_problems = True
        return built

    def find_all(self, pattern: str) -> Listed:
        """Return the references that match a pattern."""
        listed = self._models.find_all(pattern)
        self.add(listed.dependencies)
        self._installed |= dict.fromkeys(listed.installed)
        self._skipped += filter(None, [passed_over_text(pattern, listed.passed_over)])
        return listed

    def add(self, dependencies: Iterable[Dependency]) -> None:
        """Record what a drawing depends on."""
        self._dependencies |= dict.fromkeys(dependencies)

    def reporting(self, report: Callable[..., object]) -> Callable[..., None]:
        """Return a function that reports a problem, and records that there was one."""

        def noted(*problem: object) -> None:
            self.has_problems = True
            report(*problem)

        return noted

    def drawing(self, html: str) -> KeptHtml:
        """Return what to keep."""
        folders = self._installed | dict.fromkeys(one.path for one in self._dependencies if one.kind == "installed")
        dependencies = tuple(one for one in self._dependencies if one.kind != "installed")
        notes, skipped = tuple(self.notes), tuple(self._skipped)
        return KeptHtml(str(html), notes, skipped, self.targets, dependencies=dependencies, installed=tuple(folders))


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
        found = kept.get(*self._key(key)) if kept else None
        if not isinstance(found, KeptHtml) or not is_own(found.html):
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
        if kept and not recorder.has_problems:
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
