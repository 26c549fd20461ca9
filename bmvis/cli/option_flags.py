"""Flags for the options of trees and tables. Internal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import click

from bmvis.options.definitions import Option

_Command = Callable[..., None]


def option_flags(options: Sequence[Option], without: Collection[str]) -> Callable[[_Command], _Command]:
    """Return a decorator that adds a flag for each option but those `without`, which apply to pages of a site only."""

    def add_flags(command: _Command) -> _Command:
        for option in reversed(options):
            if option.name not in without:
                command = _flag(option)(command)
        return command

    return add_flags


def _flag(option: Option) -> Callable[[_Command], _Command]:
    if option.is_flag:
        return click.option(f"--{option.name}", option.attribute, is_flag=True, help=option.help)
    text = option.help if option.takes == "text" else f"{option.help} Takes {option.takes}."
    metavar = "INTEGER" if option.takes.startswith("an integer") else "TEXT"
    return click.option(f"--{option.name}", option.attribute, metavar=metavar, help=text)
