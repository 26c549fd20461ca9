"""`bmvis diff`: compare snapshots of two revisions or files, without building a model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from bmvis.cli.exit_codes import exit_code
from bmvis.cli.messages import errors_end_the_command
from bmvis.cli.results import Result
from bmvis.cli.shared_options import ReportOptions, project_option, report_options
from bmvis.cli.snapshot_comparison import compare_contents
from bmvis.errors import OptionError, SnapshotError
from bmvis.source.pyproject import read_project
from bmvis.source.recorded import MAX_BYTES
from bmvis.source.revisions import read_revision, resolve_revision
from bmvis.untrusted.regular_file import read_regular


@click.command(short_help="Compare the snapshots of two git revisions.")
@click.argument("before", default="HEAD")
@click.argument("after", required=False)
@project_option
@report_options("nothing", "Exit with 1 for changes of this class or a more serious one.")
def diff(before: str, after: str | None, folder: Path, report: ReportOptions) -> None:
    """Compare the snapshots of two git revisions, or two snapshot files.

    BEFORE is a revision (HEAD by default) or a .json file. AFTER is another one, by default the working tree. No
    model is built, and PyTorch is not needed. Examples:

        bmvis diff main

        bmvis diff old.json new.json

    The exit code is 0 even if models differ, unless you set --fail-on.
    """
    with errors_end_the_command():
        results = list(_results(folder.resolve(), before, after))
    report.write(results)
    sys.exit(exit_code(results, report.fail_on))


def _results(folder: Path, before: str, after: str | None) -> Iterator[Result]:
    project = read_project(folder)
    files = [Path(side) for side in (before, after) if side is not None and side.endswith(".json")]
    if len(files) == 2:
        yield compare_contents(files[1].stem, files[1], _content(files[0]), _content(files[1]), project.ignored)
        return
    if files:
        raise OptionError(f"{files[0]} is compared with a revision", hint="pass two snapshot files, or revisions only")
    snapshots = project.snapshots
    old = read_revision(snapshots, resolve_revision(folder, before))
    new = _committed(snapshots) if after is None else read_revision(snapshots, resolve_revision(folder, after))
    for name in sorted({*old, *new}):
        yield compare_contents(name, snapshots / f"{name}.json", old.get(name), new.get(name), project.ignored)


def _committed(folder: Path) -> dict[str, bytes]:
    return {file.stem: _content(file) for file in sorted(folder.glob("*.json"))}


def _content(file: Path) -> bytes:
    try:
        return read_regular(file, MAX_BYTES)
    except OSError as error:
        raise SnapshotError(f"cannot read {file}: {error.strerror}", hint="pass the path of a snapshot file") from None
