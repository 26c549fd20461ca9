"""Built models kept between builds: an unchanged model costs no torch import.

An entry holds as long as all that the model was made of has the content it had (`bmvis.source.facts`), and the same
distributions are installed. It is found under what was asked for, and by this very bmvis alone: other code may read
more from a model.
A cache is never trusted: what cannot be read, by whatever cause, is not there.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from bmvis.model.consistency import inconsistency
from bmvis.regular_file import read_regular
from bmvis.source import facts as facts_of
from bmvis.source import fingerprint
from bmvis.source.pyproject import project_folder
from bmvis.worker.protocol import Built, Fact, Listed

MAX_BYTES = 500_000_000
"""Of all entries together; the ones that were used longest ago are removed."""
MAX_ENTRY_BYTES = 100_000_000
_LOG = logging.getLogger(__name__)
_Kept = TypeVar("_Kept", bound="Built | Listed")
_DIGEST_LENGTH = len(fingerprint.of_bytes(b""))
_ENTRY_SUFFIX = ".bmvis"
_LEFT = "left.msgpack"
"""The file with what factories wrote, as the last build left it."""


class _Entry(msgspec.Struct, frozen=True):
    built: Built | Listed
    """With paths relative to the project's folder where they are below it: a checkout may move."""
    installed: tuple[str, ...]
    """Digest of each folder in `built.installed`."""


_ENTRIES = msgspec.msgpack.Decoder(_Entry)
_LEFT_VALUES = msgspec.msgpack.Decoder(dict[str, str])


class Cache:
    """The entries in one folder, which other builds may use at the same time, or delete.

    Args:
        folder: made when the first entry is written; it may be thrown away at any time.
        cwd: the project's folder.
        digest: returns the digest of what is installed in a folder.
    """

    def __init__(self, folder: Path, cwd: Path, digest: Callable[[str], str]) -> None:
        self.folder = folder
        self.cwd = cwd
        self._project = os.path.join(project_folder(cwd), "")
        self._digest = digest
        self._left = self._read_left()
        self._edited = {key for key, value in self._left.items() if self._value_now(key) != value}
        """What somebody else changed since the last build; what this build's factories write is no edit."""
        self._is_writable = True
        self._size = -1

    def get(self, *asked: object) -> Built | Listed | None:
        """Return what is known of a request, if it still holds."""
        place = self._place(asked)
        entry = self._read(place)
        if entry is None:
            _LOG.debug("%s: not in the cache", _name(asked))
            return None
        reason = self._change(entry)
        if reason:
            _LOG.debug("%s: out of date, %s", _name(asked), reason)
            return None
        with suppress(OSError):
            os.utime(place)  # it was used: others are removed first
        return self._with_paths(entry.built, self._absolute)

    def put(self, built: Built | Listed, *asked: object) -> None:
        """Keep what came of a request. A folder that cannot be written costs time, not the build."""
        kept = self._with_paths(built, self._relative)
        entry = _Entry(kept, tuple(map(self._digest, built.installed)))
        content = msgspec.msgpack.encode(entry)
        for fact in kept.facts:
            if fact.left:
                self._left[_key(fact)] = ""
        if len(content) <= MAX_ENTRY_BYTES:
            self._write(self._place(asked), content)
        self._note_left()

    def _place(self, asked: tuple[object, ...]) -> Path:
        key = repr((fingerprint.of_bmvis(), *asked)).replace(str(self.cwd), ".")
        return self.folder / f"{fingerprint.of_bytes(key.encode(errors='surrogateescape'))}{_ENTRY_SUFFIX}"

    def _read(self, place: Path) -> _Entry | None:
        try:
            entry = _ENTRIES.decode(_checked(read_regular(place, MAX_ENTRY_BYTES)))
        except (OSError, ValueError, RecursionError):
            return None  # not there, damaged, or whole but of another format
        is_wrong = isinstance(entry.built, Built) and inconsistency(entry.built.model)
        return None if is_wrong else entry

    def _read_left(self) -> dict[str, str]:
        try:
            return _LEFT_VALUES.decode(_checked(read_regular(self.folder / _LEFT, MAX_ENTRY_BYTES)))
        except (OSError, ValueError, RecursionError):
            return {}

    def _note_left(self) -> None:
        """Note what factories have written as it is now: the next build compares with it."""
        values = {key: self._value_now(key) for key in self._left}
        values = {key: value for key, value in values.items() if value}
        if values or self._left:
            self._left = values
            self._write(self.folder / _LEFT, msgspec.msgpack.encode(values))

    def _value_now(self, key: str) -> str:
        kind, path = key.split(" ", 1)
        fact = msgspec.convert([kind, self._absolute(path)], Fact)
        return facts_of.value_of(fact)

    def _write(self, place: Path, content: bytes) -> None:
        try:
            self._make_folder()
            self._make_room(len(content))
            handle, partial = tempfile.mkstemp(dir=self.folder, suffix=".partial")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(fingerprint.of_bytes(content).encode() + content)
                Path(partial).replace(place)
            except BaseException:
                Path(partial).unlink()
                raise
        except OSError as error:  # full, read-only, or in use on Windows
            if self._is_writable:
                _LOG.warning("the cache in %s cannot be written, so models are built again: %s", self.folder, error)
            self._is_writable = False

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ignore = self.folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def _make_room(self, needed: int) -> None:
        """Remove the entries that were used longest ago, until another one fits."""
        self._size = needed + (self._size if self._size >= 0 else sum(size for _, size, _ in self._entries()))
        if self._size <= MAX_BYTES:
            return
        for _, size, place in sorted(self._entries()):
            if self._size <= MAX_BYTES * 0.8:
                break
            with suppress(OSError):
                Path(place).unlink()
                self._size -= size

    def _entries(self) -> list[tuple[float, int, str]]:
        """Return each entry's time of use, its size and its place."""
        found = []
        with os.scandir(self.folder) as files:
            for file in files:
                with suppress(OSError):
                    if file.name.endswith(_ENTRY_SUFFIX) and file.is_file(follow_symlinks=False):
                        state = file.stat(follow_symlinks=False)
                        found.append((state.st_mtime, state.st_size, file.path))
        return found

    def _change(self, entry: _Entry) -> str:
        """Return why an entry does not hold; '' if it does."""
        if tuple(map(self._digest, entry.built.installed)) != entry.installed:
            return "other distributions are installed"
        for fact in entry.built.facts:
            if fact.left:
                is_changed = _key(fact) in self._edited or _key(fact) not in self._left
            else:
                here = msgspec.structs.replace(fact, path=self._absolute(fact.path))
                is_changed = facts_of.value_of(here) != fact.value
            if is_changed:
                return f"{fact} has changed"
        return ""

    def _absolute(self, file: str) -> str:
        return os.path.normpath(self.cwd / file)

    def _relative(self, file: str) -> str:
        return os.path.relpath(file, self.cwd) if os.path.join(file, "").startswith(self._project) else file

    def _with_paths(self, built: _Kept, change: Callable[[str], str]) -> _Kept:
        sources = tuple(map(change, built.sources))
        return msgspec.structs.replace(built, sources=sources, facts=facts_of.relative(built.facts, change))


def _checked(whole: bytes) -> bytes:
    """Return the content behind its digest.

    Raises:
        ValueError: it is not what was written.
    """
    digest, content = whole[:_DIGEST_LENGTH], whole[_DIGEST_LENGTH:]
    if fingerprint.of_bytes(content).encode() != digest:
        raise ValueError("the digest is another one")
    return content


def _key(fact: Fact) -> str:
    return f"{fact.kind} {fact.path}"


def _name(asked: tuple[object, ...]) -> str:
    return str(asked[1] if asked[0] == "list" else asked[0])
