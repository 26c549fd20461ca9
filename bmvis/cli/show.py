"""`bmvis show` and `bmvis compare`: print a tree in a terminal, or write it as JSON, HTML or SVG."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from bmvis.cli.command_source import command_source
from bmvis.cli.fact_lines import fact_lines
from bmvis.cli.messages import errors_end_the_command, print_error, print_warning
from bmvis.cli.option_flags import option_flags
from bmvis.cli.shared_options import cache_option, path_option, timeout_option, write_file
from bmvis.model.call_summary import without_calls
from bmvis.model.tree import Model
from bmvis.options.definitions import OPTIONS, Options
from bmvis.options.parsing import parse_options
from bmvis.reference import short_name
from bmvis.render.connections import called_with, connection_lines
from bmvis.render.html.figure_image import to_image
from bmvis.render.html.standalone import to_document
from bmvis.render.json_data import to_data
from bmvis.render.terminal import print_page
from bmvis.render.terminal_svg import to_svg
from bmvis.render.text import printable
from bmvis.source.recorded import read_snapshot_file, recorded_model
from bmvis.untrusted.log_text import json_document, one_line
from bmvis.view.figure.choice import chosen_figures
from bmvis.view.layout import layout
from bmvis.view.page import Page
from bmvis.worker.protocol import Built, model_request

_ELSEWHERE = ("name", "caption", "class", "search")
"""Options that apply only to pages of a site."""
_UNLIMITED = 1_000_000
"""Number of columns if the output is not a terminal."""
_FILE = click.Path(dir_okay=False, allow_dash=True)
_display_options = option_flags(OPTIONS, without=_ELSEWHERE)
_comparison_options = option_flags(OPTIONS, without=(*_ELSEWHERE, "base"))


def _outputs(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        (
            click.option("--json", "as_json", is_flag=True, help="Print the tree as JSON."),
            click.option(
                "--html",
                type=_FILE,
                help="Write a self-contained HTML page to this file, or to standard output if it is -.",
            ),
            click.option(
                "--svg", type=_FILE, help="Write an SVG image to this file, or to standard output if it is -."
            ),
            click.option(
                "--flow-svg",
                type=_FILE,
                help="Write the architecture figure as an SVG image to this file, or to standard output if it is -.",
            ),
            path_option,
            timeout_option,
            cache_option,
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("reference")
@click.option("--facts", is_flag=True, help="Print everything that a snapshot file records, for `git diff`.")
@_outputs
@_display_options
def show(reference: str, *, facts: bool, **given: Any) -> None:
    """Print the structure of the model at REFERENCE.

    REFERENCE is package.module:factory, optionally with arguments, or a name from pyproject.toml. For a model
    without code, use checkpoint:FILE or config:FILE. A path that ends with .json is a snapshot file. Example:

        bmvis show "my_package.zoo:bert(layers=2)" --depth 3

    Colors depend on the terminal, NO_COLOR and FORCE_COLOR. The exit code is 2 if there is no tree.
    """
    if facts:
        with errors_end_the_command():
            click.echo("\n".join(fact_lines(Path(reference))))
        return
    _show(reference, **given)


@click.command()
@click.argument("before")
@click.argument("after")
@_outputs
@_comparison_options
def compare(before: str, after: str, **given: Any) -> None:
    """Print the differences between the models BEFORE and AFTER.

    Each is a reference as in `bmvis show`, snapshot:NAME for a recorded model, or a snapshot file. Example:

        bmvis compare snapshot:bert bert --only-changes

    The exit code is 0 even if the models differ, and 2 if there is no tree.
    """
    _show(after, **{**given, "base": before})


def _show(
    reference: str,
    *,
    as_json: bool,
    html: str | None,
    svg: str | None,
    flow_svg: str | None,
    path: tuple[str, ...],
    timeout: float,
    no_cache: bool,
    **written: Any,
) -> None:
    with errors_end_the_command():
        options = parse_options(_chosen(written))
        if flow_svg and not options.flow:
            options = msgspec.structs.replace(options, flow="auto")
        built = _built(reference, options, path, timeout, no_cache=no_cache)
    page = layout(built.model, options, built.base)
    for note in built.model.notes:
        click.echo(f"Note: {one_line(note)}", err=True)
    for warning in page.warnings:
        if not (page.param_groups and warning.kind == "optimizer"):
            print_warning(warning)
    if html:
        _write(html, to_document(page, f"{short_name(reference)}: {page.type}"))
    if svg:
        _write(svg, to_svg(page, f"Structure of {page.type}"))
    if flow_svg:
        _write_figure(flow_svg, page)
    if as_json:
        data = msgspec.to_builtins(to_data(page, reference, built.model.device))
        click.echo(json_document(json.dumps(data, indent=2)))  # in ASCII: the encoding of a pipe may not be UTF-8
    elif not (html or svg or flow_svg):
        has_tree = options.flow != "only" or not page.figure
        if has_tree:
            _print(page)
        _print_figure(built, options, is_below=has_tree)


def _built(reference: str, options: Options, path: Sequence[str], timeout: float, *, no_cache: bool) -> Built:
    """Return the models of references, names, and snapshot files."""
    if all(map(_is_file, filter(None, (reference, options.base)))):
        return _recorded(reference, options)
    with command_source(path, timeout, no_cache=no_cache) as source:
        if _is_file(reference):
            base = source.answer(model_request(options.base, msgspec.structs.replace(options, base="")))
            return msgspec.structs.replace(_recorded(reference, options), base=without_calls(base.model))
        if _is_file(options.base):
            built = source.answer(model_request(reference, msgspec.structs.replace(options, base="")))
            return msgspec.structs.replace(built, base=_recorded_base(options.base))
        return source.answer(model_request(reference, options))


def _is_file(reference: str) -> bool:
    return reference.endswith(".json") and ":" not in reference


def _recorded(reference: str, options: Options) -> Built:
    """Return the model of a snapshot file, with that of another one to compare it with, if any."""
    file = Path(reference)
    model = read_snapshot_file(file).model
    base = _recorded_base(options.base) if _is_file(options.base) else None
    return Built(recorded_model(model, file.stem, options.inputs or model.inputs), (), base=base)


def _recorded_base(file: str) -> Model:
    return without_calls(read_snapshot_file(Path(file)).model)


def _chosen(written: dict[str, Any]) -> dict[str, str | None]:
    """Return the options of the command line in the form that pages have."""
    names = {option.attribute: option.name for option in OPTIONS}
    return {names[attribute]: None if value is True else value for attribute, value in written.items() if value}


def _print(page: Page) -> None:
    console = Console()
    # If the output is piped, rows are not wrapped, so that grep and diff work.
    if console.is_terminal:
        print_page(page, console, columns=True)
    else:
        print_page(page, Console(width=_UNLIMITED))


def _print_figure(built: Built, options: Options, *, is_below: bool) -> None:
    """Print the edges of the figure, which can have more boxes than a drawing, after an empty line below a tree."""
    figures, _ = chosen_figures(built.model, options, built.base)
    figure = next(figures, None)
    if figure is not None:
        lines = [*connection_lines(figure), called_with(figure)]
        click.echo(("\n" if is_below else "") + "\n".join(printable(line) for line in lines if line))


def _write_figure(file: str, page: Page) -> None:
    """Write the figure as an image, or end the command if there is none."""
    drawn = page.figure
    if drawn is None or drawn.drawing is None:
        sys.exit(print_error("there is no architecture figure to write"))
    _write(file, to_image(drawn.figure, drawn.drawing, f"Architecture of {page.type}"))


def _write(file: str, text: str) -> None:
    """Write a file, or to standard output if it is `-`. End the command if the file can't be written."""
    if file == "-":
        with click.open_file(file, "w", encoding="utf-8") as opened:
            opened.write(text)
        return
    with errors_end_the_command():
        write_file(Path(file), text)
