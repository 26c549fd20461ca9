"""What a model was made of, as facts that a later build can compare: files, missing files, folders, links, entries.

A model is out of date when a fact has another value than it had. Values are digests of content, never times: an
unpacked archive has old files with new content. Internal.

Facts of what factories wrote themselves are `left`: they count by what the last build left there, so that writing a
log makes nothing stale, and an edit by hand does.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from bmvis.errors import BmvisError
from bmvis.source import fingerprint
from bmvis.source.pyproject import read_project
from bmvis.worker.protocol import Fact, Kind

MAX_STAT_BYTES = 2**26
"""A larger file whose state was asked for, and that was not opened, counts by whether it is there."""
_MODULE_SUFFIXES = (".py", ".so", ".pyd")


def value_of(fact: Fact) -> str:
    """Return the value that a fact has now."""
    return _VALUES[fact.kind](fact)


def first_change(facts: Iterable[Fact], known: dict[tuple[str, str, str], str]) -> Fact | None:
    """Return the first fact that has another value than it had.

    Args:
        facts: of one model.
        known: values that were looked up already in this build; grows.
    """
    for fact in facts:
        key = (fact.kind, fact.path, fact.of)
        if key not in known:
            known[key] = value_of(fact)
        if known[key] != fact.value:
            return fact
    return None


def settled(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Return facts with the values that the build left, where factories wrote."""
    return tuple(msgspec.structs.replace(fact, value=value_of(fact)) if fact.left else fact for fact in facts)


def files_in(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Return the files among facts that are there and that the factory did not write."""
    return tuple(sorted({fact.path for fact in facts if fact.kind == "file" and fact.value and not fact.left}))


def file_facts(files: Iterable[str]) -> tuple[Fact, ...]:
    """Return the facts of files that the docs build itself has read."""
    return tuple(Fact("file", file, fingerprint.of_file(file)) for file in files)


def watched(facts: Iterable[Fact]) -> set[str]:
    """Return the paths that a preview server has to watch: files, and folders where a file may appear."""
    found = set()
    for fact in facts:
        if fact.left or fact.kind == "installed":
            continue
        place = Path(fact.path)
        if fact.kind == "link" or not place.exists():
            place = next((folder for folder in place.parents if folder.is_dir()), place)
        found.add(str(place))
        if place.is_symlink():
            found.add(os.path.realpath(place))
    return found


def relative(facts: Iterable[Fact], change: Callable[[str], str]) -> tuple[Fact, ...]:
    """Return facts with other spellings of their paths."""
    return tuple(msgspec.structs.replace(fact, path=change(fact.path)) for fact in facts)


def entry_fact(file: Path, name: str) -> Fact:
    """Return the fact of a name in `[tool.bmvis.models]`, and of the folders that the table sets."""
    fact = Fact("entry", str(file), of=name)
    return msgspec.structs.replace(fact, value=value_of(fact))


def _exists(fact: Fact) -> str:
    try:
        mode = Path(fact.path).stat().st_mode
    except (OSError, ValueError):
        return ""
    return "folder" if stat.S_ISDIR(mode) else "file"


def _names(fact: Fact) -> str:
    try:
        names = sorted(file.name for file in Path(fact.path).iterdir() if is_listed(file.name))
    except (OSError, ValueError):
        return ""
    return fingerprint.of_bytes("\0".join(names).encode(errors="surrogateescape"))


def is_listed(name: str) -> bool:
    """Return whether a name in a folder counts: bytecode and hidden files do not."""
    return not name.startswith(".") and name != "__pycache__"


def _link(fact: Fact) -> str:
    try:
        return str(Path(fact.path).readlink())
    except (OSError, ValueError):
        return ""


def _modules(fact: Fact) -> str:
    """Return which of the imported names a folder has: a new file may shadow an installed module."""
    try:
        with os.scandir(fact.path) as entries:
            there = {entry.name.partition(".")[0] for entry in entries if _is_module(entry)}
    except (OSError, ValueError):
        return ""
    return " ".join(name for name in fact.of.split() if name in there)


def _is_module(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(_MODULE_SUFFIXES) or ("." not in entry.name and entry.is_dir())


def _entry(fact: Fact) -> str:
    try:
        project = read_project(Path(fact.path).parent)
        found: object = project.find(fact.of) if fact.of else tuple(project.models)
    except (BmvisError, OSError, ValueError):
        return ""
    folders = (*project.path, str(project.snapshots))
    where = [os.path.relpath(folder, project.folder) for folder in folders]
    return fingerprint.of_bytes(repr((found, where)).encode())


_VALUES: Mapping[Kind, Callable[[Fact], str]] = {
    "file": lambda fact: fingerprint.of_file(fact.path),
    "exists": _exists,
    "names": _names,
    "link": _link,
    "modules": _modules,
    "entry": _entry,
    "installed": lambda fact: fingerprint.of_installed(fact.path),
}
