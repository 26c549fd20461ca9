"""Find the files that the command of another process names, because bmvis does not see what that process reads."""

# ruff: noqa: PTH112, PTH207  # the words may not be valid paths, for which the functions of `os` raise nothing

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from bmvis.untrusted.regular_file import read_regular

_MAX_ARGUMENTS = 1000
_MAX_MODULES = 200
_MAX_FOLDERS = 5
_MAX_DEPTH = 3
"""Maximum number of shell scripts that call each other."""
_MAX_SCRIPT_BYTES = 100_000
_QUOTED = re.compile(r"['\"]([^'\"\n]+)['\"]")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w{0,200})")
_SHELL_SCRIPTS = (".sh", ".bash")


def named_files(command: object, folder: object) -> Iterator[str]:
    """Yield paths of files that a command names or depends on, and of the modules that its Python scripts can import.

    For wildcards these are the files that match, and the folder in which the shell looks for them.

    Args:
        command: the arguments, or the text of a shell command.
        folder: the working directory of the process; None for the one of this process.
    """
    here = os.path.abspath(os.fsdecode(folder) if isinstance(folder, str | bytes | os.PathLike) else ".")
    words = _arguments(command)
    yield from _files(words, here)
    if any(Path(word).stem == "git" for word in words):
        yield from _commit_files(here)
    if len(words) > 2 and words[1] == "-m":
        yield from _module_files(words[2], here)


def named_variables(command: object) -> set[str]:
    """Return the names of environment variables in a command, as in `echo $NAME`."""
    return {name for word in _arguments(command) for name in _VARIABLE.findall(word)}


def _files(words: list[str], here: str, depth: int = 0) -> Iterator[str]:
    """Yield the files that words name, and those that shell scripts among these name.

    A word that names a folder can be the argument of `cd`: later words are relative to it too.
    """
    folders = [here]
    for argument in words:
        for text in filter(None, (argument, argument.partition("=")[2])):
            for path in _paths(text, folders):
                if os.path.isdir(path) and len(folders) < _MAX_FOLDERS:
                    folders.append(str(path))
                if glob.has_magic(path.name) and os.path.isdir(path.parent):
                    yield str(path.parent)
                if os.path.isfile(path):
                    yield str(path)
                    if path.suffix == ".py":
                        yield from _modules_next_to(path)
                    if path.suffix in _SHELL_SCRIPTS and depth < _MAX_DEPTH:
                        yield from _files(_words(_text(path)), here, depth + 1)


def _paths(text: str, folders: list[str]) -> Iterator[Path]:
    """Yield the paths that a word names below each of some folders, and those that match its wildcards."""
    for folder in () if "\0" in text else folders[:]:
        path = Path(os.path.normpath(os.path.join(folder, text)))
        yield path
        if glob.has_magic(path.name):
            yield from map(Path, islice(glob.iglob(str(path)), _MAX_MODULES))


def _module_files(module: str, here: str) -> Iterator[str]:
    """Yield the files of a module that `python -m` runs, and the modules next to it."""
    path = Path(here, *module.replace("\0", "").split("."))
    for file in (path.with_name(f"{path.name}.py"), path / "__main__.py"):
        if os.path.isfile(file):
            yield from _modules_next_to(file)


def _commit_files(here: str) -> Iterator[str]:
    """Yield the files that name the commit and the tags of the repository of a folder, as `git describe` shows them."""
    repository = next((path for path in (Path(here), *Path(here).parents) if (path / ".git").is_dir()), None)
    if repository is None:
        return
    git = repository / ".git"
    branch = _text(git / "HEAD").removeprefix("ref:").strip()
    for name in ("HEAD", "packed-refs", "refs/tags", *([branch] if branch.startswith("refs/") else [])):
        yield os.path.normpath(git / name)


def _text(script: Path) -> str:
    try:
        return read_regular(script, _MAX_SCRIPT_BYTES).decode(errors="replace")
    except (OSError, ValueError):
        return ""


def _arguments(command: object) -> list[str]:
    if isinstance(command, str | bytes | os.PathLike):
        return _words(os.fsdecode(command))
    if not isinstance(command, Iterable):
        return []
    parts = [os.fsdecode(part) for part in command if isinstance(part, str | bytes | os.PathLike)][:_MAX_ARGUMENTS]
    if len(parts) > 2 and parts[1] == "-c" and Path(parts[0]).name.startswith("python"):
        return [*parts[:2], *parts[3:], *_QUOTED.findall(parts[2])[:_MAX_ARGUMENTS]]
    shell = len(parts) > 2 and Path(parts[0]).name in ("sh", "bash", "zsh") and parts[1].endswith("c")
    return [*parts, *(_words(parts[2]) if shell else ())]


def _words(text: str) -> list[str]:
    """Split a shell command, or several lines of them, at spaces and operators."""
    try:
        return list(islice(_lexer(text), _MAX_ARGUMENTS))
    except ValueError:  # such as a quote without an end
        return text.split()[:_MAX_ARGUMENTS]


def _lexer(text: str) -> shlex.shlex:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return lexer


def _modules_next_to(script: Path) -> list[str]:
    """Return the modules in the folder of a script, from which Python imports first."""
    return sorted(map(str, script.parent.glob("*.py")))[:_MAX_MODULES]
