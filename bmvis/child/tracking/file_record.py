"""The paths that user code accessed, by the modules whose code accessed them, and their values before it did.

Runs in the child process. `bmvis.child.tracking.file_tracker` reports the accesses.
"""

from __future__ import annotations

import dis
import os
import stat
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from bmvis.child.tracebacks import is_project_file
from bmvis.child.tracking import native_files, source_opens
from bmvis.child.tracking.fork_log import ForkLog
from bmvis.child.tracking.opened_files import OpenedFiles
from bmvis.child.tracking.project_paths import ProjectPaths, open_folder, source_path
from bmvis.child.tracking.reentry import once
from bmvis.source.dependencies import MAX_STAT_BYTES, is_large, value_of
from bmvis.worker.protocol import Dependency, DependencyKind

AccessKey = tuple[DependencyKind, str]

_TIMES = frozenset(("getmtime", "getctime", "st_mtime", "st_mtime_ns", "st_ctime", "st_ctime_ns", "ST_MTIME"))
"""Names with which code reads the times of files, to choose the newest one."""
_MODES = frozenset(("st_mode", "S_IXUSR", "S_IXGRP", "S_IXOTH", "S_IMODE", "ST_MODE"))
"""Names with which code reads the permissions of files."""
_FIELDS = ("st_", "ST_")
"""Starts of the names of the fields of a state."""
_STATE_FUNCTIONS = frozenset(("stat", "lstat", "fstat"))
"""Functions that return a whole state, also those of `pathlib` and of listed entries."""


class FileRecord:
    """The accesses of this process. Accesses of its forks are added to the dependencies."""

    def __init__(self) -> None:
        self.paths = ProjectPaths()
        self.current = ""
        """The module of the reference that is being built."""
        self.seen: defaultdict[str, set[AccessKey]] = defaultdict(set)
        self.values: dict[AccessKey, str] = {}
        """Values of dependencies at first sight, which is before user code reads them."""
        self.written: set[str] = set()
        self.foreign: set[AccessKey] = set()
        """Files that commands of other processes name, or native code opens; these can also have written them."""
        self.has_left_process = False
        """Whether user code has used the network, or has started another process."""
        self.busy = threading.local()
        """The threads in which no accesses are recorded (`reentry.once`)."""
        self.opened = OpenedFiles()
        """The files that commands and native code open."""
        self._forks = ForkLog()
        self._is_project: dict[str, bool] = {}

    def begin(self, module: str, folders: Iterable[str]) -> None:
        """Start with a model in this process: the module of its reference, and the folders of the project."""
        self.current = module
        self.paths.set_roots(folders)
        self._forks.begin()
        self.has_left_process = False  # libraries that are preloaded have left it

    @property
    def has_begun(self) -> bool:
        """Return whether the code of a model runs, rather than that of preloaded libraries."""
        return self._forks.has_begun

    def is_project(self, file: str) -> bool:
        """Return whether a source file belongs to the project, in any folder."""
        known = self._is_project.get(file)
        if known is None:
            with once(self.busy):
                known = self._is_project[file] = is_project_file(file)
        return known

    def note(self, kind: DependencyKind, path: str, frame: FrameType | None) -> None:
        """Record that code that runs in `frame` accesses a path of the project."""
        if self._forks.is_fork():
            key: AccessKey = ("file" if kind == "source" else kind, path)
            if key not in self.seen[self.current]:
                self._forks.write(*key, is_written=path in self.written)
                self.seen[self.current].add(key)
            return
        key = (kind, path)
        if key not in self.values:
            self.values[key] = value_of(Dependency(kind, path))
        self.seen[self.current].add(key)
        for module in self.modules(frame):
            self.seen[module].add(key)

    def note_content(self, file: Any, frame: FrameType | None) -> None:
        """Record that native code reads a file: its content, or only its size if it is large."""
        path = self.paths.absolute(file)
        if path and self.paths.is_in_scope(path):
            self.note("exists" if is_large(path) else "file", path, frame)
            self.foreign.add(("file", path))

    def note_state(
        self,
        file: Any,
        frame: FrameType,
        *,
        follows: bool = True,
        is_read: bool = True,
        is_run: bool = False,
        is_state: bool = False,
    ) -> None:
        """Record that code reads the state of a path.

        Args:
            file: the path.
            frame: the frame of the code.
            follows: whether it follows links.
            is_read: whether it reads more than the kind of the path, which is all that `os.path.realpath` reads.
            is_run: whether it asks if the file can be executed.
            is_state: whether it gets all fields of the state.
        """
        path = self.paths.absolute(file)
        if not path or not self.paths.is_in_scope(path):
            return
        is_whole = is_state and self._takes_state(frame)
        if is_whole or (is_read and self._mentions(_TIMES, frame)):
            self.note("time", path, frame)
        if is_run or is_whole or (is_read and self._mentions(_MODES, frame)):
            self.note("mode", path, frame)
        self._note_kind(path, frame, follows=follows, is_read=is_read)

    def _note_kind(self, path: str, frame: FrameType, *, follows: bool, is_read: bool) -> None:
        """Record whether a path is a link, and its content if that can be read from its state, such as the size."""
        try:
            found = os.lstat(path)
        except (OSError, ValueError):
            self.note("exists", path, frame)
            return
        is_link = stat.S_ISLNK(found.st_mode)
        if is_link or not follows:
            self.note("link", path, frame)  # a file can also be replaced by a link to an equal one
        if is_link:
            self.paths.add_target(path)
        if is_link and not follows:
            return
        if is_link:
            try:
                found = Path(path).stat()
            except OSError:
                self.note("exists", path, frame)
                return
        is_read = is_read and not source_opens.is_resolving(frame)
        is_small = stat.S_ISREG(found.st_mode) and found.st_size <= MAX_STAT_BYTES
        self.note("file" if is_small and is_read else "exists", path, frame)

    def note_open_file(self, descriptor: int, frame: FrameType) -> None:
        """Record that code reads the state of an open file, apart from its content, which is recorded already."""
        path = open_folder(descriptor)
        if not path or not self.paths.is_in_scope(path):
            return
        is_whole = self._takes_state(frame)
        if is_whole or self._mentions(_TIMES, frame):
            self.note("time", path, frame)
        if is_whole:
            self.note("mode", path, frame)

    def _mentions(self, names: frozenset[str], frame: FrameType | None) -> bool:
        """Return whether code of the project that runs in a frame or above it mentions one of some names.

        A function such as `os.path.getmtime`, which the project can call by another name, mentions its own.
        """
        while frame is not None:
            code = frame.f_code
            if code.co_name in names or (
                self.is_project(code.co_filename) and not names.isdisjoint((*code.co_names, *_texts(code)))
            ):
                return True
            frame = frame.f_back
        return False

    def _takes_state(self, frame: FrameType | None) -> bool:
        """Return whether code of the project gets a state and names none of its fields: `os.stat(path)[8]`."""
        while frame is not None and frame.f_code.co_name in _STATE_FUNCTIONS:
            if self.is_project(frame.f_code.co_filename):
                break
            frame = frame.f_back
        if frame is None or not self.is_project(frame.f_code.co_filename):
            return False
        names = (*frame.f_code.co_names, *_texts(frame.f_code))
        return not any(name.startswith(_FIELDS) for name in names) and not _is_dropped(frame.f_code, frame.f_lasti)

    def modules(self, frame: FrameType | None) -> Iterator[str]:
        """Yield the names of the project's modules whose code runs in a frame or above it, innermost first."""
        while frame is not None and self._forks.has_begun:
            if self.is_project(frame.f_code.co_filename):
                yield str(frame.f_globals.get("__name__", ""))
            frame = frame.f_back

    def dependencies(self, keys: Iterable[AccessKey]) -> Iterator[Dependency]:
        """Yield the recorded accesses as dependencies, without files that user code created and removed again."""
        for kind, logged, is_written in self._forks.read():
            path = source_path(logged) if logged.endswith(".pyc") else logged
            if not self.paths.is_in_scope(os.path.join(path, "_") if kind == "names" else path):
                continue
            self.values.setdefault((kind, path), value_of(Dependency(kind, path)))
            self.seen[self.current].add((kind, path))
            self.written.update([path] if is_written else [])
        self._note_opened()
        chosen = {*keys, *self.seen[self.current], *self.seen[""]}
        chosen = {("file", path) if self._is_read(kind, path) else (kind, path) for kind, path in chosen}
        for kind, path in sorted(chosen):
            if kind == "exists" and not chosen.isdisjoint((("file", path), ("source", path))):
                continue
            if not self._is_left(kind, path):
                yield Dependency(kind, path, self.values[kind, path])
            elif value := value_of(Dependency(kind, path)):
                yield Dependency(kind, path, value, is_written=True)

    def _note_opened(self) -> None:
        """Record the files that commands and native code have opened, apart from those that Python code opened too."""
        mapped = native_files.mapped_files()
        self.written.update(path for path, is_writable in mapped.items() if is_writable)  # such as the lock of LMDB
        for path in (*mapped, *self.opened.files()):
            if self.paths.is_in_scope(path) and ("source", path) not in self.values:
                self.note_content(path, None)
        for folder in self.opened.data_folders():
            if self.paths.is_in_scope(os.path.join(folder, "_")) and f"{folder}{os.sep}" not in self.paths.roots:
                self.note("names", folder, None)

    def _is_read(self, kind: DependencyKind, path: str) -> bool:
        """Return whether any code has read a source, or its state, that was also imported."""
        return kind == "source" and ("file", path) in self.values

    def _is_left(self, kind: DependencyKind, path: str) -> bool:
        is_foreign = not self.foreign.isdisjoint(((kind, path), ("file", path)))
        if is_foreign and value_of(Dependency(kind, path)) != self.values[kind, path]:
            return True  # another process has written it
        return path in self.written or (kind == "names" and any(os.path.dirname(file) == path for file in self.written))


def _texts(code: CodeType) -> Iterator[str]:
    """Yield the texts among the constants of code, as in `getattr(state, "st_mtime")`."""
    return (constant for constant in code.co_consts if type(constant) is str)


@lru_cache(maxsize=1000)
def _is_dropped(code: CodeType, position: int) -> bool:
    """Return whether code does not use the result of the call at a position."""
    following = next((one for one in dis.get_instructions(code) if one.offset > position), None)
    return following is not None and following.opname == "POP_TOP"
