"""`bmvis table`: print a table of models, or write it as Markdown, reStructuredText, CSV or HTML."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from bmvis.cli.command_source import command_source
from bmvis.cli.exit_codes import BROKEN
from bmvis.cli.messages import errors_end_the_command, print_error, print_warning
from bmvis.cli.option_flags import option_flags
from bmvis.cli.shared_options import cache_option, path_option, timeout_option
from bmvis.errors import ProjectError
from bmvis.overviews.entries import read_entries
from bmvis.overviews.own_columns import row_problems
from bmvis.overviews.results import build_results
from bmvis.overviews.table import Table, make_table
from bmvis.overviews.table_options import TABLE_OPTIONS, TableOptions, parse_table_options
from bmvis.render.html.standalone import table_document
from bmvis.render.table_text import to_csv, to_markdown, to_rst, to_text
from bmvis.source.column_sources import column_sources
from bmvis.source.source import Source

_ELSEWHERE = ("toctree", "name", "class", "alt")
"""Options that only apply to pages of a site."""
FORMATS: dict[str, Callable[[Table], str]] = {
    "text": to_text,
    "markdown": to_markdown,
    "rst": to_rst,
    "csv": to_csv,
    "html": table_document,
}
_table_options = option_flags(TABLE_OPTIONS, without=_ELSEWHERE)


@click.command(short_help="Print a table of models.")
@click.argument("lines", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="Format of the output.",
)
@_table_options
@path_option
@timeout_option
@cache_option
def table(
    lines: tuple[str, ...], *, form: str, path: tuple[str, ...], timeout: float, no_cache: bool, **given: Any
) -> None:
    """Print a table with a row for each MODEL, by default for all names in pyproject.toml.

    Each MODEL is a reference, a name, or a pattern such as "zoo:*", optionally followed by a title, tags, and columns
    of your own. Example:

        bmvis table "zoo:bert | BERT | text | GLUE=79.6" --columns name,GLUE

    If a model fails, its row shows the error, and the exit code is 2.
    """
    written = {
        option.name: None if given[option.attribute] is True else given[option.attribute]
        for option in TABLE_OPTIONS
        if given.get(option.attribute)
    }
    with errors_end_the_command(), command_source(path, timeout, no_cache=no_cache) as source:
        if not (lines or source.project.has_names):
            hint = "name models in the command, or add them to [tool.bmvis.models]"
            raise ProjectError("pyproject.toml defines no models", hint=hint)
        made = build_table(lines, parse_table_options(written), source)
    click.echo(FORMATS[form](made))
    for row in made.rows:
        if row.error:
            print_error(row.error, row.entry.shown)
        for warning in row.warnings:
            print_warning(warning, row.entry.shown)
    sys.exit(BROKEN if any(row.error for row in made.rows) else 0)


def build_table(lines: Sequence[str], options: TableOptions, source: Source) -> Table:
    """Return the table of the models in `lines`. A model that fails is an error in its row.

    Raises:
        BmvisError: the table itself is invalid.
    """
    own, data = column_sources(source.project, Path.cwd(), options.data)
    results = list(
        build_results(
            read_entries((line, "") for line in lines),
            options,
            lambda pattern: source.find_all(pattern).references,
            lambda _, request: source.answer(request).model,
        )
    )
    for _, problem in row_problems([result.entry for result in results], data, options.data):
        print_warning(problem)
    return make_table(results, options, (own, data))
