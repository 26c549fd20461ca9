"""`bmvis myst`: the plugin for mystmd and Jupyter Book 2.

mystmd starts it without arguments for the list of directives and roles, and with `--directive NAME` or `--role NAME`
for each one on a page: the request is JSON on standard input, the reply is JSON on standard output
(https://mystmd.org/guide/executable-plugins).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import click
import msgspec

from bmvis.cli.messages import errors_end_the_command
from bmvis.cli.shared_options import path_option, timeout_option
from bmvis.cli.table import build_table
from bmvis.errors import BmvisError, OptionError
from bmvis.model.tree import Model
from bmvis.options.definitions import OPTIONS, Device, Option
from bmvis.options.parsing import parse_options, take_comparison, take_optimizer
from bmvis.overviews.cards import arranged, grouped, make_card
from bmvis.overviews.entries import Entry, expand, read_entries
from bmvis.overviews.fact_text import fact_text
from bmvis.overviews.facts import parse_words, unknown
from bmvis.overviews.gallery_options import GALLERY_OPTIONS, parse_gallery_options
from bmvis.overviews.own_columns import row_problems, with_own_columns
from bmvis.overviews.table_options import TABLE_OPTIONS, parse_table_options
from bmvis.render import myst as nodes
from bmvis.source.column_sources import column_sources
from bmvis.source.source import Source
from bmvis.untrusted.log_text import one_line
from bmvis.view.layout import layout
from bmvis.worker.protocol import ModelRequest, model_request

CACHE = ".cache/bmvis"
"""Default cache folder. Each directive is a process of its own, so without a cache each build imports PyTorch often."""
_TREES = ("model-structure", "model-compare", "model-optimizer")
_LISTS: Mapping[str, Iterable[Option]] = {"model-gallery": GALLERY_OPTIONS, "model-table": TABLE_OPTIONS}
_ROLES: Mapping[str, str] = {"model-fact": "", "params": "parameters", "macs": "macs", "size": "size"}
"""The fact that each role requests; '' if its text has it."""


class MystRequest(msgspec.Struct, frozen=True):
    """What mystmd asks of a directive or a role."""

    arg: str = ""
    body: str = ""
    options: dict[str, str | bool | float] = {}

    @property
    def written(self) -> dict[str, str | None]:
        """Return the options in the form that pages have: a flag has the value None."""
        return {name: None if value is True else str(value) for name, value in self.options.items()}


@click.command(short_help="Draw trees for mystmd and Jupyter Book 2.")
@click.option("--directive", help="Answer a request for this directive, which is read from standard input.")
@click.option("--role", help="Answer a request for this role, which is read from standard input.")
@path_option
@timeout_option
@click.option("--cache", default=CACHE, help=f"Folder for built models. Default: {CACHE}")
@click.option("--strict", is_flag=True, help="Fail if there is an error, instead of showing it on the page.")
def myst(
    directive: str | None, role: str | None, path: tuple[str, ...], timeout: float, cache: str, strict: bool
) -> None:
    """Draw trees for mystmd and Jupyter Book 2. Call it in an executable script that myst.yml lists.

    \b
        #!/bin/sh
        exec bmvis myst --path src "$@"
    """  # noqa: D301  # click needs the character
    if not directive and not role:
        _reply(_specification())
        return
    with errors_end_the_command():
        request = _read(sys.stdin.buffer.read())
        with Source(Path.cwd(), path=(*path, "."), timeout=timeout, cache=Path(cache)) as source:
            try:
                reply = _directive(directive, request, source) if directive else _role(role or "", request, source)
            except BmvisError as error:
                if strict:
                    raise
                click.echo(one_line(error.report), err=True)
                reply = nodes.error_nodes(error) if directive else [nodes.text_node(unknown(request.body))]
    _reply(reply)


def _reply(data: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(data))
    sys.stdout.buffer.flush()


def _read(data: bytes) -> MystRequest:
    try:
        return msgspec.json.decode(data, type=MystRequest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OptionError(
            f"standard input is not a request from mystmd: {error}", hint="list the script in myst.yml"
        ) from error


def _specification() -> dict[str, object]:
    """Return the directives and roles, with their options from the tables of all hosts."""
    trees = [_declared(name, OPTIONS, ("before", "after") if name == "model-compare" else ()) for name in _TREES]
    lists = [_declared(name, options) | {"body": {"type": "string"}} for name, options in _LISTS.items()]
    roles = [{"name": name, "body": {"type": "string", "required": True}} for name in _ROLES]
    return {"name": "bmvis", "directives": [*trees, *lists], "roles": roles}


def _declared(name: str, options: Iterable[Option], references: Iterable[str] = ()) -> dict[str, object]:
    known: dict[str, dict[str, object]] = {reference: {"type": "string"} for reference in references}
    for option in options:
        known[option.name] = {"type": "boolean" if option.is_flag else "string", "doc": option.help}
    return {"name": name, "arg": {"type": "string"}, "options": known}


def _directive(name: str, request: MystRequest, source: Source) -> list[nodes.Node]:
    if name == "model-gallery":
        return _gallery(request, source)
    if name == "model-table":
        options = parse_table_options(request.written)
        return nodes.table_nodes(build_table(_lines(request), options, source), options.name)
    if name not in _TREES:
        raise OptionError(f"unknown directive {name!r}", hint=f"known directives: {', '.join((*_TREES, *_LISTS))}")
    written, reference = request.written, request.arg.strip()
    if name == "model-compare":
        reference = take_comparison(written)
    elif name == "model-optimizer":
        take_optimizer(written)
    shown = parse_options(written)
    built = source.answer(model_request(reference, shown))
    page = layout(built.model, shown, built.base)
    for note in (*built.model.notes, *(warning.report for warning in page.warnings)):
        click.echo(one_line(note), err=True)
    return nodes.tree_nodes(page, shown.name)


def _lines(request: MystRequest) -> list[str]:
    return [*request.arg.splitlines(), *request.body.splitlines()]


def _gallery(request: MystRequest, source: Source) -> list[nodes.Node]:
    options = parse_gallery_options(request.written)
    found = expand(read_entries((line, "") for line in _lines(request)), lambda text: source.find_all(text).references)
    own, cards = column_sources(source.project, Path.cwd(), options.data), []
    for item in found:
        entry, error = item if isinstance(item, tuple) else (item, None)
        cards.append(make_card(with_own_columns(entry, own), error or _model(entry, options.device, source)))
    for _, problem in row_problems([card.entry for card in cards], own[-1], options.data):
        click.echo(one_line(problem.report), err=True)
    return nodes.card_nodes(grouped(arranged(cards, options), options), options.name, options.caption)


def _model(entry: Entry, device: Device, source: Source) -> Model | BmvisError:
    try:
        return source.answer(ModelRequest(entry.reference, device)).model
    except BmvisError as error:
        click.echo(one_line(error.report), err=True)
        return error


def _role(name: str, request: MystRequest, source: Source) -> list[nodes.Node]:
    if name not in _ROLES:
        raise OptionError(f"unknown role {name!r}", hint=f"known roles: {', '.join(_ROLES)}")
    fact = parse_words(request.body, _ROLES[name], source.project.has_name, "auto")
    return [nodes.text_node(fact_text(source.answer(fact.request).model, fact).text)]
