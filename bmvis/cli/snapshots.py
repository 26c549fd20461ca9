"""`bmvis snapshot`: write the snapshots of a project."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import click

from bmvis.cli.exit_codes import BROKEN
from bmvis.cli.messages import errors_end_the_command, print_error, print_warning
from bmvis.cli.parallel_builds import Builders, Work
from bmvis.cli.reports.text import to_text
from bmvis.cli.shared_options import (
    build_options,
    cache_folder,
    cache_option,
    project_option,
    write_file,
)
from bmvis.cli.snapshot_comparison import Checked, check_file, obsolete_snapshots
from bmvis.errors import OptionError
from bmvis.model.snapshot import Snapshot, dump
from bmvis.source.pyproject import Project, read_project
from bmvis.source.recorded import parse_snapshot


@click.command()
@build_options
@project_option
@click.option("--diff", "shows", is_flag=True, help="Show the changes of each file before writing it.")
@click.option(
    "--interactive", "-i", "asks", is_flag=True, help="Show the changes of each file, and ask before writing it."
)
@cache_option
@click.option("--upgrade", is_flag=True, help="Write files of an older format again, with all facts.")
@click.option("--prune", is_flag=True, help="Remove snapshots without a model in pyproject.toml.")
def snapshot(
    names: Sequence[str],
    folder: Path,
    jobs: int | None,
    timeout: float,
    shows: bool,
    asks: bool,
    no_cache: bool,
    upgrade: bool,
    prune: bool,
) -> None:
    """Write the snapshots of the models that pyproject.toml names.

    NAMES are names or patterns such as "bert-*". By default, all models are built. The file of a model that did not
    change stays the same.
    """
    if prune and names:
        raise click.UsageError("--prune cannot be used with NAMES")
    with errors_end_the_command():
        project = read_project(folder.resolve())
        cache = cache_folder(project, no_cache)
        with Builders(Work(project=project, names=tuple(names), jobs=jobs, timeout=timeout, cache=cache)) as builders:
            checked: Iterable[Checked] = builders.build_all(partial(check_file, ignored=project.ignored))
            if asks:
                checked = list(checked)  # the progress bar would overwrite the prompts
            built = [_record(one, shows=shows or asks, asks=asks, upgrade=upgrade) for one in checked]
            if not names and not builders.broken:
                _obsolete(project, builders.names, prune=prune)
    sys.exit(0 if all(built) else BROKEN)


def write_snapshot(file: Path, snapshot: Snapshot) -> str:
    """Write a snapshot if it changed, and return a word for the log.

    Raises:
        OptionError: it cannot be written.
    """
    is_new = not os.path.lexists(file)
    if not is_new and not file.is_file():
        raise OptionError(f"cannot write {file}: not a regular file", hint="remove it")
    text = dump(snapshot)
    if not is_new and file.read_bytes().replace(b"\r\n", b"\n") == text.encode():
        return "unchanged"
    write_file(file, text)
    return "wrote" if is_new else "changed"


def _record(checked: Checked, *, shows: bool, asks: bool, upgrade: bool) -> bool:
    """Write the snapshot of one model, and return whether the model could be built."""
    outcome, result = checked
    if outcome.snapshot is None:
        print_error(result.report, outcome.name)
        return upgrade and _upgrade_text(outcome.name, outcome.file)
    model = outcome.snapshot.model
    for problem in filter(None, (model.untraced, model.undrawn, model.incomplete)):
        print_warning(problem.message, outcome.name)
    if shows and not result.is_same:
        click.echo(to_text([result]))
    if result.is_same and not (upgrade and _is_older(outcome.file, outcome.snapshot)):
        done = "unchanged"
    elif asks and not click.confirm(f"write {result.snapshot}?"):
        done = "skipped"
    else:
        done = write_snapshot(outcome.file, outcome.snapshot)
    click.echo(f"{outcome.name}: {done} {result.snapshot}")
    return True


def _is_older(file: Path, built: Snapshot) -> bool:
    """Return whether a snapshot lacks facts that this version records."""
    recorded = parse_snapshot(file.read_bytes(), str(file)).model
    is_more = (built.model.active > 0 and not recorded.active) or (built.model.dataflow and not recorded.dataflow)
    return bool(recorded.unrecorded or is_more)


def _upgrade_text(name: str, file: Path) -> bool:
    """Write the facts of an older file in the present format. The others stay unknown, because nothing was built."""
    if not file.exists():
        return False
    snapshot = parse_snapshot(file.read_bytes(), str(file))
    unknown = ", ".join(snapshot.model.unrecorded) or "none"
    click.echo(f"{name}: {write_snapshot(file, snapshot)} {file.name} without building it (not recorded: {unknown})")
    return True


def _obsolete(project: Project, names: Sequence[str], *, prune: bool) -> None:
    for result in obsolete_snapshots(project.snapshots, names):
        if prune:
            (project.snapshots / f"{result.name}.json").unlink()
            click.echo(f"{result.name}: removed {result.snapshot}")
        else:
            click.echo(f"{result.name}: obsolete {result.snapshot} (run `bmvis snapshot --prune` to remove it)")
