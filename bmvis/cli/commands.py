"""The command line: `bmvis COMMAND`."""

from __future__ import annotations

from pathlib import Path

import click

from bmvis import __version__
from bmvis.cli.check import check
from bmvis.cli.diff import diff
from bmvis.cli.merge import merge
from bmvis.cli.show import compare, show
from bmvis.cli.snapshots import snapshot
from bmvis.cli.table import table
from bmvis.cli.update import update
from bmvis.render.html import assets as shipped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Show the structure of PyTorch models, and record it in snapshots."""


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def assets(folder: Path) -> None:
    """Copy the stylesheets and scripts into FOLDER, for sites that link to them."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in shipped.files():
        target = folder / Path(file).name
        target.write_bytes(shipped.text(file).encode())
        click.echo(target)


main.add_command(show)
main.add_command(compare)
main.add_command(assets)
main.add_command(snapshot)
main.add_command(check)
main.add_command(diff)
main.add_command(merge)
main.add_command(table)
main.add_command(update)
