"""`bmvis merge`: one report of checks that ran on several machines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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

    The exit code is that of one check of all models. Example:

        bmvis merge shard-*.json --format markdown
    """
    found: dict[str, Result] = {}
    with errors_end_the_command():
        for file in files:
            for result in _read(file):
                if result.name in found:
                    raise OptionError(f"{file}: the model {result.name!r} is in two files", hint="pass each shard once")
                found[result.name] = result
    results = sorted(found.values(), key=lambda result: result.name)
    report.write(results)
    click.echo(summary(results), err=True)
    sys.exit(exit_code(results, report.fail_on))


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
