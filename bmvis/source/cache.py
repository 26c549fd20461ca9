"""Built models kept between builds: an unchanged model costs no torch import.

An entry holds as long as every file that the model came from has the content it had, and the same
distributions are installed. It is found under what was asked for, and by this very bmvis alone: other
code may read more from a model.
A cache is never trusted: what cannot be read, by whatever cause, is not there.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from bmvis.source import fingerprint
from bmvis.worker.protocol import Built, Listed

_Kept = TypeVar("_Kept", bound="Built | Listed")
_DIGEST_LENGTH = len(fingerprint.of_bytes(b""))


class _Entry(msgspec.Struct, frozen=True):
    built: Built | Listed
    """With sources relative to the project's folder where they are below it: a checkout may move."""
    installed: tuple[str, ...]
    """Digest of each folder in `built.installed`."""


_ENTRIES = msgspec.msgpack.Decoder(_Entry)


class Cache:
    """The entries in one folder, which other builds may use at the same time, or delete.

    Args:
        folder: made when the first entry is written; it may be thrown away at any time.
        cwd: the project's folder.
    """

    def __init__(self, folder: Path, cwd: Path) -> None:
        self.folder = folder
        self.cwd = cwd
        self._installed: dict[str, str] = {}

    def get(self, *asked: object) -> Built | Listed | None:
        """Return what is known of a request, if it still holds."""
        entry = self._read(self._place(asked))
        if entry is None or not self._holds(entry):
            return None
        return _with_sources(entry.built, self._absolute)

    def put(self, built: Built | Listed, *asked: object) -> None:
        """Keep what came of a request. A folder that cannot be written costs time, not the build."""
        entry = _Entry(_with_sources(built, self._relative), tuple(map(self._digest, built.installed)))
        content = msgspec.msgpack.encode(entry)
        try:
            self._write(self._place(asked), fingerprint.of_bytes(content).encode() + content)
        except OSError:
            pass  # full, read-only, or in use on Windows

    def _place(self, asked: tuple[object, ...]) -> Path:
        key = repr((fingerprint.of_bmvis(), *asked)).replace(str(self.cwd), ".")
        return self.folder / f"{fingerprint.of_bytes(key.encode())}.bmvis"

    def _read(self, place: Path) -> _Entry | None:
        try:
            whole = place.read_bytes()
        except OSError:
            return None
        digest, content = whole[:_DIGEST_LENGTH], whole[_DIGEST_LENGTH:]
        if fingerprint.of_bytes(content).encode() != digest:
            return None
        try:
            return _ENTRIES.decode(content)
        except msgspec.DecodeError:
            return None  # whole, but of another format

    def _write(self, place: Path, content: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ignore = self.folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        handle, partial = tempfile.mkstemp(dir=self.folder, suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(partial).replace(place)
        except BaseException:
            Path(partial).unlink()
            raise

    def _holds(self, entry: _Entry) -> bool:
        built = entry.built
        sources = zip(built.sources, built.digests, strict=True)
        return tuple(map(self._digest, built.installed)) == entry.installed and all(
            fingerprint.of_file(self._absolute(file)) == digest for file, digest in sources
        )

    def _digest(self, folder: str) -> str:
        if folder not in self._installed:
            self._installed[folder] = fingerprint.of_installed(folder)
        return self._installed[folder]

    def _absolute(self, file: str) -> str:
        return str(self.cwd / file)

    def _relative(self, file: str) -> str:
        return str(Path(file).relative_to(self.cwd)) if Path(file).is_relative_to(self.cwd) else file


def _with_sources(built: _Kept, change: Callable[[str], str]) -> _Kept:
    return msgspec.structs.replace(built, sources=tuple(map(change, built.sources)))
