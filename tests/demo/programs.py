"""Run the command lines that the manual shows, without starting Python and importing torch for each."""

import shlex
from pathlib import Path

import hosts
import pytest
from commands import Done, bmvis, sphinx_build


def run(command: str, folder: Path) -> Done:
    """Run bmvis or sphinx-build in this process, or MkDocs in a fork, which writes all of its messages to stderr."""
    program, *arguments = shlex.split(command)
    if program == "bmvis":
        return bmvis(folder, *arguments)
    if program == "sphinx-build":
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            return sphinx_build(*arguments)
    assert (program, arguments.pop(0)) == ("mkdocs", "build")
    done = hosts.build(program, folder, *arguments)
    return Done(done.report["code"], "", done.log)
