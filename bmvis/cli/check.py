"""`bmvis check`: report how the models of projects differ from their snapshots."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import msgspec

from bmvis.cli.exit_codes import exit_code
from bmvis.cli.messages import errors_end_the_command
from bmvis.cli.parallel_builds import Builders, Work
from bmvis.cli.results import Result, place_of, summary
from bmvis.cli.shared_options import (
    ReportOptions,
    build_options,
    cache_folder,
    cache_option,
    projects_option,
    report_options,
)
from bmvis.cli.snapshot_comparison import Checked, check_file, check_revision, compare_contents, obsolete_snapshots
from bmvis.cli.snapshots import write_snapshot
from bmvis.source.pyproject import read_project
from bmvis.source.revisions import read_revision, resolve_revision

TEXTS = (".md", ".rst")
"""Endings of files that `bmvis update` writes."""
_SHARD = re.compile(r"(\d{1,4})/(\d{1,4})")


def _read_shard(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[int, int]:
    found = _SHARD.fullmatch(text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter("write the number of the part and of all parts, such as 2/8")
    return int(found[1]), int(found[2])


class _CheckedProject(NamedTuple):
    """What a check of a project found."""

    checked: list[Checked]
    others: list[Result]
    """Of snapshots without a model."""

    @property
    def results(self) -> list[Result]:
        """Return all results."""
        return [*(one.result for one in self.checked), *self.others]


@click.command(short_help="Compare the models with their snapshots.")
@build_options
@projects_option
@report_options("any", "Exit with 1 for changes of this class or a more serious one.")
@click.option("--since", metavar="REV", help="Compare with the snapshots of a git revision instead of the files.")
@click.option("--changed-since", metavar="REV", default="", help="Only build models whose files changed since REV.")
@click.option("--shard", metavar="N/M", callback=_read_shard, default="1/1", help="Check part N of M of the models.")
@cache_option
@click.option(
    "--update",
    "is_update",
    is_flag=True,
    help="Write the snapshots of models that differ. The exit code for changes is then 0.",
)
def check(
    names: Sequence[str],
    folders: Sequence[Path],
    jobs: int | None,
    timeout: float,
    report: ReportOptions,
    since: str | None,
    changed_since: str,
    shard: tuple[int, int],
    no_cache: bool,
    is_update: bool,
) -> None:
    """Build the models that pyproject.toml names, and report how they differ from their snapshots.

    NAMES are names or patterns such as "bert-*". By default, all models are checked. If NAMES are Markdown or
    reStructuredText files, such as README.md, their regions are checked, as by `bmvis update --check`.

    Each change has a class: checkpoint (old checkpoints no longer load), numerics (they load, but outputs differ),
    training, or cosmetic. The exit code is 1 for changes, 2 if a model can't be built, 3 if a snapshot is missing, 4
    if it has another reference, 5 if it has conflict markers, and 6 if it can't be read.
    """
    if since is not None and is_update:
        raise click.UsageError("--update cannot be used with --since")
    if texts := [name for name in names if name.endswith(TEXTS)]:
        if len(texts) < len(names):
            raise click.UsageError("check files and models in two commands")
        sys.exit(_check_texts(texts, timeout, no_cache=no_cache))
    work = partial(Work, names=tuple(names), jobs=jobs, timeout=timeout, shard=shard, changed_since=changed_since)
    with errors_end_the_command():
        found = [_with_shard(one, shard) for one in _checked(folders, work, since, no_cache=no_cache)]
        _finish(found, report, is_update=is_update)


def _checked(
    folders: Sequence[Path], work: Callable[..., Work], since: str | None, *, no_cache: bool
) -> Iterator[_CheckedProject]:
    """Yield the results of each project; if there are several, the names of models begin with their folder."""
    for folder in folders:
        project = read_project(folder.resolve())
        one = _check_project(work(project=project, cache=cache_folder(project, no_cache)), since)
        yield _named_by_project(one, folder) if len(folders) > 1 else one


def _check_project(work: Work, since: str | None) -> _CheckedProject:
    """Build models, and compare them with their snapshots.

    Args:
        work: the models.
        since: a git revision whose snapshots to compare with; None for the files.

    Raises:
        BmvisError: a name is unknown, the project has no models, or git cannot read the revision.
    """
    recorded = None if since is None else _recorded(work, since)
    ignored = work.project.ignored
    with Builders(work) as builders:
        if recorded is None:
            checked = list(builders.build_all(partial(check_file, ignored=ignored)))
        else:
            checked = list(builders.build_all(partial(check_revision, recorded=recorded, ignored=ignored)))
        # One of several machines reports what has no model.
        is_whole = not work.names and work.shard[0] == 1 and not builders.broken
        others = list(_others(work, builders.names, recorded)) if is_whole else []
    return _CheckedProject(checked, others)


def _recorded(work: Work, since: str) -> Mapping[str, bytes]:
    return read_revision(work.project.snapshots, resolve_revision(work.project.folder, since))


def _others(work: Work, names: Sequence[str], recorded: Mapping[str, bytes] | None) -> Iterator[Result]:
    """Yield the snapshots without a model, or those of a revision whose model was removed."""
    snapshots = work.project.snapshots
    if recorded is None:
        yield from obsolete_snapshots(snapshots, names)
        return
    for name, content in recorded.items():
        if name not in names:
            yield compare_contents(name, snapshots / f"{name}.json", content, None, work.project.ignored)


def _named_by_project(found: _CheckedProject, folder: Path) -> _CheckedProject:
    """Return results whose names begin with the folder of their project."""
    prefix = place_of(folder)[0]
    return _changed(found, lambda result: msgspec.structs.replace(result, name=f"{prefix}/{result.name}"))


def _with_shard(found: _CheckedProject, shard: tuple[int, int]) -> _CheckedProject:
    """Return results that know their part of the models, so that a merge of all parts misses none."""
    number, count = shard
    if count == 1:
        return found
    return _changed(found, lambda result: msgspec.structs.replace(result, shard=f"{number}/{count}"))


def _changed(found: _CheckedProject, change: Callable[[Result], Result]) -> _CheckedProject:
    """Return the results of a project, each changed."""
    checked = [Checked(one.outcome, change(one.result)) for one in found.checked]
    return _CheckedProject(checked, list(map(change, found.others)))


def _check_texts(files: Sequence[str], timeout: float, *, no_cache: bool) -> int:
    """Check the regions of text files, and return the exit code."""
    from bmvis.cli.update import update_files  # it imports the renderers, which a check of models does not need

    return update_files([Path(file) for file in files], (), timeout, check=True, no_cache=no_cache)


def _finish(found: Sequence[_CheckedProject], report: ReportOptions, *, is_update: bool) -> None:
    """Write the report, update snapshots, and exit."""
    results = sorted((result for one in found for result in one.results), key=lambda result: result.name)
    report.write(results)
    click.echo(summary(results), err=True)
    if is_update:
        updated = {id(checked.result) for one in found for checked in one.checked if _update(checked)}
        results = [result for result in results if id(result) not in updated]
    elif any(result.status == "drifted" for result in results):
        click.echo("if the changes are intended, run `bmvis snapshot` and commit the result", err=True)
    sys.exit(exit_code(results, report.fail_on))


def _update(checked: Checked) -> bool:
    """Write the snapshot of a model that differs, and return whether the file now matches the model."""
    outcome, result = checked
    if outcome.snapshot is None:
        return False
    if not result.is_same:
        click.echo(f"{result.name}: {write_snapshot(outcome.file, outcome.snapshot)} {result.snapshot}", err=True)
    return True
