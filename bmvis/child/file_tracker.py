"""Record the project files and folders that user code opens, lists, checks, or writes.

Runs in the child process. Python's audit events report opened files and listed folders
(https://docs.python.org/3/library/audit_events.html). No event reports `os.stat`, which `exists`, `is_file` and
`realpath` use, so `os.stat` and related functions are wrapped.

Files that native code opens are seen if `bmvis.child.native_files` wraps the reader, if they are mapped into memory, or
if `os.stat` checks them first. Of other processes, the files that their commands name are recorded
(`bmvis.child.command_files`), and what a fork of this process accesses.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import pathlib
import stat
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote

from bmvis.child import INITIAL_ENVIRONMENT, command_files, listed_files, native_files, source_opens
from bmvis.child.fork_log import ForkLog
from bmvis.child.project_paths import ProjectPaths, below, folder_of, source_of
from bmvis.child.reentry import once
from bmvis.child.tracebacks import is_project_file
from bmvis.child.variables import VariableReads
from bmvis.source import fingerprint
from bmvis.source.facts import MAX_STAT_BYTES, is_large, value_of
from bmvis.worker.protocol import Fact, Kind

Key = tuple[Kind, str]
_getframe = sys._getframe
_METADATA = importlib.metadata.__file__
"""The module that looks for installed distributions in each folder of `sys.path`; other names do not matter to it."""
_ACCESSOR: Any = getattr(pathlib, "_NormalAccessor", FileNotFoundError)
"""The class of Python 3.10 that has references to functions of `os`; a class without them in later versions."""
_LEAVING = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "os.fork")
"""Audit events of the network and of other processes, besides those of commands."""
_IMPORT_TRACKER = os.path.join(os.path.dirname(__file__), "import_tracker.py")
_WRITING = os.O_WRONLY | os.O_RDWR


class FileTracker:
    """The paths that user code accessed in this process, by the modules whose code accessed them."""

    def __init__(self) -> None:
        self.paths = ProjectPaths()
        self.current = ""
        """The module of the reference that is being built."""
        self.seen: defaultdict[str, set[Key]] = defaultdict(set)
        self.values: dict[Key, str] = {}
        """Values of facts at first sight, which is before user code reads them."""
        self.written: set[str] = set()
        self.has_left_process = False
        """Whether user code has used the network, or has started another process."""
        self._foreign: set[Key] = set()
        """Files that commands of other processes name, or native code opens; these can also have written them."""
        self._forks = ForkLog()
        self._variables = VariableReads(self.is_project, self._note_variable)
        self._is_installed = False
        self._is_project: dict[str, bool] = {}
        self.busy = threading.local()
        """The threads in which no accesses are recorded (`reentry.once`)."""
        self._handlers = self._event_handlers()

    def install(self) -> None:
        """Start to record, until the process and its forks end. A second call does nothing."""
        if self._is_installed:
            return
        self._is_installed = True
        sys.addaudithook(self._on_event)
        for name in ("stat", "lstat", "access", "readlink", "open"):
            self._wrap(name)
        listed_files.watch(self._note_listed)
        self._variables.install()

    def begin(self, module: str, folders: Iterable[str]) -> None:
        """Start with a model in this process: the module of its reference, and the folders of the project."""
        self.current = module
        self.paths.set_roots(folders)
        self._forks.begin()
        self.has_left_process = False  # libraries that are preloaded have left it
        self.resume()

    def resume(self) -> None:
        """Record accesses of this thread."""
        self.busy.entered = False

    def pause(self) -> None:
        """Record no accesses of this thread, in which bmvis runs and no other code."""
        self.busy.entered = True

    def stop(self) -> None:
        """Record no more, so that the handlers cannot fail after user code has replaced functions that they call."""
        self._handlers.clear()

    def is_project(self, file: str) -> bool:
        """Return whether a source file belongs to the project, in any folder."""
        known = self._is_project.get(file)
        if known is None:
            with once(self.busy):
                known = self._is_project[file] = is_project_file(file)
        return known

    def note(self, kind: Kind, path: str, frame: FrameType | None) -> None:
        """Record that code that runs in `frame` accesses a path of the project."""
        if self._forks.is_fork():
            key: Key = ("file" if kind == "source" else kind, path)
            if key not in self.seen[self.current]:
                self._forks.write(*key, is_written=path in self.written)
                self.seen[self.current].add(key)
            return
        key = (kind, path)
        if key not in self.values:
            self.values[key] = value_of(Fact(kind, path))
        self.seen[self.current].add(key)
        for module in self.modules(frame):
            self.seen[module].add(key)

    def modules(self, frame: FrameType | None) -> Iterator[str]:
        """Yield the names of the project's modules whose code runs in a frame or above it, innermost first."""
        while frame is not None and self._forks.has_begun:
            if self.is_project(frame.f_code.co_filename):
                yield str(frame.f_globals.get("__name__", ""))
            frame = frame.f_back

    def facts(self, keys: Iterable[Key]) -> Iterator[Fact]:
        """Yield the recorded accesses as facts, without files that user code created and removed again."""
        for kind, logged, is_written in self._forks.read():
            path = source_of(logged) if logged.endswith(".pyc") else logged
            if not self.paths.is_in_scope(os.path.join(path, "_") if kind == "names" else path):
                continue
            self.values.setdefault((kind, path), value_of(Fact(kind, path)))
            self.seen[self.current].add((kind, path))
            self.written.update([path] if is_written else [])
        for path in native_files.mapped_files():
            if self.paths.is_in_scope(path):
                self.note_content(path, None)
        chosen = {*keys, *self.seen[self.current], *self.seen[""]}
        chosen = {("file", path) if self._is_read(kind, path) else (kind, path) for kind, path in chosen}
        for kind, path in sorted(chosen):
            if kind == "exists" and not chosen.isdisjoint((("file", path), ("source", path))):
                continue
            if not self._is_left(kind, path):
                yield Fact(kind, path, self.values[kind, path])
            elif value := value_of(Fact(kind, path)):
                yield Fact(kind, path, value, left=True)

    def _is_read(self, kind: Kind, path: str) -> bool:
        """Return whether any code has read a source, or its state, that was also imported."""
        return kind == "source" and ("file", path) in self.values

    def _is_left(self, kind: Kind, path: str) -> bool:
        if (kind, path) in self._foreign and value_of(Fact(kind, path)) != self.values[kind, path]:
            return True  # another process has written it
        return path in self.written or (kind == "names" and any(os.path.dirname(file) == path for file in self.written))

    def note_content(self, file: Any, frame: FrameType | None) -> None:
        """Record that native code reads a file: its content, or only its size if it is large."""
        path = self.paths.absolute(file)
        if path and self.paths.is_in_scope(path):
            self.note("exists" if is_large(path) else "file", path, frame)
            self._foreign.add(("file", path))

    def _event_handlers(self) -> dict[str, Callable[..., None]]:
        """Return a method for each audit event."""
        return {
            "open": self._on_open,
            "os.listdir": self._on_listing,
            "os.scandir": self._on_listing,
            "import": self._on_import,
            "sqlite3.connect": self._on_database,
            "ctypes.dlopen": self._on_native,
            "subprocess.Popen": self._on_process,
            "os.system": self._on_shell,
            "os.exec": self._on_process,
            "os.posix_spawn": self._on_process,
            "os.mkdir": self._on_folder,
            "os.rmdir": self._on_removal,
            "os.remove": self._on_removal,
            "os.truncate": self._on_writing,
            "os.rename": self._on_moving,
            "os.symlink": self._on_moving,
            "os.link": self._on_moving,
            **dict.fromkeys(_LEAVING, self._on_leave),
        }

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        handler = self._handlers.get(event)
        if handler is not None:
            with once(self.busy) as is_first:
                if is_first:
                    handler(_getframe(1), *arguments)

    def _on_open(self, frame: FrameType, file: Any, mode: Any, flags: Any) -> None:
        path = self.paths.absolute(file)
        if not path:
            return
        if path.endswith(".pyc"):
            path = source_of(path)
        if not self.paths.is_in_scope(path):
            return
        is_written = any(sign in mode for sign in "wax+") if isinstance(mode, str) else bool(flags & _WRITING)
        if is_written:
            self.written.add(path)
        is_source = path.endswith(".py") and source_opens.is_import(frame, _IMPORT_TRACKER)
        self.note("source" if is_source else "file", path, frame)

    def _on_listing(self, frame: FrameType, folder: Any = ".") -> None:
        path = folder_of(folder) if isinstance(folder, int) else self.paths.absolute("." if folder is None else folder)
        if not path or frame.f_code.co_filename.startswith("<frozen importlib"):
            return  # the import system lists folders; the import tracker records the modules that it looks for
        if self.paths.is_in_scope(os.path.join(path, "_")):
            self.note("installed" if frame.f_code.co_filename == _METADATA else "names", path, frame)
        else:
            self.paths.outside.add(("names", path))

    def _on_import(self, frame: FrameType, module: Any, file: Any, *_: Any) -> None:
        """Record a compiled extension; the event has a file only for those."""
        if file and self.paths.is_in_scope(path := self.paths.absolute(file)):
            self.note("file", path, frame)

    def _on_database(self, frame: FrameType, file: Any, *_: Any) -> None:
        path, query = self.paths.absolute(file), ""
        if isinstance(file, str) and file.startswith("file:"):  # https://www.sqlite.org/uri.html
            name, query = file.removeprefix("file:").partition("?")[::2]
            path = self.paths.absolute(unquote(name))
        if path and self.paths.is_in_scope(path):
            if "mode=ro" not in query:
                self.written.add(path)
            self.note("file", path, frame)

    def _on_native(self, frame: FrameType, file: Any) -> None:
        if file:
            self.note_content(file, frame)

    def _on_leave(self, _frame: FrameType, *_: Any) -> None:
        self.has_left_process = True

    def _on_process(self, frame: FrameType, command: Any, arguments: Any = (), folder: Any = None, *_: Any) -> None:
        self.has_left_process = True
        folder = folder if isinstance(folder, str | bytes | os.PathLike) else None
        for path in (*command_files.named_files([command], folder), *command_files.named_files(arguments, folder)):
            if self.paths.is_in_scope(path):
                key: Key = ("names" if Path(path).is_dir() else "file", path)
                self.note(*key, frame)
                self._foreign.add(key)

    def _on_shell(self, frame: FrameType, command: Any) -> None:
        self._on_process(frame, None, command)

    def _on_folder(self, frame: FrameType, path: Any, _mode: Any, folder: Any = -1) -> None:
        self._on_removal(frame, path, folder)

    def _on_removal(self, frame: FrameType, path: Any, folder: Any = -1) -> None:
        self._on_writing(frame, path if folder == -1 else os.path.join(folder_of(folder), os.fsdecode(path)))

    def _on_writing(self, frame: FrameType, file: Any, *_: Any) -> None:
        path = self.paths.absolute(file)
        if path and self.paths.is_in_scope(path):
            self.written.add(path)

    def _on_moving(self, frame: FrameType, source: Any, target: Any, *_: Any) -> None:
        for file in (source, target):
            self._on_writing(frame, file)

    def _wrap(self, name: str) -> None:
        """Replace a function of `os` that accesses a path without an audit event."""
        original = getattr(os, name)

        @functools.wraps(original)
        def watched(path: Any, *arguments: Any, **keywords: Any) -> Any:
            folder = keywords.get("dir_fd")
            if name == "open" and folder is None:
                return original(path, *arguments, **keywords)  # there is an audit event
            with once(self.busy) as is_first:
                if is_first:
                    place = path if folder is None else below(folder, path)
                    if name == "open":
                        self._on_open(_getframe(1), place, None, arguments[0] if arguments else 0)
                        return original(path, *arguments, **keywords)  # the event has not the folder
                    follows = name not in ("lstat", "readlink") and keywords.get("follow_symlinks", True)
                    self._on_stat(_getframe(1), place, follows=follows, is_read=name != "lstat")
            return original(path, *arguments, **keywords)

        for known in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
            if original in known:
                known.add(watched)
        setattr(os, name, watched)
        if name in vars(_ACCESSOR):
            setattr(_ACCESSOR, name, staticmethod(watched))

    def _on_stat(self, frame: FrameType, file: Any, *, follows: bool = True, is_read: bool = True) -> None:
        """Record that code reads the state of a path; without `is_read`, only its kind, as `os.path.realpath` does."""
        path = self.paths.absolute(file)
        if not path or not self.paths.is_in_scope(path):
            return
        try:
            found = os.lstat(path)
        except (OSError, ValueError):
            self.note("exists", path, frame)
            return
        is_link = stat.S_ISLNK(found.st_mode)
        if is_link or not follows:
            self.note("link", path, frame)  # a file can also be replaced by a link to an equal one
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

    def _note_variable(self, name: str, frame: FrameType) -> None:
        with once(self.busy) as is_first:
            if is_first and self._forks.has_begun:
                key: Key = ("variable", name)
                self.values[key] = fingerprint.of_variable(name, INITIAL_ENVIRONMENT)
                self.note(*key, frame)

    def _note_listed(self, path: object) -> None:
        with once(self.busy) as is_first:
            if is_first:
                self._on_stat(_getframe(1), path)
