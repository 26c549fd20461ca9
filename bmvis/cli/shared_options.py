"""Options that several commands have. Internal."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path

import click
import msgspec

from bmvis.cli.exit_codes import FailOn
from bmvis.cli.messages import errors_end_the_command, print_warning
from bmvis.cli.reports import FORMATS
from bmvis.cli.results import Result
from bmvis.errors import OptionError
from bmvis.source.pyproject import Project
from bmvis.worker.protocol import TIMEOUT

Command = Callable[..., None]

project_option = click.option(
    "--project",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="Folder to search for pyproject.toml. Its parent folders are searched too.",
)
projects_option = click.option(
    "--project",
    "folders",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=(".",),
    multiple=True,
    help="Folder to search for pyproject.toml, as are its parent folders. Can be given several times.",
)
path_option = click.option(
    "--path",
    type=click.Path(exists=True, file_okay=False),
    multiple=True,
    help="Add a folder to import from, in addition to the current folder and PYTHONPATH.",
)
cache_option = click.option(
    "--no-cache", is_flag=True, help="Build all models, even if their files and libraries did not change."
)
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=TIMEOUT,
    show_default=True,
    help="Time limit for each model in seconds.",
)
_FAIL_ON = click.Choice(["checkpoint", "numerics", "training", "any"])


def cache_folder(project: Project, is_off: bool) -> Path | None:
    """Return the folder of the cache of a project, which the commands share; None if it is off."""
    return None if is_off else project.folder / ".bmvis-cache"


def build_options(command: Command) -> Command:
    """Add the options of commands that build models."""
    for option in (
        timeout_option,
        click.option(
            "--jobs",
            "-j",
            type=click.IntRange(1),
            help="Number of models to build at the same time. By default, one for each 50 models, up to 4 and the "
            "number of CPUs.",
        ),
        click.argument("names", nargs=-1),
    ):
        command = option(command)
    return command


class ReportOptions(msgspec.Struct, frozen=True):
    """How a command reports changes."""

    style: str
    fail_on: FailOn
    key_map: Path | None = None
    """The file for renamed keys of state dicts."""
    guess: bool = False
    """Whether to write keys that can be other ones as well."""

    def write(self, results: Sequence[Result]) -> None:
        """Write the report to standard output, and the file of renamed keys."""
        if text := FORMATS[self.style](results, self.fail_on):
            click.echo(text)
        if self.key_map is None:
            return
        keys = {
            result.name: {k.before: k.after for k in result.renamed if k.is_certain or self.guess} for result in results
        }
        with errors_end_the_command():
            write_file(self.key_map, json.dumps(keys, indent=2) + "\n")
        uncertain = sum(not key.is_certain for result in results for key in result.renamed)
        if uncertain and not self.guess:
            print_warning(f"{uncertain} renamed keys are not certain: --guess writes them to {self.key_map}")


def report_options(default: FailOn, fail_on: str) -> Callable[[Command], Command]:
    """Return a decorator that adds the options of commands that report changes, as the argument `report`.

    Args:
        default: the default of the option --fail-on.
        fail_on: the help text of that option.
    """

    def add(command: Command) -> Command:
        @wraps(command)
        def call(style: str, fail_on: FailOn | None, key_map: Path | None, guess: bool, **others: object) -> None:
            command(report=ReportOptions(style, fail_on or default, key_map, guess), **others)

        found: Command = call
        for option in (
            click.option("--guess", is_flag=True, help="With --key-map: write keys that are not certain as well."),
            click.option(
                "--key-map",
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help="Write the new keys of renamed parameters, by model and old key, as JSON.",
            ),
            click.option("--fail-on", type=_FAIL_ON, help=fail_on),
            click.option(
                "--format",
                "style",
                type=click.Choice(list(FORMATS)),
                default="text",
                show_default=True,
                help="Format of the report.",
            ),
        ):
            found = option(found)
        return found

    return add


def write_file(file: Path, text: str) -> None:
    """Write a file that a command is to write, and its folder.

    Raises:
        OptionError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OptionError(f"cannot write {file}: {error.strerror}", hint="check the path and its permissions") from None
