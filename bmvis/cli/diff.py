"""`bmvis diff`: compare recorded snapshots with each other, without building a model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from bmvis.cli.reports import FORMATS
from bmvis.cli.results import BROKEN, FailOn, Result, Status, compared, exit_code, failed, status_of
from bmvis.comparison.drift import find_drift
from bmvis.errors import BmvisError, SnapshotError
from bmvis.model.totals import subtree_totals
from bmvis.regular_file import read_regular
from bmvis.source.pyproject import read_project
from bmvis.source.recorded import MAX_BYTES, parse_snapshot
from bmvis.source.revisions import read_revision, resolve_revision


@click.command()
@click.argument("before", default="HEAD")
@click.argument("after", required=False)
@click.option(
    "--project",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="Where to look for pyproject.toml, from there upwards.",
)
@click.option("--format", "style", type=click.Choice(list(FORMATS)), default="text", help="The format of the report.")
@click.option(
    "--fail-on",
    type=click.Choice(["checkpoint", "numerics", "training", "any"]),
    help="End with 1 for changes of this class or a more serious one.",
)
def diff(before: str, after: str | None, folder: Path, style: str, fail_on: FailOn | None) -> None:
    """Compare the snapshots of two git revisions, or two snapshot files.

    BEFORE is a revision (HEAD by default) or a .json file. AFTER is another one; by default, the files of the working
    tree. No model is built, and PyTorch is not needed. Examples:

        bmvis diff main

        bmvis diff old.json new.json

    The exit code is 0 also if models differ, unless you set --fail-on.
    """
    try:
        results = list(_results(folder.resolve(), before, after))
    except BmvisError as error:
        click.echo(error.report, err=True)
        sys.exit(BROKEN)
    counted = fail_on or "nothing"
    if report := FORMATS[style](results, counted):
        click.echo(report)
    sys.exit(exit_code(results, counted))


def _results(folder: Path, before: str, after: str | None) -> Iterator[Result]:
    files = [Path(side) for side in (before, after) if side is not None and side.endswith(".json")]
    if len(files) == 2:
        yield _compare(files[1].stem, files[1], _read(files[0]), _read(files[1]))
        return
    snapshots = read_project(folder).snapshots
    old = read_revision(snapshots, resolve_revision(folder, before))
    new = _committed(snapshots) if after is None else read_revision(snapshots, resolve_revision(folder, after))
    for name in sorted({*old, *new}):
        yield _compare(name, snapshots / f"{name}.json", old.get(name), new.get(name))


def _committed(folder: Path) -> dict[str, bytes]:
    return {file.stem: _read(file) for file in sorted(folder.glob("*.json"))}


def _read(file: Path) -> bytes:
    try:
        return read_regular(file, MAX_BYTES)
    except OSError as error:
        raise SnapshotError(f"cannot read {file}: {error.strerror}", hint="name a snapshot file") from None


def _compare(name: str, file: Path, old: bytes | None, new: bytes | None) -> Result:
    try:
        was = None if old is None else parse_snapshot(old, str(file)).model
        is_now = None if new is None else parse_snapshot(new, str(file)).model
    except SnapshotError as error:
        return failed(name, file, status_of(error), error)
    if was and is_now and new is not None:
        return compared(name, file, find_drift(was, is_now), new.decode(), is_after=True)
    status: Status = "new" if was is None else "removed"
    only = was or is_now
    assert only is not None, "a name is on one of the sides"
    count = subtree_totals(only)[0].count
    return failed(name, file, status, BmvisError(f"{status}: {only.root.type}, {count:,} parameters"))
