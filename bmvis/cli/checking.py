"""Check the models of one project. Internal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import msgspec

from bmvis.cli.building import Builders, Work
from bmvis.cli.comparing import Checked, check_file, check_revision, compare_contents, obsolete_snapshots
from bmvis.cli.results import Result, place_of
from bmvis.cli.snapshots import write_snapshot
from bmvis.source.revisions import read_revision, resolve_revision


class CheckedProject(NamedTuple):
    """What a check of a project found."""

    checked: list[Checked]
    others: list[Result]
    """Of snapshots without a model."""

    @property
    def results(self) -> list[Result]:
        """Return all results."""
        return [*(one.result for one in self.checked), *self.others]


def check_project(work: Work, since: str | None) -> CheckedProject:
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
    return CheckedProject(checked, others)


def named_by_project(found: CheckedProject, folder: Path) -> CheckedProject:
    """Return results whose names begin with the folder of their project."""
    prefix = place_of(folder)[0]
    checked = [Checked(one.outcome, _renamed(one.result, prefix)) for one in found.checked]
    return CheckedProject(checked, [_renamed(result, prefix) for result in found.others])


def update(checked: Checked) -> bool:
    """Write the snapshot of a model that differs, and return whether the file now matches the model."""
    outcome, result = checked
    if outcome.snapshot is None:
        return False
    if not result.is_well:
        click.echo(f"{result.name}: {write_snapshot(outcome.file, outcome.snapshot)} {result.snapshot}", err=True)
    return True


def _renamed(result: Result, prefix: str) -> Result:
    return msgspec.structs.replace(result, name=f"{prefix}/{result.name}")


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
