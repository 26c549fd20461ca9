"""`bmvis show` and `bmvis compare`: print a tree in a terminal, or write it as JSON, HTML or SVG."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from bmvis.errors import BmvisError
from bmvis.option_parsing import parse_options
from bmvis.options import OPTIONS, Option
from bmvis.reference import short_name
from bmvis.render.html.standalone import to_document
from bmvis.render.json_data import to_data
from bmvis.render.terminal import print_page, to_svg
from bmvis.render.text import printable
from bmvis.source.source import Source, model_request
from bmvis.view.layout import layout
from bmvis.view.page import Page
from bmvis.worker.client import TIMEOUT

BROKEN = 2
"""Exit code where there is no tree, as from `bmvis check`."""
_ELSEWHERE = ("name", "caption", "class", "search")
"""Options that mean something on the page of a site only."""
_ENDLESS = 1_000_000
"""Columns."""
_FILE = click.Path(dir_okay=False, allow_dash=True)


def _display_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(OPTIONS):
        if option.name not in _ELSEWHERE:
            command = _flag(option)(command)
    return command


def _flag(option: Option) -> Callable[[Callable[..., None]], Callable[..., None]]:
    if option.is_flag:
        return click.option(f"--{option.name}", option.attribute, is_flag=True, help=option.help)
    return click.option(
        f"--{option.name}", option.attribute, metavar="TEXT", help=f"{option.help} Takes {option.takes}."
    )


def _outputs(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        (
            click.option("--json", "as_json", is_flag=True, help="Print it as JSON."),
            click.option("--html", type=_FILE, help="Write a page that stands alone; - is standard output."),
            click.option("--svg", type=_FILE, help="Write a picture; - is standard output."),
            click.option("--path", multiple=True, help="A folder to import from, beside this one and PYTHONPATH."),
            click.option(
                "--timeout", type=click.FloatRange(0, min_open=True), default=TIMEOUT, help="Seconds for each model."
            ),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("reference")
@_outputs
@_display_options
def show(reference: str, **given: Any) -> None:
    """Print the structure of the model that REFERENCE names.

    REFERENCE is package.module:factory, with arguments if it takes any, or a name from pyproject.toml, or
    checkpoint:FILE or config:FILE for a model without code:

        bmvis show "my_package.zoo:bert(layers=2)" --depth 3

    Colours follow the terminal, NO_COLOR and FORCE_COLOR. Ends with 2 if there is no tree.
    """
    _show(reference, **given)


@click.command()
@click.argument("before")
@click.argument("after")
@_outputs
@_display_options
def compare(before: str, after: str, **given: Any) -> None:
    """Print how the model AFTER differs from the model BEFORE.

    Each is a reference, as `bmvis show` takes it, or snapshot:NAME for a model as it was recorded:

        bmvis compare snapshot:bert bert --only-changes

    Ends with 2 if there is no tree; that the models differ is no error.
    """
    _show(after, **{**given, "base": before})


def _show(
    reference: str,
    *,
    as_json: bool,
    html: str | None,
    svg: str | None,
    path: tuple[str, ...],
    timeout: float,
    **written: Any,
) -> None:
    try:
        options = parse_options(_chosen(written))
        with Source(Path.cwd(), path=(*path, "."), timeout=timeout) as source:
            built = source.answer(model_request(reference, options))
    except BmvisError as error:
        click.echo(f"Error: {printable_lines(error.report)}", err=True)
        sys.exit(BROKEN)
    page = layout(built.model, options, built.base)
    unsaid = [warning.report for warning in page.warnings if not (page.param_groups and warning.kind == "optimizer")]
    for note in (*built.model.notes, *unsaid):
        click.echo(printable_lines(note), err=True)
    if html:
        _write(html, to_document(page, f"{short_name(reference)}: {page.type}"))
    if svg:
        _write(svg, to_svg(page, f"Structure of {page.type}"))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(to_data(page, reference, built.model.device))).decode())
    elif not html and not svg:
        _print(page)


def _chosen(written: dict[str, Any]) -> dict[str, str | None]:
    """Return the options given on the command line as a page would write them."""
    names = {option.attribute: option.name for option in OPTIONS}
    return {names[attribute]: None if value is True else value for attribute, value in written.items() if value}


def printable_lines(text: str) -> str:
    """Return text of several lines without what a terminal would act on."""
    return "\n".join(map(printable, text.splitlines()))


def _print(page: Page) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    console = Console()
    # A pipe has no width: each row is a line, for grep and diff.
    print_page(page, console if console.is_terminal else Console(width=_ENDLESS))


def _write(file: str, text: str) -> None:
    with click.open_file(file, "w", encoding="utf-8") as opened:
        opened.write(text)
