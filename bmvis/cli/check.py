"""`bmvis check`: report how the models of a project differ from their snapshots."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import click

from bmvis.cli.building import Builders, Work
from bmvis.cli.comparing import Checked, check_file, check_revision, compare_contents, obsolete_snapshots
from bmvis.cli.results import Result, exit_code
from bmvis.cli.shared_options import Report, build_options, errors_end_the_command, report_options
from bmvis.cli.snapshots import write_snapshot
from bmvis.source.pyproject import read_project
from bmvis.source.revisions import read_revision, resolve_revision


@click.command()
@build_options
@report_options("any", "Exit with 1 for changes of this class or a more serious one.")
@click.option("--since", metavar="REV", help="Compare with the snapshots of a git revision instead of the files.")
@click.option(
    "--update", is_flag=True, help="Write the snapshots of models that differ. The exit code for changes is then 0."
)
def check(
    names: Sequence[str],
    folder: Path,
    jobs: int,
    timeout: float,
    report: Report,
    since: str | None,
    update: bool,
) -> None:
    """Build the models that pyproject.toml names, and report how they differ from their snapshots.

    NAMES are names or patterns such as "bert-*". By default, all models are checked.

    Each change has a class: checkpoint (old checkpoints no longer load), numerics (they load, but outputs differ),
    training, or cosmetic. The exit code is 1 for changes, 2 if a model can't be built, 3 if a snapshot is missing, 4
    if it has another reference, 5 if it has conflict markers, and 6 if it can't be read.
    """
    if since is not None and update:
        raise click.UsageError("--update cannot be used with --since")
    with errors_end_the_command():
        project = read_project(folder.resolve())
        work = Work(project=project, names=tuple(names), jobs=jobs, timeout=timeout)
        with Builders(work) as builders:
            checked = list(_check(builders, work, since))
            others = [] if names or builders.broken else list(_others(work, builders.names, since))
    results = [*(one.result for one in checked), *others]
    results.sort(key=lambda result: result.name)
    report.write(results)
    _print_summary(results)
    if update:
        results = [result for result in results if not _is_updated(result, checked)]
    elif any(result.status == "drifted" for result in results):
        click.echo("if the changes are intended, run `bmvis snapshot` and commit the result", err=True)
    sys.exit(exit_code(results, report.fail_on))


def _check(builders: Builders, work: Work, since: str | None) -> Iterator[Checked]:
    if since is None:
        return builders.build_all(partial(check_file, ignored=work.project.ignored))
    recorded = _recorded(work, since)
    return builders.build_all(partial(check_revision, recorded=recorded, ignored=work.project.ignored))


def _recorded(work: Work, since: str) -> Mapping[str, bytes]:
    return read_revision(work.project.snapshots, resolve_revision(work.project.folder, since))


def _others(work: Work, names: Sequence[str], since: str | None) -> Iterator[Result]:
    """Yield the snapshots without a model, or those of a revision whose model was removed."""
    snapshots = work.project.snapshots
    if since is None:
        yield from obsolete_snapshots(snapshots, names)
        return
    for name, content in _recorded(work, since).items():
        if name not in names:
            yield compare_contents(name, snapshots / f"{name}.json", content, None, work.project.ignored)


def _print_summary(results: Sequence[Result]) -> None:
    models = [result for result in results if result.status not in ("obsolete", "removed")]
    click.echo(f"{sum(result.is_well for result in models)} of {len(models)} models match their snapshots", err=True)


def _is_updated(result: Result, checked: Sequence[Checked]) -> bool:
    """Write the snapshot of a model that differs, and return whether the file now matches the model."""
    outcome = next((one.outcome for one in checked if one.result is result), None)
    if outcome is None or outcome.snapshot is None:
        return False
    if not result.is_well:
        click.echo(f"{result.name}: {write_snapshot(outcome.file, outcome.snapshot)} {result.snapshot}", err=True)
    return True
