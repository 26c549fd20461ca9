"""Watch what a served site depends on.

A server builds again after any change of a file, or in a folder, that it watches. But models depend on more than the
content of files: on files that they looked for, or on the names in a folder. Where these are, logs grow and editors
save copies. Such a change counts only if a dependency has another value.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import msgspec

from bmvis.source.dependencies import is_changed, value_of, watched
from bmvis.worker.protocol import Dependency, DependencyKey
from mkdocs_bmvis.path_poller import PathPoller
from mkdocs_bmvis.watch_list import WatchList

if TYPE_CHECKING:
    from mkdocs.livereload import LiveReloadServer

_CONTENT = ("file", "source", "entry")
"""The kinds of dependencies that each change of their file can change."""
_Places = dict[str, dict[DependencyKey, Dependency]]
"""The paths to watch, each with the dependencies there."""


class Watcher:
    """Watches what the last builds of a preview server depend on.

    Args:
        server: the server.
    """

    def __init__(self, server: LiveReloadServer) -> None:
        self._server = server
        self._watched: set[str] = set()
        self._files: set[str] = set()
        """The watched files of which each change counts: the server watches them itself."""
        self._places: _Places = {}
        """The other paths. Their dependencies have the values of the last build or change."""
        self._changed: set[str] = set()
        """The places where something has changed since the last build ended."""
        self._removed: set[str] = set()
        """The watched paths that were removed. The server watches them no more, also if they are there again."""
        self._lock = threading.Lock()
        # A server has no method that starts a build. So it watches this file, which is touched to start one.
        self._signal = NamedTemporaryFile(prefix="bmvis-changed-")  # noqa: SIM115  # removed with this object
        server.watch(self._signal.name, recursive=False)
        self._poller = PathPoller(self._notice)

    def update(self, needed: WatchList) -> None:
        """Watch what a build depended on. If that has changed since then, start another build."""
        files, places = _paths(needed)
        with self._lock:
            for path, dependencies in places.items():
                self._places.setdefault(path, {}).update(dependencies)
            removed, self._removed = self._removed, set()
            changed, self._changed = self._changed, set()
        for path in removed:
            self._unwatch(path)
        new = (files | places.keys()) - self._watched
        for path in sorted(new):
            self._watch(path, is_file=path in files)
        for path in changed | new:
            self._check(path)

    def _watch(self, path: str, *, is_file: bool) -> None:
        if is_file:
            self._files.add(path)
            self._server.watch(path, recursive=False)
        self._watched.add(path)
        self._poller.add(path)

    def _unwatch(self, path: str) -> None:
        self._watched.discard(path)
        self._poller.remove(path)
        if path in self._files:
            self._files.remove(path)
            self._server.unwatch(path)

    def stop(self) -> None:
        """Notice no more changes."""
        self._poller.stop()

    def _notice(self, path: str) -> None:
        """Start a build if a change at a path is one of a dependency."""
        is_removed = not os.path.lexists(path)
        with self._lock:
            (self._removed if is_removed else self._changed).add(path)
        if is_removed:
            os.utime(self._signal.name)
        else:
            self._check(path)

    def _check(self, path: str) -> None:
        with self._lock:
            dependencies = {} if path in self._files else self._places.get(path, {})
            values = {key: value_of(one) for key, one in dependencies.items()}
            changed = {key: one for key, one in dependencies.items() if is_changed(one, values[key])}
            dependencies.update((key, msgspec.structs.replace(one, value=values[key])) for key, one in changed.items())
        if changed:
            os.utime(self._signal.name)


def _paths(needed: WatchList) -> tuple[set[str], _Places]:
    """Return the files of which each change counts, and the other paths."""
    files = set(needed.files)
    places: _Places = {}
    for key, dependency in needed.dependencies.items():
        for path in watched(dependency):
            if dependency.kind in _CONTENT and Path(path).is_file():
                files.add(path)
            else:
                places.setdefault(path, {})[key] = dependency
    return files, places
