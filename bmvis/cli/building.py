"""Build the models of a project, several at a time. Internal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bmvis.errors import BmvisError, ProjectError, nearest
from bmvis.model.snapshot import Snapshot
from bmvis.reference import is_pattern
from bmvis.source.pyproject import NamedModel, Project
from bmvis.source.source import Source
from bmvis.worker.client import TIMEOUT

_T = TypeVar("_T")


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Which models a command builds, and how."""

    project: Project
    names: tuple[str, ...] = ()
    """Names and patterns. Empty for all models."""
    jobs: int = 1
    """Number of models to build at the same time."""
    timeout: float = TIMEOUT
    """Seconds per model."""


class Outcome(msgspec.Struct, frozen=True):
    """The result of building a model."""

    name: str
    file: Path
    """The path of its snapshot, which may not exist yet."""
    snapshot: Snapshot | None = None
    """None if it could not be built."""
    error: BmvisError | None = None


def build_all(work: Work, step: Callable[[Outcome], _T]) -> Iterator[_T]:
    """Build models, and yield the result of `step` for each one, in the order in which they finish.

    Args:
        work: the models to build.
        step: a function that is called with a built model while other models are being built.

    Raises:
        ProjectError: a name is unknown, or the project has no models.
    """
    chosen = chosen_names(work.names, work.project.models)
    with ExitStack() as stack:
        free: SimpleQueue[Source] = SimpleQueue()
        for _ in range(min(work.jobs, len(chosen))):
            source = Source(work.project.folder, path=work.project.path, timeout=work.timeout)
            free.put(stack.enter_context(source))

        def run(name: str) -> _T:
            source = free.get()
            try:
                built = _build(source, work.project, name)
            finally:
                free.put(source)
            return step(built)

        pool = stack.enter_context(ThreadPoolExecutor(work.jobs + 1))
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        progress = stack.enter_context(_progress())
        task = progress.add_task("building models", total=len(chosen))
        for future in as_completed([pool.submit(run, name) for name in chosen]):
            progress.advance(task)
            yield future.result()


def chosen_names(written: Sequence[str], models: Mapping[str, NamedModel]) -> list[str]:
    """Return the names of the models that match the names and patterns on the command line, each once.

    Raises:
        ProjectError: a name or pattern matches no model, or there are no models.
    """
    if not models:
        raise ProjectError("pyproject.toml defines no models", hint="add them to [tool.bmvis.models]")
    found: dict[str, None] = {}
    for text in written or ("*",):
        matches = [name for name in models if fnmatchcase(name, text)] if is_pattern(text) else [text]
        if not matches or (len(matches) == 1 and matches[0] not in models):
            raise ProjectError(f"pyproject.toml defines no model {text!r}", hint=nearest(text, models))
        found |= dict.fromkeys(matches)
    return list(found)


def _build(source: Source, project: Project, name: str) -> Outcome:
    file = project.snapshot(name)
    try:
        return Outcome(name, file, snapshot=Snapshot(project.find(name).reference, source.build(name).model))
    except BmvisError as error:
        return Outcome(name, file, error=error)


def _progress() -> Progress:
    """Return a progress bar on standard error. It is hidden if that is not a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
