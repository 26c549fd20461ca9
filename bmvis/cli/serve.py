"""`bmvis serve`: keep torch in memory for `bmvis show`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from bmvis.errors import BmvisError
from bmvis.source.digest_memo import DigestMemo
from bmvis.source.pyproject import read_project
from bmvis.source.worker_state import worker_state
from bmvis.worker.daemon import Daemon, DaemonSettings
from bmvis.worker.daemon_client import COMMAND, is_served, listening, private_folder, socket_name
from bmvis.worker.process_tree import process_id


@click.command(short_help="Keep PyTorch in memory for `bmvis show`.")
def serve() -> None:
    """Keep PyTorch and the libraries of your models in memory, so that `bmvis show` in this folder doesn't import them.

    Each model still gets a process of its own, and sees your current code. The command runs until you press Ctrl+C.
    Linux only.
    """
    owner = process_id(os.getpid())
    state = worker_state(sys.executable, DigestMemo(None))
    if owner is None or not state:
        raise click.ClickException("`bmvis serve` needs Linux")
    try:
        folder = read_project(Path.cwd()).folder
        socket_path = private_folder() / socket_name(COMMAND.owner, sys.executable, folder)
    except BmvisError as error:
        raise click.ClickException(error.report) from error
    except OSError as error:
        raise click.ClickException(f"no private folder for a socket: {error}") from error
    if is_served(socket_path):
        raise click.ClickException(f"`bmvis serve` is already running for {folder}")
    settings = DaemonSettings(str(socket_path), sys.executable, str(folder), state, owner, float("inf"))
    click.echo(f"PyTorch stays in memory for `bmvis show` in {folder}. Press Ctrl+C to end.")
    with listening(socket_path) as listener:
        try:
            Daemon(listener, settings).run()
        except KeyboardInterrupt:
            click.echo("")
