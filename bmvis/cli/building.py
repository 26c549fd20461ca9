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
    """Names and patterns of names; all models if empty."""
    jobs: int = 1
    """Models that are built at the same time."""
    timeout: float = TIMEOUT
    """Seconds per model."""


class Outcome(msgspec.Struct, frozen=True):
    """A model as it is now."""

    name: str
    file: Path
    """Where its snapshot is, or would be."""
    snapshot: Snapshot | None = None
    """None if it could not be built."""
    error: BmvisError | None = None


def build_all(work: Work, step: Callable[[Outcome], _T]) -> Iterator[_T]:
    """Yield what a step returns for each model, in the order in which they are built.

    Args:
        work: which models to build.
        step: is called with a built model while the next ones are being built.

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
    """Return the names that names and patterns on the command line select, each once.

    Raises:
        ProjectError: one of them selects nothing, or there are no models.
    """
    if not models:
        raise ProjectError("pyproject.toml names no model", hint="write them below [tool.bmvis.models]")
    found: dict[str, None] = {}
    for text in written or ("*",):
        matches = [name for name in models if fnmatchcase(name, text)] if is_pattern(text) else [text]
        if not matches or (len(matches) == 1 and matches[0] not in models):
            raise ProjectError(f"no model of pyproject.toml has the name {text!r}", hint=nearest(text, models))
        found |= dict.fromkeys(matches)
    return list(found)


def _build(source: Source, project: Project, name: str) -> Outcome:
    file = project.snapshot(name)
    try:
        return Outcome(name, file, snapshot=Snapshot(project.find(name).reference, source.build(name).model))
    except BmvisError as error:
        return Outcome(name, file, error=error)


def _progress() -> Progress:
    """Return a bar on standard error; none where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
