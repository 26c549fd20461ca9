"""Which project files a reference depends on, also where an earlier reference has imported them.

Runs in the child process. `ImportTracker.install` watches every import from then on, and every file that
Python opens; `ImportTracker.files_of` follows what was seen from one module on.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType, ModuleType
from typing import Any

from bmvis.child.tracebacks import is_project_file
from bmvis.source import fingerprint


class ImportTracker:
    """Everything imported and read in this process, by the module that did it."""

    def __init__(self) -> None:
        self.imported: defaultdict[str, set[str]] = defaultdict(set)
        """Names of modules, by the name of the module that imports them."""
        self.read: defaultdict[str, set[str]] = defaultdict(set)
        """Data files of the project, by the module whose code opened them."""
        self.digests: dict[str, str] = {}
        """Digests of the files, as they were when they were first seen."""
        self.roots: tuple[str, ...] = ()
        """Folders of the project; a data file elsewhere (a download cache, a device) is not the project's."""
        self.asked = ""
        """The module of the reference that is being built."""
        self._files: dict[str, str] = {}
        self._looked_at: set[str] = set()
        """Names of the modules that were looked at: large libraries load thousands."""
        self._is_project: dict[str, bool] = {}

    def install(self) -> None:
        """Begin to watch; for the rest of the process."""
        builtins.__import__ = self._watched_import(builtins.__import__)
        importlib.import_module = self._watched_import_module(importlib.import_module)
        sys.addaudithook(self._on_event)

    def note_loaded(self) -> None:
        """Note the project's modules that are loaded now, with the digests of their files."""
        for name in sys.modules.keys() - self._looked_at:
            self._looked_at.add(name)
            module = sys.modules.get(name)
            file = getattr(module, "__file__", None)
            if name not in self._files and isinstance(file, str) and file.endswith(".py") and self._in_project(file):
                self._files[name] = os.path.abspath(file)
        for file in self._all_files():
            if file not in self.digests:
                self.digests[file] = fingerprint.of_file(file)

    def is_stale(self) -> bool:
        """Return whether a file was changed after its code was loaded into this process."""
        return any(fingerprint.of_file(file) != digest for file, digest in self.digests.items())

    def files_of(self, module: str) -> list[str]:
        """Return the files that `module` depends on, itself included, sorted."""
        pending, seen = [module], set[str]()
        files: set[str] = set()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            pending.extend(_with_parents(name))
            if name in self._files:
                files.add(self._files[name])
            if name in self._files or name == module:
                pending.extend(self.imported[name])
                files |= self.read[name]
        return sorted(file for file in files if self.digests.get(file))

    def _all_files(self) -> list[str]:
        return [*self._files.values(), *(file for files in self.read.values() for file in files)]

    def _in_project(self, file: str) -> bool:
        known = self._is_project.get(file)
        if known is None:
            known = self._is_project[file] = is_project_file(file)
        return known

    def _watched_import(self, original: Callable[..., Any]) -> Callable[..., Any]:
        imported = self.imported

        def watched(
            name: str,
            globals: Mapping[str, object] | None = None,  # noqa: A002  # the names that Python gives
            locals: Mapping[str, object] | None = None,  # noqa: A002
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> ModuleType:
            module: ModuleType = original(name, globals, locals, fromlist, level)
            importer = (globals or {}).get("__name__")
            if isinstance(importer, str):
                if fromlist:
                    found = imported[importer]
                    found.add(module.__name__)
                    found.update(f"{module.__name__}.{part}" for part in fromlist)
                else:
                    imported[importer].add(name)
            return module

        return watched

    def _watched_import_module(self, original: Callable[..., ModuleType]) -> Callable[..., ModuleType]:
        def import_module(name: str, package: str | None = None) -> ModuleType:
            module = original(name, package)
            self.imported[self._importer(sys._getframe(1))].add(importlib.util.resolve_name(name, package))
            return module

        return import_module

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open":
            return
        file, mode = arguments[0], arguments[1]
        if not isinstance(file, str) or (mode and "r" not in mode) or file.endswith((".py", ".pyc", ".so")):
            return
        path = os.path.abspath(file)
        if path.startswith(self.roots) and self._in_project(path):
            self.read[self._importer(sys._getframe(1))].add(path)

    def _importer(self, frame: FrameType | None) -> str:
        """Return the name of the module of the innermost frame that is the project's."""
        for code_file, name in _callers(frame):
            if self._in_project(code_file):
                return name
        return self.asked


def _callers(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    while frame is not None:
        yield frame.f_code.co_filename, str(frame.f_globals.get("__name__", ""))
        frame = frame.f_back


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
