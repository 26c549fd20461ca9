"""Find the files that the command of another process names, because bmvis does not see what that process reads."""

# ruff: noqa: PTH112, PTH207  # the words may not be valid paths, for which the functions of `os` raise nothing

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from bmvis.child.tracking import git_commands
from bmvis.child.tracking.command_scripts import (
    MAX_MODULES,
    kind_of,
    modules_of,
    modules_of_code,
    read_scripts,
    script_text,
)
from bmvis.child.tracking.command_words import QUOTED, inner_words, is_python, shell_words, words_of

_MAX_FOLDERS = 5
_MAX_DEPTH = 3
"""Maximum number of shell scripts that call each other."""
_MAX_NAMES = 200
_MAX_TREE = 1000
"""Maximum number of files of a folder that a command reads as a whole."""
_OTHER_VARIABLE = re.compile(r"\b(?:ENV|ENVIRON|env|[gG]etenv)(?:\.fetch)?\W{1,3}(?=([A-Za-z_]\w{0,200}))")
"""A variable in other languages: `$ENV{NAME}`, `ENVIRON["NAME"]`, `process.env.NAME`, `Sys.getenv("NAME")`."""
_SHELL_VARIABLE = re.compile(r"\$[{(]?([A-Za-z_]\w{0,200})")
_VARIABLE = re.compile(r"[A-Za-z_]\w{0,200}")
_ENVIRONMENT = re.compile(r"\b(environb?|getenvb?|env)\b")
_PATH = re.compile(r"(?=.*[./])(?=.*[A-Za-z_])[\w+@-][\w.+@-]*(/[\w.+@-]+)*|(\.{0,2}/)+[\w.+@-]+(/[\w.+@-]+)*")
"""A text that looks like a path: it has a slash or a period, and is no number."""
_AFTER_VARIABLE = re.compile(r"(?:\$\w+|[})])/")
"""What precedes a path in a shell script: `$HERE/`, `${HERE%/*}/` or `$(dirname "$0")/`."""
_IMPLICIT = {
    "make": ("Makefile", "makefile", "GNUmakefile"),
    "gmake": ("Makefile", "makefile", "GNUmakefile"),
    "just": ("justfile", "Justfile"),
    "cmake": ("CMakeLists.txt",),
    "npm": ("package.json",),
    "yarn": ("package.json",),
    "cargo": ("Cargo.toml", "Cargo.lock"),
}
"""Files that programs read from the working directory without a word that names them."""
_LISTS = frozenset(("find", "tree", "du", "fd"))
"""Programs that list a folder with those below it; `ls -R` is another one."""
_ARCHIVES = frozenset(("tar", "zip", "rsync"))
"""Programs that read all files of the folders that they name."""
_SEARCHES = frozenset(("rg", "ag"))
"""Programs that read all files of a folder, by default of the working directory."""
_WITH_OPTION = frozenset(("grep", "egrep", "fgrep", "cp", "diff", "ls"))
"""Programs that read or list all that is below a folder if an option is given."""
_RECURSIVE = re.compile(r"-[a-zA-Z]*[rR][a-zA-Z]*|--recursive|-[a-zA-Z]*a[a-zA-Z]*|--archive")
_UNREAD = frozenset(("__pycache__", "node_modules", "site-packages"))


def named_files(command: object, folder: object, path: Iterable[str] = ()) -> Iterator[str]:
    """Yield paths of files that a command names or depends on, and of the modules that its Python scripts can import.

    Files that do not exist count if the word looks like a path: the command can look for them.
    For wildcards these are the files that match, and the folder in which the shell looks for them.

    Args:
        command: the arguments, or the text of a shell command.
        folder: the working directory of the process; None for the one of this process.
        path: more folders from which Python scripts import.
    """
    here = working_directory(folder)
    words = words_of(command)
    yield from _files(words, here, [*path])
    if len(words) > 2 and words[1] == "-m":
        yield from _module_files(words[2], here, [*path])
    for code in _codes(command):
        yield from modules_of_code(code, [here, *path])


def _codes(command: object) -> list[str]:
    """Return the code of `python -c` in a command."""
    parts = shell_words(command) if isinstance(command, str) else command
    words = [part for part in parts if isinstance(part, str)] if isinstance(parts, list | tuple) else []
    words += inner_words(words)
    calls = zip(words, words[1:], words[2:], strict=False)
    return [code for program, option, code in calls if option == "-c" and is_python(program)]


def working_directory(folder: object) -> str:
    """Return the absolute path of the working directory of a process; None is that of this process."""
    return os.path.abspath(os.fsdecode(folder) if isinstance(folder, str | bytes | os.PathLike) else ".")


def named_variables(command: object, files: Iterable[str] = ()) -> set[str]:
    """Return the names of environment variables in a command, as in `echo $NAME`, and in its scripts.

    Args:
        command: the arguments, or the text of a shell command.
        files: the files that it names.
    """
    words = words_of(command)
    found = {name for word in words for name in _SHELL_VARIABLE.findall(word)}
    if any(Path(word).name in ("printenv", "env") for word in words):
        found |= {word for word in words if _VARIABLE.fullmatch(word)}
    for kind, text in [*read_scripts(files), *(("python", code) for code in _codes(command))]:
        names = (_OTHER_VARIABLE if kind == "" else _SHELL_VARIABLE).findall(text) if kind != "python" else []
        if kind == "python" and _ENVIRONMENT.search(text):
            names = [one for one in QUOTED.findall(text) if _VARIABLE.fullmatch(one)]
        found.update(names[:_MAX_NAMES])
    return found


def named_repositories(command: object, folder: object, files: Iterable[str] = ()) -> set[str]:
    """Return the folders of git repositories whose state a command reads, not only their commits.

    Args:
        command: the arguments, or the text of a shell command.
        folder: the working directory of the process; None for the one of this process.
        files: the files that the command names; those that are scripts can call git.
    """
    here = working_directory(folder)
    found = set(git_commands.whole_repositories(words_of(command), here))
    for kind, text in read_scripts(files):
        words = shell_words(text) if kind == "shell" else git_commands.quoted_git(QUOTED.findall(text))
        found.update(git_commands.whole_repositories(words, here))
    return found


def _files(words: list[str], here: str, path: list[str], depth: int = 0) -> Iterator[str]:
    """Yield the files that words name, and those that shell scripts among these name.

    A word that names a folder can be the argument of `cd`: later words are relative to it too.
    """
    folders = [here]
    for argument in words:
        for text in filter(None, (argument, argument.partition("=")[2])):
            for file in _paths(text, folders):
                if os.path.isdir(file) and len(folders) < _MAX_FOLDERS:
                    folders.append(str(file))
                if glob.has_magic(file.name) and os.path.isdir(file.parent):
                    yield str(file.parent)
                if os.path.isfile(file):
                    yield from _with_parts(file, here, path, depth)
                elif _is_missing(text, file):
                    yield str(file)
    for implicit in (name for word in words for name in _IMPLICIT.get(Path(word).name, ())):
        for file in (Path(folder, implicit) for folder in folders):
            if os.path.isfile(file):
                yield from _with_parts(file, here, path, depth)
    yield from _trees(words, folders)
    yield from git_commands.commit_files(words, here)


def _with_parts(file: Path, here: str, path: list[str], depth: int) -> Iterator[str]:
    """Yield a file, and those that it names if it is a script."""
    yield str(file)
    kind = kind_of(file)
    if kind == "python":
        yield from modules_of(file, path)
        yield from _near(QUOTED.findall(script_text(file)), [here, str(file.parent), str(file.parent.parent)])
    if kind == "shell" and depth < _MAX_DEPTH:
        words = shell_words(script_text(file))
        yield from _files(words, here, path, depth + 1)
        tails = [_AFTER_VARIABLE.split(word)[-1] for word in words]
        yield from _near(tails, [str(file.parent), str(file.parent.parent)])


def _near(texts: Iterable[str], folders: list[str]) -> Iterator[str]:
    """Yield the files that texts of a script name, relative to folders, and those that do not exist."""
    for text in islice(texts, MAX_MODULES):
        for folder in () if "\0" in text else folders:
            file = Path(os.path.normpath(os.path.join(folder, text)))
            if os.path.isfile(file) or _is_missing(text, file):
                yield str(file)


def _is_missing(text: str, file: Path) -> bool:
    """Return whether a text looks like the path of a file that is not there, in a folder that is."""
    return bool(_PATH.fullmatch(text)) and not os.path.lexists(file) and os.path.isdir(file.parent)


def _trees(words: list[str], folders: list[str]) -> Iterator[str]:
    """Yield what is below the folders that a program reads as a whole: folders, and if it reads them, files."""
    programs = {Path(word).name for word in words}
    with_option = programs & _WITH_OPTION if any(map(_RECURSIVE.fullmatch, words)) else frozenset()
    is_read = bool(programs & (_ARCHIVES | _SEARCHES) or with_option - {"ls"})
    if "ls" in programs and not with_option:
        yield from folders[1:] or folders
    if len(words) < 2 or not (is_read or with_option or programs & _LISTS):
        return
    left = _MAX_TREE
    for start in folders[1:] or ([] if programs & _ARCHIVES else folders):
        for folder, names, files in os.walk(start):
            names[:] = sorted(name for name in names if name not in _UNREAD and not name.startswith("."))
            yield folder
            shown = sorted(files)[:left] if is_read else []
            yield from (os.path.join(folder, file) for file in shown)
            left -= 1 + len(shown)
            if left <= 0:
                return


def _paths(text: str, folders: list[str]) -> Iterator[Path]:
    """Yield the paths that a word names below each of some folders, and those that match its wildcards."""
    for folder in () if "\0" in text else folders[:]:
        path = Path(os.path.normpath(os.path.join(folder, text)))
        yield path
        if glob.has_magic(path.name):
            yield from map(Path, islice(glob.iglob(str(path)), MAX_MODULES))


def _module_files(module: str, here: str, path: list[str]) -> Iterator[str]:
    """Yield the files of a module that `python -m` runs, of its packages, and the modules that it imports."""
    parts = module.replace("\0", "").split(".")
    for folder in (here, *path):
        file = Path(folder, *parts)
        for one in (file.with_name(f"{file.name}.py"), file / "__main__.py"):
            if os.path.isfile(one):
                yield from (
                    str(above)
                    for end in range(1, len(parts))
                    if os.path.isfile(above := Path(folder, *parts[:end], "__init__.py"))
                )
                yield from modules_of(one, [folder, *path])
                return
