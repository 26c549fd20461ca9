"""Find the files that the command of another process names, because bmvis does not see what that process reads."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

_MAX_ARGUMENTS = 1000
_MAX_MODULES = 200


def named_files(command: object, folder: object) -> Iterator[str]:
    """Yield paths of existing files that a command names, and of the modules that its Python scripts can import.

    Args:
        command: the arguments, or the text of a shell command.
        folder: the working directory of the process; None for the one of this process.
    """
    here = os.fsdecode(folder) if isinstance(folder, str | bytes | os.PathLike) else "."
    for argument in _arguments(command):
        for text in (argument, argument.partition("=")[2]):
            path = os.path.abspath(os.path.join(here, text))
            if text and "\0" not in text and os.path.isfile(path):
                yield path
                if path.endswith(".py"):
                    yield from _modules_next_to(path)


def _arguments(command: object) -> list[str]:
    if isinstance(command, str | bytes | os.PathLike):
        return _words(os.fsdecode(command))
    if not isinstance(command, Iterable):
        return []
    parts = [os.fsdecode(part) for part in command if isinstance(part, str | bytes | os.PathLike)][:_MAX_ARGUMENTS]
    shell = len(parts) > 2 and Path(parts[0]).name in ("sh", "bash", "zsh") and parts[1].endswith("c")
    return [*parts, *(_words(parts[2]) if shell else ())]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)[:_MAX_ARGUMENTS]
    except ValueError:  # such as a quote without an end
        return text.split()[:_MAX_ARGUMENTS]


def _modules_next_to(script: str) -> list[str]:
    """Return the modules in the folder of a script, from which Python imports first."""
    return sorted(map(str, Path(script).parent.glob("*.py")))[:_MAX_MODULES]
