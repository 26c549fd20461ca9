"""Run bmvis and sphinx-build in this process, which is many times as fast as starting Python and importing torch."""

import io
import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest import mock

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


def sphinx_build(*arguments: str | Path) -> Done:
    """Run `sphinx-build`; conf.py changes `sys.path` for this build only.

    MyST adds its suffix to the default of `source_suffix`, which all builds of a process have in common.
    """
    from sphinx.cmd.build import main as run
    from sphinx.config import Config
    from sphinx.util.console import strip_colors

    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as out:
        patch.setattr(sys, "path", [*sys.path])
        suffixes = mock.patch.dict(Config().source_suffix, {".rst": "restructuredtext"}, clear=True)
        with suffixes, without_debug_messages(), redirect_stderr(io.StringIO()) as errors:
            code = run([*map(str, arguments)])
    return Done(code, strip_colors(out.getvalue()), strip_colors(errors.getvalue()))


@contextmanager
def without_debug_messages() -> Iterator[None]:
    """Leave out the 700 debug messages of each build of Sphinx, which no test reads, and which take a tenth of it."""
    before = logging.root.manager.disable
    logging.disable(logging.DEBUG)
    try:
        yield
    finally:
        logging.disable(before)


def snapshot(folder: Path) -> None:
    """Record the models of a project, with the Python that has torch."""
    if sys.executable == TORCH_PYTHON:
        assert bmvis(folder, "snapshot").returncode == 0
    else:
        subprocess.run([TORCH_PYTHON, "-m", "bmvis", "snapshot"], cwd=folder, check=True)
