"""Split a command of another process into words, also those of a shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

MAX_WORDS = 1000
QUOTED = re.compile(r"['\"]([^'\"\n]+)['\"]")
_SHELLS = ("sh", "bash", "zsh", "dash")


def words_of(command: object) -> list[str]:
    """Return the words of a command: its arguments, those of the shell command among them, and texts of Python code.

    Args:
        command: the arguments, or the text of a shell command.
    """
    if isinstance(command, str | bytes | os.PathLike):
        return shell_words(os.fsdecode(command))
    if not isinstance(command, Iterable):
        return []
    parts = [os.fsdecode(part) for part in command if isinstance(part, str | bytes | os.PathLike)][:MAX_WORDS]
    if len(parts) > 2 and parts[1] == "-c" and is_python(parts[0]):
        return [*parts[:2], *parts[3:], *QUOTED.findall(parts[2])[:MAX_WORDS]]
    shell = len(parts) > 2 and is_shell(parts[0]) and parts[1].endswith("c")
    return [*parts, *(shell_words(parts[2]) if shell else ())]


def is_python(word: str) -> bool:
    """Return whether a word names a Python interpreter."""
    return Path(word).name.startswith(("python", "pypy"))


def is_shell(word: str) -> bool:
    """Return whether a word names a shell."""
    return Path(word).name in _SHELLS


def shell_words(text: str) -> list[str]:
    """Split a shell command, or several lines of them, at spaces and operators."""
    try:
        return list(islice(_lexer(text), MAX_WORDS))
    except ValueError:  # such as a quote without an end
        return text.split()[:MAX_WORDS]


def _lexer(text: str) -> shlex.shlex:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return lexer
