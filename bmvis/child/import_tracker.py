"""Record the project files that a reference depends on, even if an earlier reference has imported them.

Runs in the child process. `ImportTracker.install` records every later import, and every file access
(`bmvis.child.file_tracker`). `ImportTracker.facts_of` follows the recorded imports from one module.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from bmvis.child.file_tracker import FileTracker, Key
from bmvis.source.facts import value_of
from bmvis.worker.protocol import Fact

_getframe = sys._getframe


class ImportTracker:
    """The imports and file accesses in this process, by the module that made them."""

    def __init__(self) -> None:
        self.files = FileTracker()
        self.imported: defaultdict[str, set[str]] = defaultdict(set)
        """Names of modules, by the name of the module that imports them."""
        self.looked_for: defaultdict[str, set[str]] = defaultdict(set)
        """Names of top-level modules that were looked for, found or not, by the importing module."""
        self.path: tuple[str, ...] = ()
        """Folders of `sys.path` that belong to the project."""
        self._files: dict[str, str] = {}
        self._looked_at: set[str] = set()
        """Names of the modules that were checked already: large libraries load thousands."""

    def install(self) -> None:
        """Start to record, until the process ends."""
        builtins.__import__ = self._watched_import(builtins.__import__)
        importlib.import_module = self._watched_import_module(importlib.import_module)
        sys.meta_path.insert(0, _FirstFinder(self))
        sys.meta_path.append(_LastFinder(self))
        _distrust_bytecode(self.files.is_project)
        self.files.install()

    def begin(self, module: str, path: Iterable[str], folders: Iterable[str]) -> None:
        """Start with a reference.

        Args:
            module: the module of the reference.
            path: folders for the front of `sys.path`.
            folders: the folders of the project.
        """
        self.files.current = module
        self.path = tuple(map(os.path.abspath, path))
        self.files.set_roots(folders)

    def note_loaded(self) -> None:
        """Record the loaded modules of the project, with the digests of their files."""
        for name in sys.modules.keys() - self._looked_at:
            self._looked_at.add(name)
            module = sys.modules.get(name)
            file = _attribute(module, "__file__")
            if file is None:
                self._note_namespace(name, _attribute(module, "__path__"))
            if name not in self._files and isinstance(file, str) and self.files.is_project(file):
                self._files[name] = os.path.abspath(file)
                key: Key = ("file", self._files[name])
                if key not in self.files.values:
                    self.files.values[key] = value_of(Fact(*key))

    def _note_namespace(self, name: str, path: Any) -> None:
        """Record that the folders of a namespace package have no `__init__.py`, which would be imported instead."""
        for folder in path if type(path).__name__ == "_NamespacePath" else ():
            place = os.path.join(os.path.abspath(str(folder)), "__init__.py")
            if place.startswith(self.files.roots):
                key: Key = ("exists", place)
                self.files.values.setdefault(key, value_of(Fact(*key)))
                self.files.seen[name].add(key)

    def facts_of(self, module: str) -> tuple[Fact, ...]:
        """Return the facts that `module` depends on, itself included."""
        pending, seen = [module], set[str]()
        keys = set[Key]()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            pending.extend(_with_parents(name))
            if name in self._files:
                keys.add(("file", self._files[name]))
            if name in self._files or name == module or name in self.files.seen:
                pending.extend(self.imported[name])
                keys |= self.files.seen[name]
        return (*self.files.facts(keys), *self._module_facts(seen | {""}))

    def note_lookup(self, name: str) -> None:
        """Record that a top-level module is looked for: a new file with its name could be found first."""
        for module in (self.files.current, *self.files.modules(_getframe(2))):
            self.looked_for[module].add(name)

    def note_missing(self, name: str, path: Sequence[str]) -> None:
        """Record that a package has no module with a name: a new file with that name would be imported."""
        frame = _getframe(2)
        for folder in path:
            place = os.path.join(os.path.abspath(folder), name.rpartition(".")[2])
            if place.startswith(self.files.roots):
                self.files.note("exists", f"{place}.py", frame)
                self.files.note("exists", place, frame)

    def _module_facts(self, modules: Iterable[str]) -> list[Fact]:
        """Return a fact for each project folder on `sys.path`: which of the imported names it contains."""
        found = {name.partition(".")[0] for module in modules for name in self.imported[module]}
        found.update(*(self.looked_for[module] for module in modules))
        found -= {"bmvis", *sys.builtin_module_names}
        names = " ".join(sorted(filter(str.isidentifier, found)))
        facts = [Fact("modules", folder, of=names) for folder in self.path if self._is_own_folder(folder)]
        return [Fact(fact.kind, fact.path, value_of(fact), fact.of) for fact in facts]

    def _is_own_folder(self, folder: str) -> bool:
        return os.path.join(folder, "").startswith(self.files.roots)

    def _watched_import(self, original: Callable[..., Any]) -> Callable[..., Any]:
        imported = self.imported

        def watched(
            name: str,
            globals: Mapping[str, object] | None = None,  # noqa: A002  # the parameter names of `__import__`
            locals: Mapping[str, object] | None = None,  # noqa: A002
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> ModuleType:
            module: ModuleType = original(name, globals, locals, fromlist, level)
            importer = (globals or {}).get("__name__")
            if not isinstance(importer, str) or (module.__name__ in self._files and importer not in self._files):
                # A call without globals, or a library that imports project code by name.
                importer = self._importer(_getframe(1))
            found = imported[importer]
            if fromlist:
                found.add(module.__name__)
                found.update(f"{module.__name__}.{part}" for part in fromlist)
            else:
                found.add(name)
            return module

        return watched

    def _watched_import_module(self, original: Callable[..., ModuleType]) -> Callable[..., ModuleType]:
        def import_module(name: str, package: str | None = None) -> ModuleType:
            module = original(name, package)
            self.imported[self._importer(_getframe(1))].add(importlib.util.resolve_name(name, package))
            return module

        return import_module

    def _importer(self, frame: FrameType | None) -> str:
        """Return the name of the module of the innermost frame of project code."""
        return next(self.files.modules(frame), self.files.current)


class _FirstFinder:
    """The first entry of `sys.meta_path`; Python calls it for each module that is not loaded yet."""

    def __init__(self, tracker: ImportTracker) -> None:
        self._tracker = tracker

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        """Record the name, and find nothing."""
        if path is None:
            self._tracker.note_lookup(name)

    def invalidate_caches(self) -> None:
        """Do nothing: there are no caches."""


class _LastFinder:
    """The last entry of `sys.meta_path`; Python calls it for modules that no other finder has found."""

    def __init__(self, tracker: ImportTracker) -> None:
        self._tracker = tracker

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        """Record the name, and find nothing."""
        if path is not None:
            self._tracker.note_missing(name, path)

    def invalidate_caches(self) -> None:
        """Do nothing: there are no caches."""


def _distrust_bytecode(is_project: Callable[[str], bool]) -> None:
    """Compile project code from source if its bytecode may be out of date.

    Python compares the modification time and size of the source with those in the bytecode
    (https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation). Both can be equal although the
    content differs: unpacked archives restore times. The change time of the inode (ctime) cannot be set back.
    """
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        file = self.get_filename(fullname)
        if not is_project(file) or _is_older(file):
            return original(self, fullname)
        code: CodeType = self.source_to_code(self.get_data(file), file)
        return code

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[assignment,method-assign]


def _is_older(file: str) -> bool:
    """Return whether a file is older than its bytecode, or has no bytecode."""
    try:
        bytecode = Path(importlib.util.cache_from_source(file)).stat()
    except (OSError, NotImplementedError):
        return True
    return Path(file).stat().st_ctime_ns < bytecode.st_mtime_ns


def _attribute(module: object, name: str) -> Any:
    try:
        return getattr(module, name, None)
    except Exception:  # user code can put any object into `sys.modules`
        return None


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
