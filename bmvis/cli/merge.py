"""`bmvis merge`: one report of checks that ran on several machines."""

from __future__ import annotations

import sys
from collections.abc import Sequence, Set
from pathlib import Path

import click
import msgspec

from bmvis.cli.exit_codes import exit_code
from bmvis.cli.messages import errors_end_the_command
from bmvis.cli.results import Result, summary
from bmvis.cli.shared_options import ReportOptions, report_options
from bmvis.errors import OptionError
from bmvis.untrusted.regular_file import read_regular

MAX_BYTES = 200_000_000


@click.command(short_help="Merge the reports of several machines.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@report_options("any", "Exit with 1 for changes of this class or a more serious one.")
def merge(files: Sequence[Path], report: ReportOptions) -> None:
    """Write one report from the FILES that `bmvis check --format json` wrote, for example by --shard.

    The exit code is that of one check of all models. If the file of a shard is missing, the command fails. Example:

        bmvis merge shard-*.json --format markdown
    """
    with errors_end_the_command():
        results = _merged(files)
    report.write(results)
    click.echo(summary(results), err=True)
    sys.exit(exit_code(results, report.fail_on))


def _merged(files: Sequence[Path]) -> list[Result]:
    """Return the results in files, sorted.

    Raises:
        OptionError: a file is not a report, two have the same model, or the report of a shard is missing.
    """
    found: dict[str, Result] = {}
    without_models = 0
    for file in files:
        results = _read(file)
        without_models += not results
        for result in results:
            if result.name in found:
                raise OptionError(f"{file}: the model {result.name!r} is in two files", hint="pass each shard once")
            found[result.name] = result
    missing = _missing_shards({result.shard for result in found.values() if result.shard})
    if len(missing) > without_models:
        raise OptionError(
            f"the report of shard {' or '.join(missing)} is missing",
            hint="pass the file of each shard, also if it is `{}`",
        )
    return [msgspec.structs.replace(found[name], shard="") for name in sorted(found)]


def _missing_shards(found: Set[str]) -> list[str]:
    """Return the shards, such as `2/3`, that are not among those of the results. They may have no models."""
    counts = sorted({int(shard.partition("/")[2]) for shard in found})
    return [shard for count in counts for shard in (f"{n}/{count}" for n in range(1, count + 1)) if shard not in found]


def _read(file: Path) -> list[Result]:
    """Return the results in a file.

    Raises:
        OptionError: the file is not a report.
    """
    try:
        written = msgspec.json.decode(read_regular(file, MAX_BYTES), type=dict[str, dict[str, msgspec.Raw]])
        fields = {name: {**facts, "name": msgspec.Raw(msgspec.json.encode(name))} for name, facts in written.items()}
        return [msgspec.json.decode(msgspec.json.encode(facts), type=Result) for facts in fields.values()]
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OptionError(
            f"cannot read {file}: {reason}", hint="pass files that `bmvis check --format json` wrote"
        ) from None
