"""Find the installed libraries that the code of a model imports, and decide whether a template may preload them.

Runs in the model process: Python calls a finder in `sys.meta_path` for each library that is not loaded yet. If
preloading could be observed by the model, the process imports the library itself.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from itertools import islice, pairwise
from pathlib import Path
from types import FrameType, ModuleType
from typing import NamedTuple

from bmvis.child import tracebacks
from bmvis.child.building import loader
from bmvis.child.processes.preload_requests import PreloadRequest
from bmvis.child.processes.user_process import OWN_MODULES
from bmvis.child.tracebacks import is_library
from bmvis.child.tracking.native_files import READERS, original
from bmvis.extraction.call import uncompiled
from bmvis.extraction.call.uncompiled import CompilerFinder

MANY = 25
"""Minimum number of modules of an import that is preloaded: preloading costs two forks and a scan of all modules."""
MAX_SECONDS = 0.5
"""CPU time in seconds after which a model process is no longer ended for preloading."""


@dataclass
class Loaded:
    """The imports of a template; each fork of it inherits this."""

    packages: tuple[str, ...] = ()
    """The top-level libraries that it has preloaded, in the order of their imports; empty for the first template."""
    base: frozenset[str] = frozenset()
    """The top-level names in the first template: of Python, torch and bmvis."""
    seen: set[str] = field(default_factory=set)
    """Modules that model processes had to import themselves."""
    is_unused: bool = True
    """Whether no model was built with these libraries yet: its submodules are then preloaded at the first import."""
    names: frozenset[str] = frozenset()
    """The top-level names that are imported."""
    namespaces: Mapping[str, _Namespace] = field(default_factory=dict)
    """The namespaces of the modules of libraries, by module name."""
    modules: Mapping[str, ModuleType] = field(default_factory=dict)
    """The imported modules. A copy in each model process would write to thousands of shared memory pages."""

    def note(self, modules: Mapping[str, ModuleType]) -> None:
        """Record the modules that are imported now."""
        self.modules = dict(modules)
        self.names = frozenset(name.partition(".")[0] for name in modules)
        self.namespaces = dict(_namespaces(modules))


class _Namespace(NamedTuple):
    """The objects of the first names of a module: libraries that load lazily append names."""

    length: int
    digest: int


def _namespaces(modules: Mapping[str, ModuleType]) -> Iterator[tuple[str, _Namespace]]:
    for name, module in list(modules.items()):
        if is_library(getattr(module, "__file__", None)) and name not in _CHANGING:
            count = len(vars(module))
            yield name, _Namespace(count, _digest(module, count))


def _digest(module: ModuleType, count: int) -> int:
    if module.__name__ in _WATCHED:
        names = islice(vars(module).items(), count)
        return hash(tuple(id(original(value)) for name, value in names if name != _WATCHED_NAME))
    return hash(tuple(map(id, islice(vars(module).values(), count))))


def _is_same(name: str, before: _Namespace) -> bool:
    """Return whether no name of a module was rebound, and only the library itself has added names."""
    module = sys.modules[name]
    package = name.partition(".")[0]
    added = islice(vars(module).items(), before.length, None)
    return _digest(module, before.length) == before.digest and all(
        name == _WARNED
        or str(getattr(value, "__name__" if isinstance(value, ModuleType) else "__module__", "")).startswith(package)
        for name, value in added
    )


_WATCHED, _WATCHED_NAME = frozenset({"torch.utils.dlpack", *READERS}), "to_dlpack"
"""Modules with functions that bmvis itself replaces: readers of files, and, while it calls a factory, `to_dlpack`
(`bmvis.extraction.meta_device.meta_failures`)."""
_WARNED = "__warningregistry__"
"""The name that Python adds to a module that warns."""
_CHANGING = frozenset({"torch.utils._device", "torch.utils._python_dispatch", "torch.backends.mha"})
"""Modules with a global that bmvis itself sets while it calls factories (`with torch.device(...)`) and models."""


class LibraryFinder:
    """Intercepts the first import of each installed library in a model process.

    Args:
        loaded: the imports of the template.
        send: ends the process and sends a note to the template.
        not_preloaded: modules that the template does not preload. After the first one, nothing is preloaded: the model
            would see its libraries in another order.
    """

    def __init__(
        self, loaded: Loaded, send: Callable[[PreloadRequest], None], not_preloaded: Collection[str] = frozenset()
    ) -> None:
        self._loaded = loaded
        self._send = send
        self._not_preloaded = not_preloaded
        self._is_stopped = False
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._directory = os.getcwd()
        self._meta_path = list(sys.meta_path)
        self._roots: list[tuple[str, int]] = []
        """Submodules that libraries import lazily, with the number of modules that were loaded before."""

    def install(self) -> None:
        """Start to intercept, before the finder that searches `sys.path`."""
        sys.meta_path.insert(sys.meta_path.index(PathFinder), self)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find a module as Python does. If it is to be preloaded, this ends the process and does not return."""
        spec = PathFinder.find_spec(name, path, target)
        if self._is_stopped or spec is None or not is_library(spec.origin) or time.process_time() >= MAX_SECONDS:
            return spec
        request = self._request_for(name, sys._getframe(1))
        if request is not None and request.module in self._not_preloaded:
            self._is_stopped = True
            self._roots.clear()  # the sizes of imports are not known from here on
        elif request is not None and self._is_clean():
            self._send(request)
        return spec

    def _request_for(self, name: str, frame: FrameType) -> PreloadRequest | None:
        package = name.partition(".")[0]
        seen = self._loaded.seen
        if _is_in_library_body(frame):
            return PreloadRequest(name, True, self._folders()) if name in seen else None
        if package not in self._loaded.names:
            return PreloadRequest(
                package, False, self._folders(), () if _is_in_factory(frame) else tuple(_project_files())
            )
        root = _outermost(name, frame)
        self._roots.append((root, len(sys.modules)))
        if (self._loaded.packages and self._loaded.is_unused) or root in seen:
            return PreloadRequest(root, True, self._folders())
        return None

    def worth_preloading(self) -> tuple[str, ...]:
        """Return the large imports of this process. Size is the number of modules, because times vary between runs."""
        starts = pairwise([*self._roots, ("", len(sys.modules))])
        large = {name for (name, start), (_, end) in starts if end - start >= MANY}
        sizes = Counter(
            name.partition(".")[0]
            for name in sys.modules.keys() - self._loaded.modules.keys()
            if is_library(getattr(sys.modules.get(name), "__file__", None))
        )
        packages = {name for name, count in sizes.items() if count >= MANY and name not in self._loaded.names}
        return tuple(sorted(large | packages))

    def _folders(self) -> tuple[str, ...]:
        return tuple(str(entry) for entry in sys.path if entry not in self._path)

    def _is_clean(self) -> bool:
        """Return whether a library that is imported now finds the same process state as before user code ran."""
        return (
            dict(os.environ) == self._environment
            and os.getcwd() == self._directory
            and [one for one in sys.meta_path if not isinstance(one, LibraryFinder | CompilerFinder)] == self._meta_path
            and sys.modules["torch"].get_default_dtype() is sys.modules["torch"].float32
            and all(map(_is_unchanged, self._loaded.modules.items()))
            and not any(_is_stub(sys.modules[name]) for name in sys.modules.keys() - self._loaded.modules.keys())
            and all(_is_same(name, before) for name, before in self._loaded.namespaces.items())
        )


def _is_in_factory(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is loader.call.__code__:
            return True
        frame = frame.f_back
    return False


def _project_files() -> Iterator[tuple[str, int, int]]:
    """Yield path, modification time and size of the file of each module of the project."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and not tracebacks.is_foreign(os.path.abspath(file)):
            yield from file_states((file,))


def file_states(files: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    """Yield path, modification time (ns) and size (bytes) of those files that exist."""
    for file in files:
        try:
            found = Path(file).stat()
        except OSError:
            continue
        yield file, found.st_mtime_ns, found.st_size


def _is_unchanged(entry: tuple[str, ModuleType]) -> bool:
    """Return whether user code has left an entry of `sys.modules`. bmvis itself can have removed its own modules."""
    name, module = entry
    return sys.modules.get(name) is module or name.partition(".")[0] in OWN_MODULES


def _is_stub(module: ModuleType) -> bool:
    """Return whether a module has no file: user code has put it into `sys.modules`."""
    spec = getattr(module, "__spec__", None)
    return spec is None or (spec.origin is None and spec.submodule_search_locations is None)


def _is_in_library_body(frame: FrameType | None) -> bool:
    """Return whether the import comes from the body of a library's module."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and is_library(frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


def _outermost(name: str, frame: FrameType | None) -> str:
    """Return the module that the code imports, if `name` is one of its parents."""
    while frame is not None and frame.f_code.co_filename.startswith(("<frozen importlib", uncompiled.__file__)):
        imported = frame.f_locals.get("name")
        if frame.f_code.co_name == "_find_and_load" and isinstance(imported, str):
            name = imported
        frame = frame.f_back
    return name
