"""Options that several commands have. Internal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from bmvis.cli.reports import FORMATS
from bmvis.cli.results import BROKEN, FailOn, Result
from bmvis.errors import BmvisError
from bmvis.worker.client import TIMEOUT

Command = Callable[..., None]

project_option = click.option(
    "--project",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="Folder to search for pyproject.toml. Its parent folders are searched too.",
)
_FAIL_ON = click.Choice(["checkpoint", "numerics", "training", "any"])


def build_options(command: Command) -> Command:
    """Add the options of commands that build models."""
    for option in (
        click.option(
            "--timeout",
            type=click.FloatRange(0, min_open=True),
            default=TIMEOUT,
            help="Time limit for each model in seconds.",
        ),
        click.option(
            "--jobs", "-j", type=click.IntRange(1), default=1, help="Number of models to build at the same time."
        ),
        project_option,
        click.argument("names", nargs=-1),
    ):
        command = option(command)
    return command


def report_options(default: str | None, fail_on: str) -> Callable[[Command], Command]:
    """Return a decorator that adds the options of commands that report changes.

    Args:
        default: the default of the option --fail-on.
        fail_on: the help text of that option.
    """

    def add(command: Command) -> Command:
        command = click.option("--fail-on", type=_FAIL_ON, default=default, help=fail_on)(command)
        choice = click.Choice(list(FORMATS))
        return click.option("--format", "style", type=choice, default="text", help="Format of the report.")(command)

    return add


def print_report(results: Sequence[Result], style: str, fail_on: FailOn) -> None:
    """Write a report to standard output."""
    if report := FORMATS[style](results, fail_on):
        click.echo(report)


@contextmanager
def errors_end_the_command() -> Iterator[None]:
    """Print a `BmvisError` to standard error, and exit with its code."""
    try:
        yield
    except BmvisError as error:
        click.echo(error.report, err=True)
        sys.exit(BROKEN)
