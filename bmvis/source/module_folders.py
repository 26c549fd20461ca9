"""Find the files and folders in which folders of `sys.path` have modules of some names. Nothing is imported. Internal.

Names with a slash at the end can also be folders without `__init__.py` (namespace packages).
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bmvis.file_state import TIME_RESOLUTION
from bmvis.source import fingerprint
from bmvis.untrusted.file_names import utf8
from bmvis.worker.interpreter import own_path

_MODULE_SUFFIXES = (".py", ".so", ".pyd", ".pyc")
Entries = Mapping[str, list[os.DirEntry[str]]]
_Path = list[tuple[str, Entries]]
"""Folders of `sys.path` with their entries."""
_NOTHING: Entries = {}


class ModuleFolders:
    """The entries of folders in which modules are found: of many models, each folder is the same."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Entries]] = {}
        self._found: dict[tuple[str, str], tuple[_Path, str]] = {}
        self._path: tuple[list[str], list[str]] = ([], [])
        """`sys.path`, and the real paths of the folders that a worker takes over."""
        self._archives: list[str] = []
        """The zip files on that path with digests of their content: what modules they have is not looked up."""

    def entries(self, folder: str) -> Entries:
        """Return the entries of a folder by the parts of their names before the first dot; none if it cannot be read.

        The folder is read again if its time of change is another one, or too recent to show all changes.
        """
        now = time.time_ns()
        try:
            changed = os.stat(folder).st_mtime_ns  # noqa: PTH116  # half the time, for each folder and model
            if folder not in self._known or self._known[folder][0] != changed:
                entries = _entries(folder)
                if changed > now - TIME_RESOLUTION:
                    return entries
                self._known[folder] = (changed, entries)
        except (OSError, ValueError):
            return _NOTHING
        return self._known[folder][1]

    def on_path(self, names: str, project: str) -> str:
        """Return a digest of the folders of `sys.path` in which a worker finds modules; '' if it finds none.

        All folders of this Python count as one: what is installed there is a dependency of its own. But a module can
        be there without the metadata of a distribution, so it counts whether any of them has it.

        Args:
            names: the names of the top-level modules, separated by spaces.
            project: a folder. Paths in it are relative to it, so that the digest is the same in a copy of it.
        """
        path: _Path = [(folder, self.entries(folder)) for folder in self._search_path()]
        before, digest = self._found.get((names, project), (None, ""))
        if before is None or not _is_same(before, path):
            prefixes = tuple(os.path.join(os.path.realpath(prefix), "") for prefix in (sys.prefix, sys.base_prefix))
            found = [
                f"{name}={'' if folder.startswith(prefixes) else _below(folder, project)}"
                for name in names.split()
                for folder in folders_with(name, path)
            ]
            found += self._archives
            digest = fingerprint.of_bytes("\n".join(found).encode(errors="surrogateescape")) if found else ""
            self._found[names, project] = (path, digest)
        return digest

    def _search_path(self) -> list[str]:
        if self._path[0] != sys.path:
            self._path = (list(sys.path), list(dict.fromkeys(map(os.path.realpath, own_path()))))
            archives = filter(os.path.isfile, self._path[1])
            self._archives = [f"zip {fingerprint.of_file(archive)}" for archive in archives]
        return self._path[1]


def folders_with(name: str, path: _Path) -> Iterator[str]:
    """Yield the folder in which Python finds a module, or those with folders of its name if there is no module.

    Args:
        name: the name of a top-level module, with a slash if folders count.
        path: the folders that Python searches, with their entries.
    """
    stem = name.removesuffix("/")
    for folder, entries in path:
        there = entries.get(stem, ())
        if any(_is_module(entry, is_any_folder=False) for entry in there):
            yield folder
            return
        if stem != name and any(_is_module(entry, is_any_folder=True) for entry in there):
            yield folder


def _is_same(before: _Path, now: _Path) -> bool:
    return [folder for folder, _ in before] == [folder for folder, _ in now] and all(
        known is entries for (_, known), (_, entries) in zip(before, now, strict=True)
    )


def _below(folder: str, project: str) -> str:
    project = os.path.join(os.path.realpath(project), "")
    return os.path.relpath(folder, project) if os.path.join(folder, "").startswith(project) else folder


def _entries(folder: str) -> Entries:
    found: defaultdict[str, list[os.DirEntry[str]]] = defaultdict(list)
    with os.scandir(folder) as entries:
        for entry in entries:
            found[entry.name.partition(".")[0]].append(entry)
    return dict(found)


def modules_in(folder: str, names: Sequence[str], folders: ModuleFolders) -> str:
    """Return the files and folders in which a folder has the imported names.

    A new file can shadow an installed module. A package or an extension shadows a module with the same name. A folder
    without `__init__.py` shadows nothing, but counts for a name with a slash, of which there is no other module.
    """
    entries = folders.entries(folder)
    stems = {name.removesuffix("/") for name in names}
    there = [entry for name in entries.keys() & stems for entry in entries[name]]
    found = [utf8(entry.name) for entry in there if _is_module(entry, is_any_folder=f"{entry.name}/" in names)]
    return " ".join(sorted(found))


def _is_module(entry: os.DirEntry[str], *, is_any_folder: bool) -> bool:
    try:
        if not entry.is_dir():
            return entry.name.endswith(_MODULE_SUFFIXES)
        return "." not in entry.name and (is_any_folder or Path(entry.path, "__init__.py").is_file())
    except OSError:  # a link that leads to itself, for example
        return False
