"""Read and write the files of a cache folder, which other builds can use, damage or delete at the same time."""

from __future__ import annotations

import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from bmvis.source import fingerprint
from bmvis.untrusted.regular_file import read_regular

MAX_BYTES = 500_000_000
"""Maximum size of all entries in bytes; the least recently used ones are removed."""
MAX_ENTRY_BYTES = 100_000_000
ENTRY_SUFFIX = ".bmvis"
"""The end of the names of entries. Other files are not removed."""
_LOG = logging.getLogger(__name__)
_DIGEST_LENGTH = len(fingerprint.of_bytes(b""))


class CacheFolder:
    """The files of a cache folder. Each one starts with a digest of the content that follows.

    Args:
        path: the folder, created with the first file; it can be deleted at any time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_writable = True
        self._size = -1

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if it is missing, damaged or too large."""
        try:
            whole = read_regular(self.path / name, MAX_ENTRY_BYTES)
        except (OSError, ValueError):
            return None
        digest, content = whole[:_DIGEST_LENGTH], whole[_DIGEST_LENGTH:]
        return content if fingerprint.of_bytes(content).encode() == digest else None

    def note_use(self, name: str) -> None:
        """Record that an entry is in use: the least recently used entries are removed first."""
        with suppress(OSError):
            os.utime(self.path / name)

    def write(self, name: str, content: bytes, *, is_entry: bool = True) -> None:
        """Write a file, whole or not at all. A file that is too large is left out.

        Args:
            name: the name of the file.
            content: its content.
            is_entry: whether a model is built again without the file, so that an error is reported, once.
        """
        if len(content) > MAX_ENTRY_BYTES:
            return
        try:
            self._make_folder()
            self._make_room(_DIGEST_LENGTH + len(content))
            handle, partial = tempfile.mkstemp(dir=self.path, suffix=".partial")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(fingerprint.of_bytes(content).encode() + content)
                Path(partial).replace(self.path / name)
            except BaseException:
                Path(partial).unlink()
                raise
        except OSError as error:  # the disk is full or read-only, or the file is in use on Windows
            if is_entry and self._is_writable:
                _LOG.warning("the cache in %s cannot be written, so models are built again: %s", self.path, error)
                self._is_writable = False

    def _make_folder(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def _make_room(self, needed: int) -> None:
        """Remove the least recently used entries until a new entry of `needed` bytes fits."""
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
        """Return the time of use (s), the size (bytes) and the path of each entry."""
        found = []
        with os.scandir(self.path) as files:
            for file in files:
                with suppress(OSError):
                    if file.name.endswith(ENTRY_SUFFIX) and file.is_file(follow_symlinks=False):
                        state = file.stat(follow_symlinks=False)
                        found.append((state.st_mtime, state.st_size, file.path))
        return found
