"""The command line: `bmvis COMMAND`."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click

from bmvis import __version__
from bmvis.cli.output_encoding import accept_all_characters

_MODULES = {
    "init": "init",
    "show": "show",
    "serve": "serve",
    "compare": "show",
    "assets": "commands",
    "snapshot": "snapshots",
    "check": "check",
    "diff": "diff",
    "merge": "merge",
    "table": "table",
    "update": "update",
    "myst": "myst",
}
"""The module of each command. It is imported if the command runs: a check needs no renderers."""


class _Commands(UserDict[str, click.Command]):
    """Imports each command when it is needed."""

    def __getitem__(self, name: str) -> click.Command:
        if name in _MODULES and name not in self.data:
            self.data[name] = getattr(import_module(f"bmvis.cli.{_MODULES[name]}"), name)
        return self.data[name]

    def __contains__(self, name: object) -> bool:
        return name in _MODULES or name in self.data

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*_MODULES, *self.data]))

    def __len__(self) -> int:
        return len([*iter(self)])


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, commands=_Commands())
@click.version_option(__version__)
def main() -> None:
    """Show the structure of PyTorch models, and record it in snapshots.

    To start, run `bmvis show package.module:factory`, or `bmvis init` in a project with documentation.
    """
    accept_all_characters()


@click.command(short_help="Copy the stylesheets and scripts.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def assets(folder: Path) -> None:
    """Copy the stylesheets and scripts into FOLDER, for sites that link to them."""
    from bmvis.render.html import assets as shipped

    folder.mkdir(parents=True, exist_ok=True)
    for file in shipped.files():
        target = folder / Path(file).name
        target.write_bytes(shipped.text(file).encode())
        click.echo(target)
