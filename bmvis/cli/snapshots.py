"""`bmvis snapshot` and `bmvis check`: write the project's snapshots, and tell what drifted from them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bmvis.comparison.drift import IMPACTS, Drift, find_drift
from bmvis.errors import BmvisError, SnapshotError
from bmvis.log_text import lines
from bmvis.model.snapshot import Snapshot, dump
from bmvis.model.totals import subtree_totals
from bmvis.regular_file import read_regular
from bmvis.source.pyproject import Project, read_project
from bmvis.source.recorded import MAX_BYTES, read_snapshot
from bmvis.source.source import Source
from bmvis.worker.client import TIMEOUT

DRIFTED, BROKEN = 1, 2
"""Exit codes; where both are true, that of a model that could not be built."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of one model."""

    name: str
    file: Path
    drift: Drift | None = None
    """None where nothing was compared."""
    snapshot: Snapshot | None = None
    error: BmvisError | None = None

    @property
    def problem(self) -> str:
        """Return what is to be read about it; '' if all is well."""
        return self.error.report if self.error else lines(str(self.drift or ""))


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
    for outcome in _each(_as_built, project, names, jobs, timeout):
        if outcome.error or outcome.snapshot is None:
            broken = True
            click.echo(f"{outcome.name}: {outcome.problem}", err=True)
            continue
        done = "unchanged" if _is_same(outcome) else _write(outcome.file, dump(outcome.snapshot))
        click.echo(f"{outcome.name}: {done} {_shown(outcome.file)}")
    sys.exit(BROKEN if broken else 0)


@click.command()
@_options
@click.option(
    "--format", "style", type=click.Choice(["text", "github", "json"]), default="text", help="How to tell what drifted."
)
@click.option(
    "--fail-on",
    type=click.Choice(["checkpoint", "numerics", "training", "any"]),
    default="any",
    help="The least serious class of changes that ends the command with 1.",
)
def check(names: Sequence[str], folder: Path, jobs: int, timeout: float, style: str, fail_on: str) -> None:
    """Build the models that pyproject.toml names, all or NAMES, and tell how they differ from their snapshots.

    Each change is of a class: checkpoint (old files no longer load), numerics (they load and compute something
    else), training, or cosmetic. Ends with 1 if one has drifted, with 2 if one could not be built.
    """
    project = _read(folder)
    outcomes = sorted(_each(_compare, project, names, jobs, timeout), key=lambda outcome: outcome.name)
    _STYLES[style](outcomes)
    if any(outcome.error for outcome in outcomes):
        sys.exit(BROKEN)
    serious = IMPACTS if fail_on == "any" else IMPACTS[: list[str](IMPACTS).index(fail_on) + 1]
    sys.exit(DRIFTED if any(outcome.drift and outcome.drift.impact in serious for outcome in outcomes) else 0)


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


def _as_built(outcome: Outcome) -> Outcome:
    return outcome


def _compare(outcome: Outcome) -> Outcome:
    if outcome.snapshot is None:
        return outcome
    if _is_recorded(outcome.file, outcome.snapshot):
        totals = subtree_totals(outcome.snapshot.model)[0]
        return Outcome(outcome.name, outcome.file, drift=Drift((), totals, totals))
    try:
        recorded = read_snapshot(outcome.file, outcome.snapshot.reference)
    except SnapshotError as error:
        return Outcome(outcome.name, outcome.file, error=error)
    return Outcome(outcome.name, outcome.file, drift=find_drift(recorded.model, outcome.snapshot.model))


def _is_same(outcome: Outcome) -> bool:
    """Return whether a file records the same facts; the device, notes and spelling are no facts."""
    compared = _compare(outcome)
    return compared.drift is not None and not compared.drift


def _is_recorded(file: Path, snapshot: Snapshot) -> bool:
    """Return whether a file holds the very text of a snapshot: then nothing need be read out of it and compared."""
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
    """Write a file if it would change, and say what was done."""
    known = file.read_text(encoding="utf-8") if file.exists() else None
    if known == text:
        return "unchanged"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")
    return "wrote" if known is None else "changed"


def _as_text(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.error:
            click.echo(f"{outcome.name}: {outcome.problem}")
        elif outcome.drift:
            click.echo(f"{outcome.name}: differs from {_shown(outcome.file)}: {outcome.drift.headline}")
            click.echo("".join(f"    {line}\n" for line in outcome.problem.splitlines()), nl=False)
    well = sum(not outcome.problem for outcome in outcomes)
    click.echo(f"{well} of {len(outcomes)} as recorded", err=True)
    if any(outcome.drift for outcome in outcomes):
        click.echo("if this is intended, run `bmvis snapshot` and commit the result", err=True)


def _as_github(outcomes: Sequence[Outcome]) -> None:
    """Write workflow commands, which GitHub shows at the file in a pull request."""
    for outcome in outcomes:
        if outcome.problem:
            title = f"differs: {outcome.drift.headline}" if outcome.drift else "cannot be built"
            head = f"file={_escaped(_shown(outcome.file))},line=1,title={_escaped(f'{outcome.name} {title}')}"
            click.echo(f"::error {head}::{_escaped(outcome.problem, in_property=False)}")


def _escaped(text: str, *, in_property: bool = True) -> str:
    """Escape for a workflow command: its own characters and line ends."""
    escapes = {"%": "%25", "\r": "%0D", "\n": "%0A"} | ({":": "%3A", ",": "%2C"} if in_property else {})
    return "".join(escapes.get(character, character) for character in text)


def _as_json(outcomes: Sequence[Outcome]) -> None:
    click.echo(json.dumps({outcome.name: _facts(outcome) for outcome in outcomes}, indent=2))


def _facts(outcome: Outcome) -> dict[str, Any]:
    error, drift = outcome.error, outcome.drift
    if error:
        return {"status": "broken", "message": error.message, "hint": error.hint, "detail": error.detail}
    head = {"status": "drifted" if drift else "same", "snapshot": _shown(outcome.file)}
    verdict = {"class": drift.impact, "headline": drift.headline} if drift else {"class": None, "headline": ""}
    return {**head, **verdict, **msgspec.to_builtins(drift)}


def _shown(file: Path) -> str:
    """Return a path as a person here writes it."""
    return file.relative_to(Path.cwd()).as_posix() if file.is_relative_to(Path.cwd()) else str(file)


_STYLES: dict[str, Callable[[Sequence[Outcome]], None]] = {"text": _as_text, "github": _as_github, "json": _as_json}
