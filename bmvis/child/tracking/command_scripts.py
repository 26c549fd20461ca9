"""Read the scripts that a command runs: what kind of script a file is, and which modules a Python script imports."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from bmvis.untrusted.regular_file import text_or_nothing

MAX_MODULES = 200
_MAX_SCRIPT_BYTES = 100_000
_SHEBANG = re.compile(r"#!.*\b(?:(sh|bash|zsh|dash)|(python|pypy)[\d.]*)\b")
_MAKEFILES = ("makefile", "gnumakefile", "justfile")
_OTHER_LANGUAGES = frozenset((".awk", ".jl", ".js", ".lua", ".mjs", ".php", ".pl", ".r", ".rb"))
ScriptKind = Literal["shell", "python", ""]


def kind_of(file: Path) -> ScriptKind:
    """Return whether a file is a shell script, which a makefile is too, or a Python script."""
    if file.suffix in (".sh", ".bash", ".mk") or file.name.lower() in _MAKEFILES:
        return "shell"
    if file.suffix == ".py":
        return "python"
    found = None if file.suffix else _SHEBANG.match(script_text(file))
    return "" if found is None else "shell" if found[1] else "python"


def script_text(script: Path) -> str:
    """Return the text of a script; '' if it cannot be read, or is large."""
    return text_or_nothing(script, _MAX_SCRIPT_BYTES)


def read_scripts(files: Iterable[str]) -> Iterator[tuple[ScriptKind, str]]:
    """Yield the kind and the text of each script among the first files; the kind of other languages is ''."""
    for file in map(Path, islice(files, MAX_MODULES)):
        if (kind := kind_of(file)) or file.suffix.lower() in _OTHER_LANGUAGES:
            yield kind, script_text(file)


def modules_of(script: Path, path: Iterable[str] = ()) -> list[str]:
    """Return the Python files that a script can import: those in its folder, and those that it names, with theirs.

    Args:
        script: the file.
        path: more folders from which it imports.
    """
    found = dict.fromkeys(sorted(map(str, script.parent.glob("*.py")))[:MAX_MODULES])
    return _with_imported(found, script_text(script), script, [script.parent, *map(Path, path)])


def modules_of_code(code: str, path: Sequence[str]) -> list[str]:
    """Return the Python files that the code of `python -c` can import.

    Args:
        code: the code.
        path: the folders from which it imports. The first one is the working directory.
    """
    return _with_imported({}, code, Path(path[0], "-c"), list(map(Path, path)))


def _with_imported(found: dict[str, None], code: str, file: Path, folders: Sequence[Path]) -> list[str]:
    """Return files, and those that the code of one more file imports from some folders, with what these import."""
    pending = [(code, file)]
    while pending and len(found) < 2 * MAX_MODULES:
        for name in _imported_names(*pending.pop()):
            new = [one for one in _files_of(name, folders) if one not in found]
            found |= dict.fromkeys(new)
            pending += [(script_text(one), one) for one in map(Path, new)]
    return list(found)


def _imported_names(text: str, file: Path) -> Iterator[str]:
    """Yield the names in import statements, absolute paths of a package for relative ones."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = os.path.join(*[os.pardir] * (node.level - 1), "") if node.level > 1 else ""
            start = f"{file.parent}{os.sep}{folder}" if node.level else ""
            base = f"{start}{(node.module or '').replace('.', os.sep) if start else node.module}"
            yield base
            yield from (f"{base.rstrip(os.sep)}{os.sep if start else '.'}{alias.name}" for alias in node.names)


def _files_of(name: str, folders: Iterable[Path]) -> Iterator[str]:
    """Yield the files of a module and its packages in the first folder that has it."""
    if name.startswith(os.sep):
        yield from _existing(Path(os.path.normpath(name)))
        return
    parts = name.split(".")
    for folder in folders:
        found = [file for end in range(1, len(parts) + 1) for file in _existing(folder.joinpath(*parts[:end]))]
        yield from found
        if found:
            return


def _existing(module: Path) -> Iterator[str]:
    yield from (str(file) for file in (module.with_name(f"{module.name}.py"), module / "__init__.py") if file.is_file())
