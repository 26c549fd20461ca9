"""Remember the state in which factories left the files that they wrote, to recognize edits by hand.

If a factory writes a log or a counter, its model stays up to date. If somebody edits such a file, the model is out of
date. So each of these files has a version, which changes only if the file is found in another state than the last
factory left it in. An entry of the cache keeps the versions of its files, and is valid only while they are the same.
Thus it does not matter which models a build asks for, in which folder they are built, or which of them write the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from bmvis.source import dependencies as dependencies_of
from bmvis.source import fingerprint
from bmvis.untrusted.file_names import local, utf8
from bmvis.worker.protocol import Dependency, DependencyKind

_VERSION_BYTES = 8


class FileState(msgspec.Struct, frozen=True, array_like=True):
    """A file as factories left it."""

    value: str
    """The value of its dependency."""
    version: str


_Key = tuple[DependencyKind, str]
"""The kind of a dependency, and its path relative to the folder of the cache."""
States = dict[_Key, FileState]
_STATES = msgspec.msgpack.Decoder(States)


class WrittenFiles:
    """The files that factories of one build wrote, and those of earlier builds.

    Args:
        folder: the folder of the cache; other paths are relative to it, so that a checkout can be moved.
        kept: the content of the record that earlier builds left.
    """

    def __init__(self, folder: Path, kept: bytes) -> None:
        self._folder = str(folder)
        self._kept = read_states(kept)
        self._states = dict(self._changed())
        """The states at the start of this build, with new versions of edited files, and what its factories wrote."""
        self._noted: set[_Key] = set()

    def version(self, dependency: Dependency) -> str:
        """Return the version of a file; '' if no factory wrote it, so that nothing is known of its edits."""
        state = self._states.get(self._key(dependency))
        return state.version if state else ""

    def note(self, dependencies: Iterable[Dependency]) -> bool:
        """Record the state of the files that a factory has just written. Return whether there are any."""
        written = [dependency for dependency in dependencies if dependency.is_written]
        for dependency in written:
            self._states.setdefault(self._key(dependency), FileState("", os.urandom(_VERSION_BYTES).hex()))
        for key in self._touched({dependency.path for dependency in written}):
            self._states[key] = msgspec.structs.replace(self._states[key], value=self._value_now(key))
            self._noted.add(key)
        return bool(written)

    def merged(self, kept: bytes) -> bytes:
        """Return the record for later builds.

        Args:
            kept: the content of the record, which another build may have replaced since the start of this one.
        """
        there = read_states(kept)
        for key, state in self._states.items():
            before, other = self._kept.get(key), there.get(key)
            is_newest = key in self._noted or other == before
            value = state.value if is_newest or other is None else other.value
            there[key] = FileState(value, _merged_version(before, state, other))
        return msgspec.msgpack.encode({key: state for key, state in there.items() if state.value})

    def _changed(self) -> Iterator[tuple[_Key, FileState]]:
        """Yield the states of all files, with another version for those that were edited."""
        for key, state in self._kept.items():
            value = self._value_now(key)
            if value != state.value:
                state = FileState(value, fingerprint.of_bytes(f"{state.version} {value}".encode()))
            yield key, state

    def _touched(self, paths: set[str]) -> list[_Key]:
        """Return the keys of written files, and of the folders above them."""
        above = {str(folder) for path in paths for folder in Path(path).parents}
        names = {self._relative(path) for path in paths | above}
        return [key for key in self._states if key[1] in names]

    def _value_now(self, key: _Key) -> str:
        kind, path = key
        return dependencies_of.value_of(Dependency(kind, os.path.normpath(os.path.join(self._folder, local(path)))))

    def _key(self, dependency: Dependency) -> _Key:
        return dependency.kind, self._relative(dependency.path)

    def _relative(self, path: str) -> str:
        try:
            return utf8(os.path.relpath(path, self._folder))
        except ValueError:  # another drive on Windows
            return utf8(path)


def read_states(kept: bytes) -> States:
    """Return the states in a record; none if it cannot be read, so that the models are built again."""
    try:
        return _STATES.decode(kept)
    except (ValueError, RecursionError):
        return {}


def _merged_version(before: FileState | None, ours: FileState, other: FileState | None) -> str:
    """Return the version of a file after this build, and another one that ran at the same time.

    If both found edits, no entry of either one is valid: they can have seen different ones.
    """
    start = before.version if before else ""
    theirs = other.version if other else ""
    if theirs in (start, ours.version):
        return ours.version
    return theirs if ours.version == start else fingerprint.of_bytes(f"{theirs} {ours.version}".encode())
