"""Where a model comes from: the one door through which every host gets a tree for a reference."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from bmvis import factory
from bmvis.errors import BmvisError
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
    """

    def __init__(
        self, cwd: Path, *, path: Sequence[str] = (), python: str = sys.executable, timeout: float = TIMEOUT
    ) -> None:
        self._path = tuple(str(cwd / entry) for entry in path)
        self._worker = Worker(cwd, python=python, timeout=timeout)
        self._known: dict[tuple[str, Device], Built | BmvisError] = {}

    def resolve(self, reference: str, device: Device = "auto") -> Built:
        """Return the captured model that a factory reference names.

        Raises:
            BmvisError: the reference does not parse, or no model came of it.
        """
        key = (factory.parse(reference).text, device)
        if key not in self._known:
            try:
                self._known[key] = self._worker.build(key[0], device=device, path=self._path)
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
