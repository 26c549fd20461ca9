"""What commands print to standard error: `Error:` begins what makes the exit code 2, `Warning:` begins other problems.

The prefixes are those of click, which reports unknown options and commands.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from bmvis.cli.exit_codes import BROKEN
from bmvis.errors import BmvisError
from bmvis.untrusted.log_text import lines


def print_error(problem: BmvisError | str, where: str = "") -> int:
    """Print a problem that makes the command fail, and return the exit code.

    Args:
        problem: the problem.
        where: its place, such as `README.md:7` or the name of a model.
    """
    return _print("Error", problem, where)


def print_warning(problem: BmvisError | str, where: str = "") -> None:
    """Print a problem that does not make the command fail."""
    _print("Warning", problem, where)


@contextmanager
def errors_end_the_command() -> Iterator[None]:
    """Print a `BmvisError` to standard error, and exit with its code."""
    try:
        yield
    except BmvisError as error:
        sys.exit(print_error(error))


def _print(prefix: str, problem: BmvisError | str, where: str) -> int:
    text = problem.report if isinstance(problem, BmvisError) else problem
    click.echo(lines(f"{prefix}: {where}{': ' if where else ''}{text}"), err=True)
    return BROKEN
