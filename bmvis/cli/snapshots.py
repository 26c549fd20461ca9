"""`bmvis snapshot` and `bmvis check`: write the snapshots of a project, and report what differs from them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bmvis.cli.reports import FORMATS
from bmvis.cli.results import BROKEN, FailOn, Result, compared, exit_code, failed, place_of, status_of
from bmvis.comparison.drift import Drift, find_drift
from bmvis.errors import BmvisError, SnapshotError
from bmvis.model.snapshot import Snapshot, dump
from bmvis.model.totals import subtree_totals
from bmvis.regular_file import read_regular
from bmvis.source.pyproject import Project, read_project
from bmvis.source.recorded import MAX_BYTES, ConflictError, conflict_sides, parse_snapshot, read_snapshot
from bmvis.source.source import Source
from bmvis.worker.client import TIMEOUT


class Outcome(msgspec.Struct, frozen=True):
    """A model as it is now."""

    name: str
    file: Path
    snapshot: Snapshot | None = None
    """None if it could not be built."""
    error: BmvisError | None = None
    result: Result | None = None
    """How it compares with its file."""


_Step = Callable[[Outcome], Outcome]
"""What is done with a built model, while the next one is being built."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--timeout", type=click.FloatRange(0, min_open=True), default=TIMEOUT, help="Seconds per model."),
        click.option("--jobs", "-j", type=click.IntRange(1), default=1, help="Processes that build models."),
        click.option(
            "--project",
            "folder",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            default=".",
            help="Where to look for pyproject.toml, from there upwards.",
        ),
        click.argument("names", nargs=-1),
    ):
        command = option(command)
    return command


@click.command()
@_options
def snapshot(names: Sequence[str], folder: Path, jobs: int, timeout: float) -> None:
    """Write the snapshots of the models that pyproject.toml names: of all, or of NAMES."""
    project = _read(folder)
    broken = False
    for outcome in _each(_compare, project, names, jobs, timeout):
        if outcome.error or outcome.snapshot is None:
            broken = True
            click.echo(f"{outcome.name}: {outcome.error.report if outcome.error else ''}", err=True)
            continue
        is_same = outcome.result is not None and outcome.result.is_well
        done = "unchanged" if is_same else _write(outcome.file, dump(outcome.snapshot))
        click.echo(f"{outcome.name}: {done} {place_of(outcome.file)[0]}")
    sys.exit(BROKEN if broken else 0)


@click.command()
@_options
@click.option("--format", "style", type=click.Choice(list(FORMATS)), default="text", help="The format of the report.")
@click.option(
    "--fail-on",
    type=click.Choice(["checkpoint", "numerics", "training", "any"]),
    default="any",
    help="The least serious class of changes that ends the command with 1.",
)
def check(names: Sequence[str], folder: Path, jobs: int, timeout: float, style: str, fail_on: FailOn) -> None:
    """Build the models that pyproject.toml names, all or NAMES, and report how they differ from their snapshots.

    Each change is of a class: checkpoint (old files no longer load), numerics (they load and compute something
    else), training, or cosmetic. The exit code is 1 for changes, 2 if a model can't be built, 3 if a snapshot is
    missing, 4 if it is of another reference, 5 if it has conflict markers, and 6 if it can't be read.
    """
    project = _read(folder)
    found = (outcome.result for outcome in _each(_compare, project, names, jobs, timeout) if outcome.result)
    results = sorted(found, key=lambda result: result.name)
    if report := FORMATS[style](results, fail_on):
        click.echo(report)
    click.echo(f"{sum(result.is_well for result in results)} of {len(results)} as recorded", err=True)
    if any(result.status == "drifted" for result in results):
        click.echo("if this is intended, run `bmvis snapshot` and commit the result", err=True)
    sys.exit(exit_code(results, fail_on))


def _read(folder: Path) -> Project:
    try:
        return read_project(folder.resolve())
    except BmvisError as error:
        click.echo(error.report, err=True)
        sys.exit(BROKEN)


def _build(source: Source, project: Project, name: str) -> Outcome:
    file = project.snapshot(name)
    try:
        return Outcome(name, file, snapshot=Snapshot(project.find(name).reference, source.build(name).model))
    except BmvisError as error:
        return Outcome(name, file, error=error)


def _compare(outcome: Outcome) -> Outcome:
    return msgspec.structs.replace(outcome, result=_result(outcome))


def _result(outcome: Outcome) -> Result:
    name, file, built = outcome.name, outcome.file, outcome.snapshot
    if built is None:
        return failed(name, file, "broken", outcome.error or BmvisError("no model"))
    if _is_recorded(file, built):
        totals = subtree_totals(built.model)[0]
        return compared(name, file, Drift((), totals, totals), "")
    try:
        recorded = read_snapshot(file, built.reference)
    except SnapshotError as error:
        return _unreadable(name, file, error)
    text = read_regular(file, MAX_BYTES).decode()
    return compared(name, file, find_drift(recorded.model, built.model), text)


def _unreadable(name: str, file: Path, error: SnapshotError) -> Result:
    """Return the result for a snapshot that is missing or not usable; of a conflict, with what its sides differ in."""
    result = failed(name, file, status_of(error), error)
    if not isinstance(error, ConflictError):
        return result
    content = read_regular(file, MAX_BYTES)
    try:
        ours, theirs = (parse_snapshot(side, str(file)).model for side in conflict_sides(content) or ())
    except SnapshotError:
        return result  # the sides are no whole snapshots: git merged other parts of them
    found = compared(name, file, find_drift(ours, theirs), content.decode())
    problem = {"status": "conflicted", "message": result.message, "hint": result.hint}
    return msgspec.structs.replace(found, **problem)


def _is_recorded(file: Path, snapshot: Snapshot) -> bool:
    """Return whether a file has the very text of a snapshot: then there is nothing to compare."""
    try:
        return read_regular(file, MAX_BYTES) == dump(snapshot).encode()
    except OSError:
        return False


def _each(step: _Step, project: Project, names: Sequence[str], jobs: int, timeout: float) -> Iterator[Outcome]:
    """Yield what comes of each model as it comes, `jobs` at a time, each by a process of its own."""
    chosen = list(dict.fromkeys(names)) or list(project.models)
    if not chosen:
        click.echo("pyproject.toml names no model: write them below [tool.bmvis.models]", err=True)
        sys.exit(BROKEN)
    with ExitStack() as stack:
        free: SimpleQueue[Source] = SimpleQueue()
        for _ in range(min(jobs, len(chosen))):
            free.put(stack.enter_context(Source(project.folder, path=project.path, timeout=timeout)))

        def run(name: str) -> Outcome:
            source = free.get()
            try:
                built = _build(source, project, name)
            finally:
                free.put(source)
            return step(built)

        pool = stack.enter_context(ThreadPoolExecutor(jobs + 1))
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        progress = stack.enter_context(_progress())
        task = progress.add_task("building models", total=len(chosen))
        for future in as_completed([pool.submit(run, name) for name in chosen]):
            progress.advance(task)
            yield future.result()


def _progress() -> Progress:
    """Return a bar on standard error; none where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _write(file: Path, text: str) -> str:
    """Write a file if it would change, and return what was done."""
    known = file.read_text(encoding="utf-8") if file.exists() else None
    if known == text:
        return "unchanged"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")
    return "wrote" if known is None else "changed"
