"""Cache built models and failures between builds, so that an unchanged model needs no import of torch.

An entry is valid while all dependencies of the model have the same values (`bmvis.source.dependencies`), and the same
distributions are installed. A failure also depends on the environment variables, because one of them can be what was
missing. The key includes the request and a digest of the code of bmvis, because another version can read more from a
model. The cache is not trusted: an entry that cannot be read, for any reason, counts as missing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from bmvis.model.consistency import inconsistency
from bmvis.source import dependencies as dependencies_of
from bmvis.source import fingerprint
from bmvis.source.cache_folder import ENTRY_SUFFIX, CacheFolder
from bmvis.source.module_folders import ModuleFolders
from bmvis.source.pyproject import project_folder
from bmvis.source.written_files import WrittenFiles
from bmvis.untrusted.file_names import local, utf8
from bmvis.worker.protocol import Built, Dependency, Failed, ModelRequest, Reply

_LOG = logging.getLogger(__name__)
_WRITTEN = "written.msgpack"
"""The file with the state of files that factories wrote (`bmvis.source.written_files`)."""


class CachedProblem(msgspec.Struct, frozen=True, array_like=True):
    """A problem that was reported with a drawing, with the fields of `BmvisError`."""

    kind: str
    message: str
    hint: str
    detail: str
    location: str = ""
    """Where it was reported; '' for the location of the element."""


class CachedAnswer(msgspec.Struct, frozen=True, array_like=True):
    """What is wrong with one of the models of a drawing, which the next build has to ask for again."""

    request: ModelRequest
    problem: str
    """A digest of the error, or of the reasons why the model was not called."""
    is_pattern: bool = False
    """Whether the reference of the request is a pattern."""


class CachedHtml(msgspec.Struct, frozen=True, tag="drawing"):
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
    problems: tuple[CachedProblem, ...] = ()
    """What was reported, and is reported again in each build."""
    answers: tuple[CachedAnswer, ...] = ()
    """The models with problems of their own."""
    sources: tuple[str, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    installed: tuple[str, ...] = ()


_Kept = TypeVar("_Kept", bound=Reply | CachedHtml)
_Kept_co = TypeVar("_Kept_co", bound=Reply | CachedHtml, covariant=True)


class _CacheEntry(msgspec.Struct, Generic[_Kept_co], frozen=True, omit_defaults=True):
    built: _Kept_co
    """Paths in the project are relative to its folder, so that a checkout can be moved."""
    installed: tuple[str, ...]
    """Digest of each folder in `built.installed`."""
    environment: str = ""
    """Digest of the environment variables of a failure; '' if they do not matter."""
    versions: tuple[str, ...] = ()
    """The version of each file that a factory wrote, in the order of `built.dependencies`."""


_Decoder = msgspec.msgpack.Decoder


@lru_cache
def _reply_decoder() -> _Decoder[_CacheEntry[Reply]]:
    return _Decoder(_CacheEntry[Reply])


@lru_cache
def _failure_decoder() -> _Decoder[_CacheEntry[Failed]]:
    return _Decoder(_CacheEntry[Failed])


@lru_cache
def _html_decoder() -> _Decoder[_CacheEntry[CachedHtml]]:
    return _Decoder(_CacheEntry[CachedHtml])


def _decode_reply(content: bytes) -> _CacheEntry[Reply]:
    """Return an entry with a reply. The types of whole models take 2 ms, which a build with a failure does not need."""
    try:
        return _failure_decoder().decode(content)
    except msgspec.ValidationError:
        return _reply_decoder().decode(content)


class Cache:
    """The entries in one folder, which other builds can use or delete at the same time.

    Args:
        folder: the folder of the cache.
        cwd: the folder of the project.
        digest: returns the digest of the distributions in a `site-packages` folder.
        written: the files that factories wrote, if caches for several `cwd` share the folder.
        code: the digest of the code of bmvis, if it is known.
    """

    def __init__(
        self,
        folder: CacheFolder,
        cwd: Path,
        digest: Callable[[str], str],
        written: WrittenFiles | None = None,
        code: str = "",
    ) -> None:
        self.cwd = cwd
        self._folder = folder
        self._project = os.path.join(project_folder(cwd), "")
        self._below = _relative_folder(cwd, folder.path)
        """Part of all keys: `bmvis show` can run in any folder of a project, and relative paths start there."""
        self._digest = digest
        self._code = code or fingerprint.of_bmvis()
        self.written = written or WrittenFiles(folder.path, folder.read(_WRITTEN) or b"")
        self._folders = ModuleFolders()
        self._absolute = lru_cache(maxsize=None)(partial(_absolute, str(cwd)))
        """Returns an absolute path: models of one project depend on the same files."""

    def get(self, *key: object) -> Reply | None:
        """Return the reply to a request if it is still valid, else None."""
        return self._valid(key, _decode_reply)

    def get_html(self, *key: object) -> CachedHtml | None:
        """Return what a host wrote for an element if it is still valid, else None."""
        return self._valid(key, _html_decoder().decode)

    def _valid(self, key: tuple[object, ...], decode: Callable[[bytes], _CacheEntry[_Kept]]) -> _Kept | None:
        name = self._file_name(key)
        entry = self._read(name, decode)
        if entry is None:
            _LOG.debug("%s: not in the cache", _name(key))
            return None
        reason = self._change(entry)
        if reason:
            _LOG.debug("%s: out of date, %s", _name(key), reason)
            return None
        self._folder.note_use(name)
        return self._with_paths(entry.built, self._absolute)

    def put(self, built: Reply | CachedHtml, *key: object) -> None:
        """Store the reply to a request, unless it is a failure that may not occur again.

        If the folder cannot be written, the build continues without the cache.
        """
        if not isinstance(built, CachedHtml) and self.written.note(built.dependencies):
            self._folder.write(_WRITTEN, self.written.merged(self._folder.read(_WRITTEN) or b""))
        if isinstance(built, Failed) and not built.is_permanent:
            return
        versions = tuple(self.written.version(dependency) for dependency in built.dependencies if dependency.is_written)
        environment = _environment() if isinstance(built, Failed) else ""
        entry = _CacheEntry(
            self._with_paths(built, self._relative), tuple(map(self._digest, built.installed)), environment, versions
        )
        if all(versions):
            self._folder.write(self._file_name(key), msgspec.msgpack.encode(entry))

    def _file_name(self, key: tuple[object, ...]) -> str:
        text = repr((self._code, self._below, *key)).replace(str(self.cwd), ".")
        return f"{fingerprint.of_bytes(text.encode(errors='surrogateescape'))}{ENTRY_SUFFIX}"

    def _read(self, name: str, decode: Callable[[bytes], _CacheEntry[_Kept]]) -> _CacheEntry[_Kept] | None:
        content = self._folder.read(name)
        try:
            entry = decode(content) if content else None
        except (ValueError, RecursionError):
            return None  # of another format
        is_wrong = entry and isinstance(entry.built, Built) and inconsistency(entry.built.model)
        return None if is_wrong else entry

    def _change(self, entry: _CacheEntry[_Kept]) -> str:
        """Return why an entry is out of date; '' if it is valid."""
        if tuple(map(self._digest, entry.built.installed)) != entry.installed:
            return "other distributions are installed"
        if entry.environment and entry.environment != _environment():
            return "an environment variable has changed"
        versions = iter(entry.versions)
        for dependency in entry.built.dependencies:
            here = dependency
            if dependency.kind != "variable":
                here = msgspec.structs.replace(dependency, path=self._absolute(dependency.path))
            if dependency.is_written:
                is_changed = self.written.version(here) != next(versions, None)
            else:
                is_changed = dependencies_of.is_changed(
                    here, dependencies_of.value_of(here, self._folders, self._digest)
                )
            if is_changed:
                return f"{dependency} has changed"
        return ""

    def _relative(self, file: str) -> str:
        return utf8(os.path.relpath(file, self.cwd) if os.path.join(file, "").startswith(self._project) else file)

    def _with_paths(self, built: _Kept, change: Callable[[str], str]) -> _Kept:
        sources = tuple(map(change, built.sources))
        dependencies = dependencies_of.with_changed_paths(built.dependencies, change)
        return msgspec.structs.replace(built, sources=sources, dependencies=dependencies)


def _absolute(cwd: str, file: str) -> str:
    return os.path.normpath(os.path.join(cwd, local(file)))


def _relative_folder(cwd: Path, folder: Path) -> str:
    try:
        return os.path.relpath(cwd, folder)
    except ValueError:  # another drive on Windows
        return str(cwd)


def _name(key: tuple[object, ...]) -> str:
    return str(key[1] if key[0] == "list" else key[0])


def _environment() -> str:
    from bmvis.source.environment import environment_digest  # only failures depend on it

    return environment_digest()
