"""Split a command of another process into words, also those of a shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Sequence
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
    return [*parts, *inner_words(parts)]


def is_python(word: str) -> bool:
    """Return whether a word names a Python interpreter."""
    return Path(word).name.startswith(("python", "pypy"))


def inner_words(words: Sequence[str]) -> list[str]:
    """Return the words of the command that a shell gets as an argument, as in `sh -c "..."`; none without a shell."""
    is_shell = len(words) > 2 and Path(words[0]).name in _SHELLS and words[1].endswith("c")
    return shell_words(words[2]) if is_shell else []


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
