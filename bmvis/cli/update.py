"""`bmvis update`: write tables, trees, pictures and facts into Markdown and reStructuredText files."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from bmvis.cli.command_source import command_source
from bmvis.cli.exit_codes import BROKEN, STALE
from bmvis.cli.marked_regions import Region, find_regions
from bmvis.cli.messages import errors_end_the_command, print_error, print_warning
from bmvis.cli.pictures import picture, stale_files, write_files
from bmvis.cli.shared_options import cache_option, path_option, timeout_option
from bmvis.cli.table import build_table
from bmvis.errors import BmvisError, OptionError, TraceError, nearest
from bmvis.options.parsing import parse_options
from bmvis.overviews.fact_text import fact_text
from bmvis.overviews.facts import parse_fact
from bmvis.overviews.table_options import parse_table_options
from bmvis.render.table_text import markdown_text, to_markdown, to_rst
from bmvis.render.text import to_text
from bmvis.source.source import Source
from bmvis.untrusted.regular_file import read_regular
from bmvis.view.layout import layout
from bmvis.worker.protocol import model_request

MAX_BYTES = 10_000_000


@click.command(short_help="Update tables, trees and numbers in a README.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing. Exit with 1 and print the differences if a file is stale.")
@path_option
@timeout_option
@cache_option
def update(files: tuple[Path, ...], *, check: bool, path: tuple[str, ...], timeout: float, no_cache: bool) -> None:
    """Update the marked regions of each FILE, such as README.md, with facts of the models.

    A region is between two comments. In Markdown:

    \b
        <!-- bmvis: table zoo:* columns=name,parameters -->
        <!-- /bmvis -->
        <!-- bmvis: tree zoo:bert depth=2 -->
        <!-- /bmvis -->
        <!-- bmvis: picture zoo:bert file=pictures/bert -->
        <!-- /bmvis -->
        BERT has <!-- bmvis: fact zoo:bert of=parameters -->109.5M<!-- /bmvis --> parameters.

    In reStructuredText, write tables, trees and pictures between `.. bmvis: …` and `.. /bmvis`. If a model fails, the
    file is unchanged, and the exit code is 2.
    """  # noqa: D301  # click needs the character
    sys.exit(update_files(files, path, timeout, check=check, no_cache=no_cache))


def update_files(files: Sequence[Path], path: Sequence[str], timeout: float, *, check: bool, no_cache: bool) -> int:
    """Update or check text files, and return the exit code.

    Args:
        files: the files.
        path: folders to import from.
        timeout: seconds for each model.
        check: whether to write nothing.
        no_cache: whether all models are built.
    """
    with errors_end_the_command(), command_source(path, timeout, no_cache=no_cache) as source:
        return max([_update(file, source, check) for file in files])


def _update(file: Path, source: Source, check: bool) -> int:
    """Update or check one file, and return its exit code."""
    try:
        text = read_regular(file, MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        return print_error(f"cannot read the file: {getattr(error, 'strerror', None) or error}", str(file))
    new, files, problems = filled(text, file.suffix == ".rst", source)
    for line, problem in problems:
        print_error(problem, f"{file}:{line}")
    if problems:
        return BROKEN
    pictures = stale_files(files, file.parent)
    if new == text and not pictures:
        if not any(find_regions(text, file.suffix == ".rst")):
            click.echo(f"{file} has no region to update: see `bmvis update --help`")
        return 0
    if check:
        click.echo("".join(_difference(text, new, str(file))), nl=False)
        for stale in (*([file] if new != text else []), *pictures):
            click.echo(f"{stale} is not up to date: run `bmvis update {file}`", err=True)
        return STALE
    write_files(files, file.parent)
    if new != text:
        file.write_bytes(new.encode())
    for written in (*([file] if new != text else []), *pictures):
        click.echo(f"updated {written}")
    return 0


def _difference(old: str, new: str, name: str) -> Sequence[str]:
    lines = (old.splitlines(keepends=True), new.splitlines(keepends=True))
    return list(difflib.unified_diff(*lines, f"{name} (file)", f"{name} (models)"))


def filled(text: str, is_rst: bool, source: Source) -> tuple[str, dict[str, str], list[tuple[int, BmvisError]]]:
    """Return a text with the current content of all its regions, the files of its pictures, and problems with lines.

    Args:
        text: the text.
        is_rst: whether it is reStructuredText, not Markdown.
        source: builds the models.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    problems: list[tuple[int, BmvisError]] = []
    files: dict[str, str] = {}
    parts, position = [], 0
    for region in find_regions(text, is_rst):
        if isinstance(region, tuple):
            problems.append(region)
            continue
        try:
            content, made = _content(region, is_rst, source)
        except BmvisError as error:
            problems.append((region.line, error))
            continue
        files |= made
        start, end = region.span
        parts += [text[position:start], content.replace("\n", newline)]
        position = end
    return "".join([*parts, text[position:]]), files, problems


def _content(region: Region, is_rst: bool, source: Source) -> tuple[str, dict[str, str]]:
    """Return what is between the two comments of a region, with the line breaks around it, and the files it shows."""
    kind = _KINDS.get(region.kind)
    if kind is None:
        raise OptionError(f"there is no region of the kind {region.kind!r}", hint=nearest(region.kind, _KINDS))
    if len(region.arguments) > 1:
        hint = "write options as name=value"
        if region.kind == "table":
            hint += ", and several models on lines of their own"
        raise OptionError(f"{region.arguments[1]!r} is neither a reference nor an option", hint=hint)
    if region.kind != "table" and not region.arguments:
        raise OptionError(f"the {region.kind} has no model", hint=f"write bmvis: {region.kind} package.module:factory")
    if region.kind != "table" and region.lines:
        raise OptionError(f"the {region.kind} has a second line {region.lines[0]!r}", hint="write it on the first line")
    made = kind(region, is_rst, source)
    text, files = made if isinstance(made, tuple) else (made, {})
    if region.kind == "fact":
        if is_rst:
            raise OptionError("a fact requires Markdown", hint="in reStructuredText, use a table or a tree")
        return text, {}
    if region.is_inline:
        raise OptionError(f"a {region.kind} needs lines of its own", hint="put empty lines around the two comments")
    body = "\n".join(f"{region.indent}{line}".rstrip() for line in ["", *text.splitlines(), ""])
    return (f"{body}\n" if is_rst else f"\n{body}\n{region.indent}"), files


def _table(region: Region, is_rst: bool, source: Source) -> str:
    made = build_table([*region.arguments, *region.lines], parse_table_options(region.options), source)
    for row in made.rows:
        if row.error:
            raise row.error
        for warning in row.warnings:
            if isinstance(warning, TraceError):
                raise warning
            print_warning(warning, row.entry.shown)
    return (to_rst if is_rst else to_markdown)(made)


def _tree(region: Region, is_rst: bool, source: Source) -> str:
    options = parse_options(region.options)
    built = source.answer(model_request(region.arguments[0], options))
    text = to_text(layout(built.model, options, built.base))
    if is_rst:
        return "\n".join(["::", "", *(f"   {line}" for line in text.splitlines())])
    fence = "```" if "```" not in text else "~~~~"
    return f"{fence}text\n{text}\n{fence}"


def _fact(region: Region, is_rst: bool, source: Source) -> str:
    fact = parse_fact(region.arguments[0], region.options, source.project.has_name, "auto")
    return markdown_text(fact_text(source.answer(fact.request).model, fact).text)


_KINDS: dict[str, Callable[[Region, bool, Source], str | tuple[str, dict[str, str]]]] = {
    "table": _table,
    "tree": _tree,
    "fact": _fact,
    "picture": picture,
}
