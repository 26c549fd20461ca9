"""Run commands of bmvis in this process, which is many times as fast as starting Python."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from pythons import TORCH_PYTHON

from bmvis.cli import main


class Done(NamedTuple):
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def bmvis(folder: Path, *arguments: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> Done:
    """Run a command in a folder; an exception that would be a traceback is raised."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(main, arguments, input=stdin, env=env)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def snapshot(folder: Path) -> None:
    """Record the models of a project, with the Python that has torch."""
    if sys.executable == TORCH_PYTHON:
        assert bmvis(folder, "snapshot").returncode == 0
    else:
        subprocess.run([TORCH_PYTHON, "-m", "bmvis", "snapshot"], cwd=folder, check=True)
