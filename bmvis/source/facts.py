"""Evaluate and compare the facts that a model depends on: files, missing files, folders, links, entries.

A model is out of date if the value of a fact has changed. Values are digests of content, not times, because an unpacked
archive has old files with new content. Internal.

Facts of files that factories wrote have `left`: they are compared with the state after the last build. Thus a log file
does not make a model out of date, but a manual edit does.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from bmvis.errors import BmvisError
from bmvis.file_names import utf8
from bmvis.source import fingerprint
from bmvis.source.pyproject import read_project
from bmvis.worker.protocol import Fact, Kind

MAX_STAT_BYTES = 2**26
"""Size in bytes above which a file that was checked with `os.stat`, but not opened, counts only as existing."""
_MODULE_SUFFIXES = (".py", ".so", ".pyd")


def value_of(fact: Fact) -> str:
    """Return the current value of a fact."""
    return _VALUES[fact.kind](fact)


def first_change(facts: Iterable[Fact], known: dict[tuple[str, str, str], str]) -> Fact | None:
    """Return the first fact whose value has changed, or None.

    Args:
        facts: the facts of one model.
        known: values that were looked up in this build; new ones are added.
    """
    for fact in facts:
        key = (fact.kind, fact.path, fact.of)
        if key not in known:
            known[key] = value_of(fact)
        if known[key] != fact.value:
            return fact
    return None


def settled(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Return facts with the current values of files that factories wrote."""
    return tuple(msgspec.structs.replace(fact, value=value_of(fact)) if fact.left else fact for fact in facts)


def files_in(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Return the existing files among facts that no factory wrote."""
    return tuple(sorted({fact.path for fact in facts if fact.kind == "file" and fact.value and not fact.left}))


def file_facts(files: Iterable[str]) -> tuple[Fact, ...]:
    """Return the facts of files that the docs build itself has read."""
    return tuple(Fact("file", file, fingerprint.of_file(file)) for file in files)


def watched(facts: Iterable[Fact]) -> set[str]:
    """Return the paths that a preview server has to watch: files, and folders in which a file may be created."""
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


def with_changed_paths(facts: Iterable[Fact], change: Callable[[str], str]) -> tuple[Fact, ...]:
    """Return facts with changed paths.

    Args:
        facts: the facts of one model.
        change: returns the new path for a path.
    """
    return tuple(msgspec.structs.replace(fact, path=change(fact.path)) for fact in facts)


def entry_fact(file: Path, name: str) -> Fact:
    """Return the fact of a name in `[tool.bmvis.models]`, which includes the folders that the table sets."""
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
        names = sorted(os.fsencode(file.name) for file in Path(fact.path).iterdir() if is_listed(file.name))
    except (OSError, ValueError):
        return ""
    return fingerprint.of_bytes(b"\0".join(names))


def is_listed(name: str) -> bool:
    """Return whether a name in a folder is part of its fact: not bytecode, and not a hidden file."""
    return not name.startswith(".") and name != "__pycache__"


def _link(fact: Fact) -> str:
    try:
        return utf8(str(Path(fact.path).readlink()))
    except (OSError, ValueError):
        return ""


def _modules(fact: Fact) -> str:
    """Return which of the imported names a folder has: a new file can shadow an installed module."""
    try:
        with os.scandir(fact.path) as entries:
            there = {utf8(entry.name).partition(".")[0] for entry in entries if _is_module(entry)}
    except (OSError, ValueError):
        return ""
    return " ".join(name for name in fact.of.split() if name in there)


def _is_module(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(_MODULE_SUFFIXES) or ("." not in entry.name and entry.is_dir())


def _entry(fact: Fact) -> str:
    try:
        project = read_project(Path(fact.path).parent)
        found: object = project.find(fact.of) if fact.of else (tuple(project.models), project.patterns)
    except (BmvisError, OSError, ValueError):
        return ""
    folders = (*project.path, str(project.snapshots))
    where = [utf8(os.path.relpath(folder, project.folder)) for folder in folders]
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
