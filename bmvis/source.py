"""Where a model comes from: the one door through which every host gets a tree for a reference."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType

from bmvis import factory
from bmvis.cache import Cache
from bmvis.errors import BmvisError, InvalidReferenceError
from bmvis.options import Device
from bmvis.protocol import Built
from bmvis.worker import TIMEOUT, Worker


class Source:
    """Builds models for one docs build; each reference once, a failing one included.

    Args:
        cwd: the project's folder: where relative paths start.
        path: folders for the front of `sys.path`, relative ones below `cwd`.
        python: the interpreter that builds models.
        timeout: seconds per model.
        memory: bytes per model, beside what torch itself takes; 0 is no limit. Holds on Linux.
        cache: a folder for what was built, to be used by later builds; None keeps nothing. An entry holds
            while the project's modules that the factory imports, the data files below `cwd` and `path`
            that they open, and the installed distributions are what they were. A file that C code
            opens, and what a factory takes from the network or the environment, is not seen.
        allow: patterns, as in `fnmatch`, of the references that pages may name: `zoo.*:build_*` is held
            against `package.module:callable`. By default a page may run any importable callable.
    """

    def __init__(
        self,
        cwd: Path,
        *,
        path: Sequence[str] = (),
        python: str = sys.executable,
        timeout: float = TIMEOUT,
        memory: int = 0,
        cache: Path | None = None,
        allow: Sequence[str] = ("*",),
    ) -> None:
        cwd = cwd.resolve()
        self._path = tuple(str(cwd / entry) for entry in path)
        self._python = python
        self._allow = tuple(allow)
        self._worker = Worker(cwd, python=python, timeout=timeout, memory=memory)
        self._cache = Cache(cwd / cache, cwd) if cache else None
        self._known: dict[tuple[str, Device], Built | BmvisError] = {}

    def resolve(self, reference: str, device: Device = "auto") -> Built:
        """Return the captured model that a factory reference names.

        Raises:
            BmvisError: the reference does not parse or is not allowed, or no model came of it.
        """
        parsed = factory.parse(reference)
        self._require_allowed(parsed)
        key = (parsed.text, device)
        if key not in self._known:
            try:
                self._known[key] = self._cached(*key)
            except BmvisError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, BmvisError):
            raise found
        return found

    def close(self) -> None:
        """End the worker process. A later `resolve` starts another."""
        self._worker.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _require_allowed(self, reference: factory.Reference) -> None:
        if not any(fnmatchcase(reference.target, pattern) for pattern in self._allow):
            raise InvalidReferenceError(
                f"{reference.target!r} is not among the models that pages may name",
                hint=f"allowed: {', '.join(self._allow) or 'none'}",
            )

    def _cached(self, reference: str, device: Device) -> Built:
        if self._cache is None:
            return self._worker.build(reference, device=device, path=self._path)
        asked = (reference, device, self._path, self._python)
        built = self._cache.get(*asked)
        if built is None:
            built = self._worker.build(reference, device=device, path=self._path)
            self._cache.put(built, *asked)
        return built
