"""The command line: `bmvis COMMAND`."""

from __future__ import annotations

import click

from bmvis import __version__
from bmvis.commands import check, snapshot


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Show the structure of PyTorch models, and keep its record true."""


main.add_command(snapshot)
main.add_command(check)
