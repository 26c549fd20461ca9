"""Record the project files that a reference depends on, even if an earlier reference has imported them.

Runs in the child process. `ImportTracker.install` records every later import, and every file access
(`bmvis.child.tracking.file_tracker`). `ImportTracker.dependencies_of` follows the recorded imports from one module.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.util
import os
import pkgutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FrameType, ModuleType
from typing import Any

from bmvis.child.tracebacks import is_foreign
from bmvis.child.tracking.bytecode import recompile_uncertain_bytecode
from bmvis.child.tracking.file_record import AccessKey
from bmvis.child.tracking.file_tracker import FileTracker
from bmvis.child.tracking.native_files import NativeReaders
from bmvis.child.tracking.reentry import once
from bmvis.source.dependencies import value_of, with_value
from bmvis.worker.protocol import Dependency

_getframe = sys._getframe


class ImportTracker:
    """The imports and file accesses in this process, by the module that made them."""

    def __init__(self) -> None:
        self.files = FileTracker()
        self.record = self.files.record
        self.imported: defaultdict[str, set[str]] = defaultdict(set)
        """Names of modules, by the name of the module that imports them."""
        self.looked_for: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        """Modules that were looked for, found or not, by the importing module: the folder of the package, '' for each
        folder of `sys.path`, and the name in it."""
        self.path: tuple[str, ...] = ()
        """Folders that were on `sys.path`."""
        self._sys_path: list[str] = []
        self._is_installed = False
        self._files: dict[str, str] = {}
        self._readers = NativeReaders(self._note_native)
        self._extended: set[str] = set()
        """Packages to which folders of the same name in `sys.path` belong, also without `__init__.py`."""
        self._looked_at: set[str] = set()
        """Names of the modules that were checked already: large libraries load thousands."""

    def install(self) -> None:
        """Start to record, until the process and its forks end. A second call does nothing."""
        if self._is_installed:
            return
        self._is_installed = True
        builtins.__import__ = self._watched_import(builtins.__import__)
        importlib.import_module = self._watched_import_module(importlib.import_module)
        pkgutil.extend_path = self._watched_extend_path(pkgutil.extend_path)
        sys.meta_path.insert(0, _FirstFinder(self))
        recompile_uncertain_bytecode(self._is_project_module)
        self.files.install()

    def begin(self, module: str, path: Iterable[str], folders: Iterable[str]) -> None:
        """Start to record what a reference depends on.

        Args:
            module: the module of the reference.
            path: folders for the front of `sys.path`.
            folders: the folders of the project.
        """
        self.files.begin(module, folders)
        self.path = tuple(map(os.path.abspath, path))

    def note_loaded(self) -> None:
        """Record the loaded modules of the project, with the digests of their files."""
        with once(self.record.busy):
            self._note_loaded()

    def _note_loaded(self) -> None:
        for name in sys.modules.keys() - self._looked_at:
            self._looked_at.add(name)
            module = sys.modules.get(name)
            file = _attribute(module, "__file__")
            if file is None:
                self._note_namespace(name, _attribute(module, "__path__"))
            if name not in self._files and isinstance(file, str) and self.record.is_project(file):
                self._files[name] = os.path.abspath(file)
                key = self._key_of(name)
                if key not in self.record.values:
                    self.record.values[key] = value_of(Dependency(*key))
                    self.record.seen[self.record.current].add(key)

    def _key_of(self, name: str) -> AccessKey:
        """Return the key of the file of a module."""
        file = self._files[name]
        return ("source" if ("source", file) in self.record.values else "file", file)

    def _note_namespace(self, name: str, path: Any) -> None:
        """Record that the folders of a namespace package have no `__init__.py`, which would be imported instead."""
        for folder in path if type(path).__name__ == "_NamespacePath" else ():
            init_file = os.path.join(os.path.abspath(str(folder)), "__init__.py")
            if init_file.startswith(self.record.paths.roots):
                key: AccessKey = ("exists", init_file)
                self.record.values.setdefault(key, value_of(Dependency(*key)))
                self.record.seen[name].add(key)

    def has_read_nondeterminism(self) -> bool:
        """Return whether the imported code of the project has read the clock or random numbers."""
        return self.files.nondeterminism.have_happened(self._files.values())

    def outside_modules(self) -> list[Dependency]:
        """Return for each folder outside the project that was searched which of the imported modules it has."""
        names = {name for found in self.looked_for.values() for folder, name in found if not folder}
        folders = [folder for folder in self.path if not self._is_own_folder(folder) and not is_foreign(folder)]
        dependencies = [Dependency("modules", folder, of=self._joined(names, is_top=True)) for folder in folders]
        return list(map(with_value, dependencies))

    def dependencies_of(self, module: str) -> tuple[Dependency, ...]:
        """Return what `module` depends on, itself included. Later accesses are not recorded."""
        self.files.pause()
        pending, seen = [module], set[str]()
        keys = set[AccessKey]()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            pending.extend(_with_parents(name))
            if name in self._files:
                keys.add(self._key_of(name))
            if name in self._files or name == module or name in self.record.seen:
                pending.extend(self.imported[name])
                keys |= self.record.seen[name]
        return (*self.record.dependencies(keys), *self._module_dependencies({*seen, self.record.current, ""}))

    def note_lookup(self, name: str, path: Sequence[str] | None) -> None:
        """Record that a module is looked for: a new file with its name could be found first."""
        self._readers.expect(name)
        if path is None:
            if sys.path != self._sys_path:
                self._sys_path = list(sys.path)
                self.path = tuple(dict.fromkeys((*self.path, *map(os.path.abspath, filter(_is_text, sys.path)))))
            found = {("", name)}
        else:
            folders = list(map(os.path.abspath, filter(_is_text, path)))
            for folder in folders:
                if not self._is_own_folder(folder) and not is_foreign(folder):
                    self._add_project_of(os.path.join(folder, "__init__.py"))  # which a namespace package has not
            found = {(folder, name.rpartition(".")[2]) for folder in filter(self._is_own_folder, folders)}
            if not found:
                return
        for module in (self.record.current, *self.record.modules(_getframe(2))):
            self.looked_for[module] |= found

    def missing_names(self) -> set[str]:
        """Return the top-level modules that libraries looked for before this process began, and did not find."""
        return {name for folder, name in self.looked_for[""] if not folder and name not in sys.modules}

    def _module_dependencies(self, modules: Iterable[str]) -> list[Dependency]:
        """Return a dependency for each project folder that was searched: in which files it has the imported names."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        found[""].update(name.partition(".")[0] for module in modules for name in self.imported[module])
        for module in modules:
            for folder, name in self.looked_for[module]:
                found[folder].add(name)
        top = found.pop("") - {"bmvis", *sys.builtin_module_names}
        for folder in filter(self._is_own_folder, self.path):
            found[folder] |= top
        dependencies = [
            Dependency("modules", folder, of=self._joined(names, folder in self.path))
            for folder, names in sorted(found.items())
        ]
        # The process of the build knows which folders its own path adds.
        return [*map(with_value, dependencies), Dependency("search", "", of=self._joined(top, is_top=True))]

    def _joined(self, names: Iterable[str], is_top: bool) -> str:
        """Join names; those have a slash for which a folder without `__init__.py` counts, if there is no module."""

        def is_module(name: str) -> bool:
            file = _attribute(sys.modules.get(name), "__file__")
            return is_top and bool(file) and name not in self._extended

        return " ".join(name if is_module(name) else f"{name}/" for name in sorted(filter(str.isidentifier, names)))

    def _is_own_folder(self, folder: str) -> bool:
        return os.path.join(folder, "").startswith(self.record.paths.roots)

    def _is_project_module(self, file: str) -> bool:
        """Return whether a module that is imported now belongs to a project, whose other files count from now on."""
        is_project = self.record.is_project(file)
        if is_project:
            self._add_project_of(file)
        return is_project

    def _add_project_of(self, file: str) -> None:
        with once(self.record.busy):
            self.record.paths.add_project_of(file)

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
            if self._readers.expected:
                self._readers.watch()
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

    def _note_native(self, path: object) -> None:
        self.record.note_content(path, _getframe(2))

    def _watched_import_module(self, original: Callable[..., ModuleType]) -> Callable[..., ModuleType]:
        def import_module(name: str, package: str | None = None) -> ModuleType:
            module = original(name, package)
            if self._readers.expected:
                self._readers.watch()
            self.imported[self._importer(_getframe(1))].add(importlib.util.resolve_name(name, package))
            return module

        return import_module

    def _watched_extend_path(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def extend_path(path: Any, name: str) -> Any:
            self._extended.add(name)
            return original(path, name)

        return extend_path

    def _importer(self, frame: FrameType | None) -> str:
        """Return the name of the module of the innermost frame of project code."""
        return next(self.record.modules(frame), self.record.current)


class _FirstFinder:
    """The first entry of `sys.meta_path`; Python calls it for each module that is not loaded yet."""

    def __init__(self, tracker: ImportTracker) -> None:
        self._tracker = tracker

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        """Record the name, and find nothing."""
        self._tracker.note_lookup(name, path)

    def invalidate_caches(self) -> None:
        """Do nothing: there are no caches."""


def _attribute(module: object, name: str) -> Any:
    try:
        return getattr(module, name, None)
    except Exception:  # user code can put any object into `sys.modules`
        return None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
