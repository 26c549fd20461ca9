"""Notice which project files and folders user code opens, lists, checks, or writes.

Runs in the child process. Python's audit events report opened files and listed folders
(https://docs.python.org/3/library/audit_events.html). No event reports `os.stat`, which `exists`, `is_file` and
`realpath` use, so `os.stat` and related functions are wrapped (`os_functions.py`).

Files that native code opens are seen if `native_files.py` wraps the reader, if they are mapped into memory, or if
`os.stat` checks them first. Of other processes, the files that their commands name are recorded (`command_files.py`),
and what a fork of this process accesses.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote

from bmvis.child import INITIAL_ENVIRONMENT
from bmvis.child.tracebacks import is_foreign
from bmvis.child.tracking import bytecode, command_files, listed_files, os_functions, source_opens
from bmvis.child.tracking.environment_reads import VariableReads
from bmvis.child.tracking.file_record import AccessKey, FileRecord
from bmvis.child.tracking.nondeterminism import NondeterministicReads
from bmvis.child.tracking.project_paths import open_folder, source_path
from bmvis.child.tracking.reentry import once
from bmvis.source.environment import variable_digest
from bmvis.worker.protocol import DependencyKind

_getframe = sys._getframe
_DATABASE_LOGS = ("-wal", "-journal")
"""Ends of the names of files with changes that are not in the database yet. SQLite reads them, and also those that only
read a database create and remove them. https://www.sqlite.org/tempfiles.html"""
_METADATA = ("importlib.metadata", "importlib_metadata")
"""The modules that look for installed distributions in each folder of `sys.path`; other names do not matter to them."""
_LEAVING = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname")
"""Audit events of the network."""
_FORKS = ("os.fork", "os.forkpty")
"""Audit events before a fork, which can run a command in its place."""
_WRITING = os.O_WRONLY | os.O_RDWR
_GIT: DependencyKind = "git"


class FileTracker:
    """Reports what user code accesses to a record."""

    def __init__(self) -> None:
        self.record = FileRecord()
        self.nondeterminism = NondeterministicReads(self.record.is_project)
        self._variables = VariableReads(self.record.is_project, self._note_variable)
        self._is_installed = False
        self._handlers = self._event_handlers()

    def install(self) -> None:
        """Start to record, until the process and its forks end. A second call does nothing."""
        if self._is_installed:
            return
        self._is_installed = True
        sys.addaudithook(self._on_event)
        os_functions.watch_paths(self.record, self._on_open)
        listed_files.watch_entries(self._note_listed)
        self._variables.install()
        self.nondeterminism.install()

    def begin(self, module: str, folders: Iterable[str]) -> None:
        """Start with a model in this process: the module of its reference, and the folders of the project."""
        self.record.begin(module, folders)
        self.nondeterminism.begin()
        self.resume()

    def resume(self) -> None:
        """Record accesses of this thread."""
        self.record.busy.entered = False

    def pause(self) -> None:
        """Record no accesses of this thread, in which bmvis runs and no other code."""
        self.record.busy.entered = True

    def stop(self) -> None:
        """Record no more, so that the handlers cannot fail after user code has replaced functions that they call."""
        self._handlers.clear()

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
            "os.link": self._on_linking,
            **dict.fromkeys(_LEAVING, self._on_leave),
            **dict.fromkeys(_FORKS, self._on_fork),
        }

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        handler = self._handlers.get(event)
        if handler is not None:
            with once(self.record.busy) as is_first:
                if is_first:
                    handler(_getframe(1), *arguments)

    def _on_open(self, frame: FrameType, file: Any, mode: Any, flags: Any) -> None:
        path = self.record.paths.absolute(file)
        if not path:
            return
        if path.endswith(".pyc"):
            path = source_path(path)
        if not self.record.paths.is_in_scope(path):
            return
        is_written = any(sign in mode for sign in "wax+") if isinstance(mode, str) else bool(flags & _WRITING)
        if is_written:
            self.record.written.add(path)
        is_source = path.endswith(".py") and source_opens.is_import(frame, bytecode.__file__)
        self.record.note("source" if is_source else "file", path, frame)

    def _on_listing(self, frame: FrameType, folder: Any = ".") -> None:
        name = "." if folder is None else folder
        path = open_folder(name) if isinstance(name, int) else self.record.paths.absolute(name)
        if not path or frame.f_code.co_filename.startswith("<frozen importlib"):
            return  # the import system lists folders; the import tracker records the modules that it looks for
        if frame.f_globals.get("__name__") in _METADATA:
            if not is_foreign(path):  # a reply has the distributions in `site-packages` anyway
                self.record.note("installed", path, frame)
        elif self.record.paths.is_in_scope(os.path.join(path, "_")):
            self.record.note("names", path, frame)
        else:
            self.record.paths.outside.add(("names", path))

    def _on_import(self, frame: FrameType, module: Any, file: Any, *_: Any) -> None:
        """Record a compiled extension; the event has a file only for those."""
        if file and self.record.paths.is_in_scope(path := self.record.paths.absolute(file)):
            self.record.note("file", path, frame)
            self._watch_opened(path)

    def _on_database(self, frame: FrameType, file: Any, *_: Any) -> None:
        path, query = self.record.paths.absolute(file), ""
        if isinstance(file, str) and file.startswith("file:"):  # https://www.sqlite.org/uri.html
            name, query = file.removeprefix("file:").partition("?")[::2]
            path = self.record.paths.absolute(unquote(name))
        if path and self.record.paths.is_in_scope(path):
            logs = [f"{path}{end}" for end in _DATABASE_LOGS]
            self.record.written.update(logs if "mode=ro" in query else (path, *logs))
            for part in (path, *logs):
                self.record.note("file", part, frame)
        self.record.opened.start(self.record.paths.roots)  # for `ATTACH`

    def _on_native(self, frame: FrameType, file: Any) -> None:
        if file:
            self.record.note_content(file, frame)
            self._watch_opened(self.record.paths.absolute(file))

    def _watch_opened(self, library: str) -> None:
        """Ask the kernel for opened files if a compiled library belongs to the project, which can open any of them."""
        if library and self.record.paths.is_in_scope(library):
            self.record.opened.start(self.record.paths.roots)

    def _on_leave(self, _frame: FrameType, *_: Any) -> None:
        self.record.has_left_process = True

    def _on_fork(self, _frame: FrameType) -> None:
        self.record.has_left_process = True
        if self.record.has_begun:
            self.record.opened.start(self.record.paths.roots)

    def _on_process(
        self, frame: FrameType, command: Any, arguments: Any = (), folder: Any = None, environment: Any = None
    ) -> None:
        self.record.has_left_process = True
        self.record.opened.collect()
        self._note_command(frame, command, arguments, folder, environment)
        self.record.opened.start(self.record.paths.roots)
        self.record.opened.forget()

    def _note_command(self, frame: FrameType, command: Any, arguments: Any, folder: Any, environment: Any) -> None:
        """Record what a command names, before it runs."""
        folder = folder if isinstance(folder, str | bytes | os.PathLike) else None
        path = [*_search_path(environment), *filter(self.record.paths.is_in_scope, filter(None, sys.path))]
        for part in ([command], arguments):
            files = list(command_files.named_files(part, folder, path))
            repositories = command_files.named_repositories(part, folder, files)
            keys: list[AccessKey] = [("names" if Path(file).is_dir() else "file", file) for file in files]
            for key in (*keys, *((_GIT, top) for top in sorted(repositories))):
                if self.record.paths.is_in_scope(os.path.join(key[1], "_") if key[0] == _GIT else key[1]):
                    self.record.note(*key, frame)
                    self.record.foreign.add(key)
            for name in command_files.named_variables(part, files):
                if self._variables.is_own(name):
                    self._record_variable(name, frame)

    def _on_shell(self, frame: FrameType, command: Any) -> None:
        self._on_process(frame, None, command)

    def _on_folder(self, frame: FrameType, path: Any, _mode: Any, folder: Any = -1) -> None:
        self._on_removal(frame, path, folder)

    def _on_removal(self, frame: FrameType, path: Any, folder: Any = -1) -> None:
        self._on_writing(frame, path if folder == -1 else os.path.join(open_folder(folder), os.fsdecode(path)))

    def _on_writing(self, frame: FrameType, file: Any, *_: Any) -> None:
        path = self.record.paths.absolute(file)
        if path and self.record.paths.is_in_scope(path):
            self.record.written.add(path)

    def _on_moving(self, frame: FrameType, source: Any, target: Any, *_: Any) -> None:
        for file in (source, target):
            self._on_writing(frame, file)

    def _on_linking(self, frame: FrameType, source: Any, target: Any, *_: Any) -> None:
        """Note a file that gets another name. Code can read it by that name, which can be outside of the project."""
        self._on_open(frame, source, "r", 0)
        self._on_writing(frame, target)

    def _note_variable(self, name: str, frame: FrameType) -> None:
        with once(self.record.busy) as is_first:
            if is_first:
                self._record_variable(name, frame)

    def _record_variable(self, name: str, frame: FrameType) -> None:
        if self.record.has_begun:
            key: AccessKey = ("variable", name)
            self.record.values[key] = variable_digest(name, INITIAL_ENVIRONMENT)
            self.record.note(*key, frame)

    def _note_listed(self, path: object, *, follows: bool = True) -> None:
        with once(self.record.busy) as is_first:
            if is_first:
                self.record.note_state(path, _getframe(1), follows=follows, is_state=follows)


def _search_path(environment: Any) -> list[str]:
    """Return the folders of `PYTHONPATH` in the environment of a process; None is that of this process."""
    variables = os.environ if environment is None else environment
    try:
        text = variables["PYTHONPATH"]
    except (KeyError, TypeError):
        return []
    return [os.path.abspath(entry) for entry in text.split(os.pathsep) if entry] if isinstance(text, str) else []
