"""`bmvis check`: report how the models of projects differ from their snapshots."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from bmvis.cli.building import Work
from bmvis.cli.checking import CheckedProject, check_project, named_by_project, update
from bmvis.cli.results import exit_code, summary
from bmvis.cli.shared_options import (
    Report,
    build_options,
    cache_folder,
    cache_option,
    errors_end_the_command,
    projects_option,
    report_options,
)
from bmvis.source.pyproject import read_project

_SHARD = re.compile(r"(\d{1,4})/(\d{1,4})")


def _read_shard(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[int, int]:
    found = _SHARD.fullmatch(text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter("write the number of the part and of all parts, such as 2/8")
    return int(found[1]), int(found[2])


TEXTS = (".md", ".rst")
"""Endings of files that `bmvis update` writes."""


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
    jobs: int,
    timeout: float,
    report: Report,
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
        sys.exit(_check_texts(texts, timeout))
    work = partial(Work, names=tuple(names), jobs=jobs, timeout=timeout, shard=shard, changed_since=changed_since)
    with errors_end_the_command():
        found = list(_checked(folders, work, since, no_cache=no_cache))
        _finish(found, report, is_update=is_update)


def _checked(
    folders: Sequence[Path], work: Callable[..., Work], since: str | None, *, no_cache: bool
) -> Iterator[CheckedProject]:
    """Yield the results of each project; if there are several, the names of models begin with their folder."""
    for folder in folders:
        project = read_project(folder.resolve())
        one = check_project(work(project=project, cache=cache_folder(project, no_cache)), since)
        yield named_by_project(one, folder) if len(folders) > 1 else one


def _check_texts(files: Sequence[str], timeout: float) -> int:
    """Check the regions of text files, and return the exit code."""
    from bmvis.cli.update import update_files  # it imports the renderers, which a check of models does not need

    return update_files([Path(file) for file in files], (), timeout, check=True)


def _finish(found: Sequence[CheckedProject], report: Report, *, is_update: bool) -> None:
    """Write the report, update snapshots, and exit."""
    results = sorted((result for one in found for result in one.results), key=lambda result: result.name)
    report.write(results)
    click.echo(summary(results), err=True)
    if is_update:
        updated = {id(checked.result) for one in found for checked in one.checked if update(checked)}
        results = [result for result in results if id(result) not in updated]
    elif any(result.status == "drifted" for result in results):
        click.echo("if the changes are intended, run `bmvis snapshot` and commit the result", err=True)
    sys.exit(exit_code(results, report.fail_on))
