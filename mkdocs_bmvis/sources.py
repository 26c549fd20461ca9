"""The source of models: one for each build, or a shared one that closes when idle."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from bmvis.errors import BmvisError
from bmvis.source.dependencies import CurrentValues, file_dependencies
from bmvis.source.recorded import drift_error
from bmvis.source.source import Source
from bmvis.worker.protocol import Built, Dependency, Listed, ModelRequest
from mkdocs_bmvis.hosts import zensical_arguments
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.watch_list import WatchList

if TYPE_CHECKING:
    from bmvis.worker.daemon_client import Session

_Answer = TypeVar("_Answer", Built, Listed)
IDLE = 5.0
"""Seconds without requests after which a shared source stops its worker."""


class Models(Protocol):
    """The common interface of `Source` and `SharedSource`."""

    def answer(self, request: ModelRequest) -> Built:
        """Return the model of a request, or raise a BmvisError."""
        ...

    def find_all(self, pattern: str) -> Listed:
        """Return the references that match a pattern, or raise a BmvisError."""
        ...


def open_source(settings: Settings, session: Session | None = None) -> Source:
    """Return a Source with the settings, for a build of a preview server if there is a session."""
    return Source(
        Path(settings.cwd),
        path=settings.path,
        python=settings.python,
        timeout=settings.timeout,
        memory=settings.memory,
        cache=Path(settings.cache) if settings.cache else None,
        allow=settings.allow,
        mode=settings.mode,
        snapshots=Path(settings.snapshots) if settings.snapshots else None,
        session=session,
    )


class SharedSource:
    """A `Source` that several pages share, for hosts that do not report the end of a build.

    The source is closed when it is idle, so that a long-lived process, such as a preview server or a notebook, does not
    keep a worker with torch in memory. It is also closed if a file that a model depends on has changed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._source: Source | None = None
        self._dependencies: dict[Dependency, None] = {}
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)

    def answer(self, request: ModelRequest) -> Built:
        """Return the model of a request."""
        return self._ask(lambda source: source.answer(request), request.reference)

    def find_all(self, pattern: str) -> Listed:
        """Return the references that match a pattern."""
        return self._ask(lambda source: source.find_all(pattern), pattern)

    def _ask(self, question: Callable[[Source], _Answer], reference: str) -> _Answer:
        with self._lock:
            if self._timer:
                self._timer.cancel()
            if CurrentValues().first_change(self._dependencies):
                self._end()
            if self._source is None:
                self._source = open_source(self._settings, _zensical_session())
            try:
                answer = question(self._source)
                self._dependencies |= dict.fromkeys(one for one in answer.dependencies if not one.is_written)
                return answer
            except BmvisError as error:
                self._dependencies |= dict.fromkeys(one for one in error.dependencies if not one.is_written)
                self._dependencies |= dict.fromkeys(file_dependencies(likely_files(reference, self._settings)))
                raise
            finally:
                self._timer = threading.Timer(IDLE, self.close)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Stop the worker. The next request starts another one."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        source, self._source = self._source, None
        self._dependencies = {}
        if source:
            source.close()


def _zensical_session() -> Session | None:
    """Return the session of the process if it is `zensical serve`."""
    return preview_session() if "serve" in zensical_arguments() else None


def preview_session() -> Session | None:
    """Return the session of this process, which is a preview server."""
    from bmvis.worker.daemon_client import session_of_process  # a build without changes starts no worker

    return session_of_process(os.getpid())


def request_model(
    models: Models,
    request: ModelRequest,
    settings: Settings,
    sources: WatchList,
    report: Callable[[BmvisError], object],
) -> Built:
    """Return the model of a request, and report if it differs from its snapshot.

    Args:
        models: the source of models.
        request: the request.
        settings: the settings of the site.
        sources: takes what the answer depends on.
        report: a function that is called with the difference.

    Raises:
        BmvisError: the model failed.
    """
    try:
        built = models.answer(request)
    except BmvisError as error:
        sources.add(error.dependencies)
        sources.add_files(*likely_files(request.reference, settings))
        raise
    sources.add(built.dependencies)
    if drift := drift_error(request.reference, built):
        report(drift)
    return built


def likely_files(reference: str, settings: Settings) -> list[str]:
    """Return the files that probably define a failed model, to watch for a fix."""
    module = reference.partition(":")[0].strip()
    if not all(part.isidentifier() for part in module.split(".")):
        return []
    stems = [Path(settings.cwd, entry, *module.split(".")) for entry in settings.path]
    names = [name for stem in stems for name in (f"{stem}.py", f"{stem}/__init__.py")]
    return [os.path.realpath(name) for name in names if os.path.isfile(name)]
