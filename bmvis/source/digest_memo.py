"""Remember the digests of groups of files between builds, by the sizes and times of the files.

Reading what is installed takes longer than the rest of a build without changes: hundreds of RECORD files. As in the
index of git, a digest is remembered only if all files were written well before they were read
(`bmvis.file_state`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice

import msgspec

from bmvis.file_state import state_of
from bmvis.source import fingerprint
from bmvis.source.cache_folder import CacheFolder

_FILE = "digests.msgpack"
_MAX_GROUPS = 50
"""Number of groups in the file; those that were added first are left out. A build has two to four."""


class _Remembered(msgspec.Struct, frozen=True, array_like=True):
    state: str
    """A digest of the names, sizes and times of the files."""
    digest: str


_GROUPS = msgspec.msgpack.Decoder(dict[str, _Remembered])


class DigestMemo:
    """The digests of one build: of the code of bmvis, and of installed distributions. Each is computed once.

    Args:
        folder: the folder of the cache, in which digests are remembered; None for no cache.
    """

    def __init__(self, folder: CacheFolder | None) -> None:
        self._folder = folder
        self._remembered = _read(folder)
        self._known: dict[str, str] = {}

    def of_bmvis(self) -> str:
        """Return what `fingerprint.of_bmvis` returns."""
        return self._get(str(fingerprint.PACKAGE), fingerprint.bmvis_files, fingerprint.of_bmvis)

    def of_installed(self, folder: str) -> str:
        """Return what `fingerprint.of_installed` returns."""
        return self._get(folder, lambda: fingerprint.installed_files(folder), lambda: fingerprint.of_installed(folder))

    def _get(self, group: str, files: Callable[[], Sequence[str]], digest: Callable[[], str]) -> str:
        if group not in self._known:
            self._known[group] = self._look_up(group, files(), digest) if self._folder else digest()
        return self._known[group]

    def _look_up(self, group: str, files: Sequence[str], digest: Callable[[], str]) -> str:
        now = time.time_ns()
        state = state_of(files)
        remembered = self._remembered.get(group)
        if remembered and remembered.state == state.digest:
            return remembered.digest
        found = digest()
        if state.is_certain(now):
            self._remember(group, _Remembered(state.digest, found))
        return found

    def _remember(self, group: str, found: _Remembered) -> None:
        assert self._folder is not None
        self._remembered.pop(group, None)
        self._remembered[group] = found
        newest = islice(reversed(self._remembered.items()), _MAX_GROUPS)
        self._folder.write(_FILE, msgspec.msgpack.encode(dict(reversed([*newest]))), is_entry=False)


def _read(folder: CacheFolder | None) -> dict[str, _Remembered]:
    """Return what earlier builds remembered; nothing if it cannot be read."""
    content = folder.read(_FILE) if folder else None
    try:
        return _GROUPS.decode(content) if content else {}
    except (ValueError, RecursionError):
        return {}
