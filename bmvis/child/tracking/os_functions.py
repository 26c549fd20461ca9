"""Watch the functions of `os` that access a path without an audit event, or with one that lacks the folder.

Runs in the child process, which `watch_paths` changes until it ends.
"""

from __future__ import annotations

import functools
import os
import pathlib
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from bmvis.child.tracking.file_record import FileRecord
from bmvis.child.tracking.project_paths import below
from bmvis.child.tracking.reentry import once

_getframe = sys._getframe
_ACCESSOR: Any = getattr(pathlib, "_NormalAccessor", FileNotFoundError)
"""The class of Python 3.10 that has references to functions of `os`; a class without them in later versions."""
NoteOpen = Callable[[FrameType, Any, Any, Any], None]
"""Called with the arguments of the audit event `open`, after the frame of the code."""


def watch_paths(record: FileRecord, note_open: NoteOpen) -> None:
    """Replace the functions, so that they report each path.

    Args:
        record: takes the states that are read.
        note_open: is called for files that are opened relative to a folder.
    """
    for name in ("stat", "lstat", "access", "readlink", "open"):
        _watch(name, record, note_open)
    _watch_fstat(record)


def _watch(name: str, record: FileRecord, note_open: NoteOpen) -> None:
    """Replace a function of `os` that accesses a path without an audit event."""
    original = getattr(os, name)

    @functools.wraps(original)
    def watched(path: Any, *arguments: Any, **keywords: Any) -> Any:
        folder = keywords.get("dir_fd")
        if name == "open" and folder is None:
            return original(path, *arguments, **keywords)  # there is an audit event
        with once(record.busy) as is_first:
            if is_first:
                full_path = path if folder is None else below(folder, path)
                if name == "open":
                    note_open(_getframe(1), full_path, None, arguments[0] if arguments else 0)
                    return original(path, *arguments, **keywords)  # the event has not the folder
                follows = name not in ("lstat", "readlink") and keywords.get("follow_symlinks", True)
                mode = arguments[0] if arguments else keywords.get("mode")
                is_run = name == "access" and type(mode) is int and bool(mode & os.X_OK)
                record.note_state(
                    full_path,
                    _getframe(1),
                    follows=follows,
                    is_read=name != "lstat",
                    is_run=is_run,
                    is_state=name in ("stat", "lstat"),
                )
        return original(path, *arguments, **keywords)

    for known in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
        if original in known:
            known.add(watched)
    setattr(os, name, watched)
    if name in vars(_ACCESSOR):
        setattr(_ACCESSOR, name, staticmethod(watched))


def _watch_fstat(record: FileRecord) -> None:
    original = os.fstat

    @functools.wraps(original)
    def watched(fd: int) -> os.stat_result:
        with once(record.busy) as is_first:
            if is_first:
                record.note_open_file(fd, _getframe(1))
        return original(fd)

    os.fstat = watched
