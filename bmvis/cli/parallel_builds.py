"""Build the models of a project, several at a time. Internal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import TypeVar

import msgspec

from bmvis.cli.failure_places import failure_place
from bmvis.errors import BmvisError, ProjectError, nearest
from bmvis.model.snapshot import Snapshot
from bmvis.reference_patterns import is_pattern
from bmvis.source.changed_models import ChangedModels
from bmvis.source.pattern_matches import require_match
from bmvis.source.pyproject import Project, require_file_names
from bmvis.source.source import Source
from bmvis.worker.protocol import TIMEOUT

_T = TypeVar("_T")
MODELS_PER_JOB = 50
"""Number of models for which a further process is started by default: it imports PyTorch and the libraries again,
which takes as long as about 50 models of transformers."""
MAX_JOBS = 4
"""Maximum number of processes by default: each one has PyTorch and the libraries in memory."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Which models a command builds, and how."""

    project: Project
    names: tuple[str, ...] = ()
    """Names and patterns. Empty for all models."""
    jobs: int | None = None
    """Number of models to build at the same time. None for as many as pay: see `MODELS_PER_JOB`."""
    timeout: float = TIMEOUT
    """Seconds per model."""
    shard: tuple[int, int] = (1, 1)
    """The part of the models to build, counted from 1, and the number of parts."""
    changed_since: str = ""
    """A git revision: models whose files did not change since then are left out. '' builds all."""
    cache: Path | None = None
    """The folder for built models; None for no cache."""


class BuildOutcome(msgspec.Struct, frozen=True):
    """The result of building a model."""

    name: str
    file: Path
    """The path of its snapshot, which may not exist yet."""
    snapshot: Snapshot | None = None
    """None if it could not be built."""
    error: BmvisError | None = None
    place: tuple[Path, int] | None = None
    """The file and the line to fix, if it could not be built."""


class Builders:
    """The sources that build the models of one project. A context manager: it ends their processes.

    Args:
        work: which models to build.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._stack = ExitStack()
        self._first = self._source()

    def __enter__(self) -> Builders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @cached_property
    def names(self) -> list[str]:
        """The names of all models of the project."""
        listed = [name for names in self._listed.values() if isinstance(names, tuple) for name in names]
        names = list(dict.fromkeys((*self._work.project.models, *listed)))
        require_file_names(names, self._work.project.file)
        return names

    @property
    def broken(self) -> list[BuildOutcome]:
        """An outcome for each pattern of pyproject.toml whose models are not known."""
        project = self._work.project
        failures = ((text, error) for text, error in self._listed.items() if isinstance(error, BmvisError))
        return [_failure(text, project.file, error, project) for text, error in failures]

    def build_all(self, step: Callable[[BuildOutcome], _T]) -> Iterator[_T]:
        """Build models, and yield the result of `step` for each one, in the order of their names.

        Args:
            step: a function that is called with a built model while other models are being built.

        Raises:
            ProjectError: a name is unknown, or the project has no models.
        """
        chosen, broken = self._chosen()
        chosen = self._part(chosen)
        free: SimpleQueue[Source] = SimpleQueue()
        jobs = _default_jobs(len(chosen)) if self._work.jobs is None else self._work.jobs
        for number in range(min(jobs, len(chosen))):
            free.put(self._source() if number else self._first)

        def run(name: str) -> _T:
            source = free.get()
            try:
                built = _build(source, self._work.project, name)
            finally:
                free.put(source)
            return step(built)

        yield from map(step, broken)
        pool = self._stack.enter_context(ThreadPoolExecutor(jobs + 1))
        self._stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        with _progress(len(chosen)) as advance:
            futures = [pool.submit(run, name) for name in chosen]
            for future in futures:
                future.add_done_callback(lambda _: advance())
            for future in futures:
                yield future.result()

    def _part(self, names: list[str]) -> list[str]:
        """Return the names that are left of those that the command line selects."""
        work = self._work
        number, count = work.shard
        part = sorted(names)[number - 1 :: count]
        if not work.changed_since:
            return part
        changed = ChangedModels(work.project, work.changed_since)
        return [name for name in part if changed.has(name)]

    def _source(self) -> Source:
        project = self._work.project
        source = Source(project.folder, path=project.path, timeout=self._work.timeout, cache=self._work.cache)
        return self._stack.enter_context(source)

    @cached_property
    def _listed(self) -> Mapping[str, tuple[str, ...] | BmvisError]:
        """The names that each pattern of pyproject.toml gives, or the error in its module."""
        found: dict[str, tuple[str, ...] | BmvisError] = {}
        for pattern in self._work.project.patterns:
            try:
                listed = self._first.find_named(pattern)
                require_match(self._work.project, pattern, listed)
                found[pattern.pattern.text] = listed.references
            except BmvisError as error:
                found[pattern.pattern.text] = error
        return found

    def _chosen(self) -> tuple[list[str], list[BuildOutcome]]:
        """Return the names that the command line selects, each once, and patterns without known models."""
        project, written = self._work.project, self._work.names
        if not project.has_names:
            raise ProjectError("pyproject.toml defines no models", hint="add them to [tool.bmvis.models]")
        if not written:
            return self.names, self.broken
        found: dict[str, None] = {}
        broken: list[BuildOutcome] = []
        for text in written:
            if not is_pattern(text):
                project.find(text)
                found[text] = None
                continue
            matches = [name for name in self.names if fnmatchcase(name, text)]
            broken = self.broken
            if not matches and not broken:
                hint = nearest(text, self.names)
                raise ProjectError(f"pyproject.toml defines no model {text!r}", hint=hint)
            found |= dict.fromkeys(matches)
        return list(found), broken


def _build(source: Source, project: Project, name: str) -> BuildOutcome:
    file = project.snapshot(name)
    try:
        return BuildOutcome(name, file, snapshot=Snapshot(project.find(name).reference, source.build(name).model))
    except BmvisError as error:
        return _failure(name, file, error, project)


def _failure(name: str, file: Path, error: BmvisError, project: Project) -> BuildOutcome:
    return BuildOutcome(name, file, error=error, place=failure_place(error, name, project))


def _default_jobs(models: int) -> int:
    """Return the number of models to build at the same time if the user gives none."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(models // MODELS_PER_JOB, MAX_JOBS, cpus))


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on standard error if that is a terminal. Its library is imported for that alone."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("building models", total=total)
        yield lambda: progress.advance(task)
