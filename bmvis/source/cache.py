"""Cache built models and failures between builds, so that an unchanged model needs no import of torch.

An entry is valid while all dependencies of the model have the same values (`bmvis.source.dependencies`), and the same
distributions are installed. A failure also depends on the environment variables, because one of them can be what was
missing. The key includes the request and a digest of the code of bmvis, because another version can read more from a
model. The cache is not trusted: an entry that cannot be read, for any reason, counts as missing.
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
from bmvis.source import dependencies as dependencies_of
from bmvis.source import fingerprint
from bmvis.source.pyproject import project_folder
from bmvis.source.written_files import WrittenFiles
from bmvis.untrusted.file_names import local, utf8
from bmvis.untrusted.regular_file import read_regular
from bmvis.worker.protocol import Built, Dependency, Failed, ModelRequest, Reply

MAX_BYTES = 500_000_000
"""Maximum size of all entries in bytes; the least recently used ones are removed."""
MAX_ENTRY_BYTES = 100_000_000
_LOG = logging.getLogger(__name__)
_DIGEST_LENGTH = len(fingerprint.of_bytes(b""))
_ENTRY_SUFFIX = ".bmvis"
_WRITTEN = "written.msgpack"
"""The file with the state of files that factories wrote (`bmvis.source.written_files`)."""


class KeptProblem(msgspec.Struct, frozen=True, array_like=True):
    """A problem that was reported with a drawing, with the fields of `BmvisError`."""

    kind: str
    message: str
    hint: str
    detail: str
    location: str = ""
    """Where it was reported; '' for the location of the element."""


class KeptAnswer(msgspec.Struct, frozen=True, array_like=True):
    """What is wrong with one of the models of a drawing, which the next build has to ask for again."""

    request: ModelRequest
    problem: str
    """A digest of the error, or of the reasons why the model was not called."""
    is_pattern: bool = False
    """Whether the reference of the request is a pattern."""


class KeptHtml(msgspec.Struct, frozen=True, tag="drawing"):
    """What a host wrote for an element of a page. The other fields are as in `Built`.

    Its dependencies are those of all models that it shows, so that it becomes out of date when one of them does. A
    model that failed, or that was not called, can succeed in the next build although no dependency has changed.
    Therefore it is valid only as long as these models have the same problems.
    """

    html: str
    """Not trusted: check it with `bmvis.render.html.cached_html.is_own`."""
    notes: tuple[str, ...] = ()
    """The notes about the models."""
    skipped: tuple[str, ...] = ()
    """Messages about the names that patterns skip."""
    targets: dict[str, str] = {}
    """The ids of the tree and of its rows, by the identifiers that references use."""
    problems: tuple[KeptProblem, ...] = ()
    """What was reported, and is reported again in each build."""
    answers: tuple[KeptAnswer, ...] = ()
    """The models with problems of their own."""
    sources: tuple[str, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    installed: tuple[str, ...] = ()


_Reply = TypeVar("_Reply", bound=Reply | KeptHtml)


class _CacheEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    built: Reply | KeptHtml
    """Paths in the project are relative to its folder, so that a checkout can be moved."""
    installed: tuple[str, ...]
    """Digest of each folder in `built.installed`."""
    environment: str = ""
    """Digest of the environment variables of a failure; '' if they do not matter."""
    versions: tuple[str, ...] = ()
    """The version of each file that a factory wrote, in the order of `built.dependencies`."""


_ENTRIES = msgspec.msgpack.Decoder(_CacheEntry)


class Cache:
    """The entries in one folder, which other builds can use or delete at the same time.

    Args:
        folder: the folder of the cache, created with the first entry; it can be deleted at any time.
        cwd: the folder of the project.
        digest: returns the digest of the distributions in a `site-packages` folder.
        written: the files that factories wrote, if caches for several `cwd` share the folder.
    """

    def __init__(
        self, folder: Path, cwd: Path, digest: Callable[[str], str], written: WrittenFiles | None = None
    ) -> None:
        self.folder = folder
        self.cwd = cwd
        self._project = os.path.join(project_folder(cwd), "")
        self._below = _relative_folder(cwd, folder)
        """Part of all keys: `bmvis show` can run in any folder of a project, and relative paths start there."""
        self._digest = digest
        self.written = written or WrittenFiles(folder, self._read_written())
        self._is_writable = True
        self._size = -1

    def get(self, *asked: object) -> Reply | KeptHtml | None:
        """Return the entry of a request if it is still valid, else None."""
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
            os.utime(place)  # the least recently used entries are removed first
        return self._with_paths(entry.built, self._absolute)

    def put(self, built: Reply | KeptHtml, *asked: object) -> None:
        """Store the reply to a request, unless it is a failure that may not occur again.

        If the folder cannot be written, the build continues without the cache.
        """
        if not isinstance(built, KeptHtml) and self.written.note(built.dependencies):
            self._write(self.folder / _WRITTEN, self.written.merged(self._read_written()))
        if isinstance(built, Failed) and not built.is_permanent:
            return
        versions = tuple(self.written.version(dependency) for dependency in built.dependencies if dependency.is_written)
        environment = fingerprint.of_environment() if isinstance(built, Failed) else ""
        entry = _CacheEntry(
            self._with_paths(built, self._relative), tuple(map(self._digest, built.installed)), environment, versions
        )
        content = msgspec.msgpack.encode(entry)
        if len(content) <= MAX_ENTRY_BYTES and all(versions):
            self._write(self._place(asked), content)

    def _place(self, asked: tuple[object, ...]) -> Path:
        key = repr((fingerprint.of_bmvis(), self._below, *asked)).replace(str(self.cwd), ".")
        return self.folder / f"{fingerprint.of_bytes(key.encode(errors='surrogateescape'))}{_ENTRY_SUFFIX}"

    def _read(self, place: Path) -> _CacheEntry | None:
        try:
            entry = _ENTRIES.decode(_checked(read_regular(place, MAX_ENTRY_BYTES)))
        except (OSError, ValueError, RecursionError):
            return None  # missing, damaged, or of another format
        is_wrong = isinstance(entry.built, Built) and inconsistency(entry.built.model)
        return None if is_wrong else entry

    def _read_written(self) -> bytes:
        try:
            return _checked(read_regular(self.folder / _WRITTEN, MAX_ENTRY_BYTES))
        except (OSError, ValueError):
            return b""

    def _write(self, place: Path, content: bytes) -> None:
        try:
            self._make_folder()
            self._make_room(_DIGEST_LENGTH + len(content))
            handle, partial = tempfile.mkstemp(dir=self.folder, suffix=".partial")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(fingerprint.of_bytes(content).encode() + content)
                Path(partial).replace(place)
            except BaseException:
                Path(partial).unlink()
                raise
        except OSError as error:  # the disk is full or read-only, or the file is in use on Windows
            if self._is_writable:
                _LOG.warning("the cache in %s cannot be written, so models are built again: %s", self.folder, error)
            self._is_writable = False

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ignore = self.folder / ".gitignore"
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
        with os.scandir(self.folder) as files:
            for file in files:
                with suppress(OSError):
                    if file.name.endswith(_ENTRY_SUFFIX) and file.is_file(follow_symlinks=False):
                        state = file.stat(follow_symlinks=False)
                        found.append((state.st_mtime, state.st_size, file.path))
        return found

    def _change(self, entry: _CacheEntry) -> str:
        """Return why an entry is out of date; '' if it is valid."""
        if tuple(map(self._digest, entry.built.installed)) != entry.installed:
            return "other distributions are installed"
        if entry.environment and entry.environment != fingerprint.of_environment():
            return "an environment variable has changed"
        versions = iter(entry.versions)
        for dependency in entry.built.dependencies:
            here = dependency
            if dependency.kind != "variable":
                here = msgspec.structs.replace(dependency, path=self._absolute(dependency.path))
            if dependency.is_written:
                is_changed = self.written.version(here) != next(versions, None)
            else:
                is_changed = dependencies_of.is_changed(here, dependencies_of.value_of(here))
            if is_changed:
                return f"{dependency} has changed"
        return ""

    def _absolute(self, file: str) -> str:
        return os.path.normpath(self.cwd / local(file))

    def _relative(self, file: str) -> str:
        return utf8(os.path.relpath(file, self.cwd) if os.path.join(file, "").startswith(self._project) else file)

    def _with_paths(self, built: _Reply, change: Callable[[str], str]) -> _Reply:
        sources = tuple(map(change, built.sources))
        dependencies = dependencies_of.with_changed_paths(built.dependencies, change)
        return msgspec.structs.replace(built, sources=sources, dependencies=dependencies)


def _checked(whole: bytes) -> bytes:
    """Return the content that follows its digest.

    Raises:
        ValueError: the content does not match the digest.
    """
    digest, content = whole[:_DIGEST_LENGTH], whole[_DIGEST_LENGTH:]
    if fingerprint.of_bytes(content).encode() != digest:
        raise ValueError("the digest does not match")
    return content


def _relative_folder(cwd: Path, folder: Path) -> str:
    try:
        return os.path.relpath(cwd, folder)
    except ValueError:  # another drive on Windows
        return str(cwd)


def _name(asked: tuple[object, ...]) -> str:
    return str(asked[1] if asked[0] == "list" else asked[0])
