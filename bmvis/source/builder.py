"""Build a model, or list a module's models: from the cache if an entry holds, else in a worker process. Internal."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from functools import cache as cache_of
from pathlib import Path

import msgspec

from bmvis.errors import WorkerError
from bmvis.model.tree import Problem
from bmvis.options import Device
from bmvis.reference import Reference
from bmvis.source import checkpoint, fingerprint
from bmvis.source.allow import EVERYTHING
from bmvis.source.cache import Cache
from bmvis.worker.client import Worker
from bmvis.worker.protocol import Built, Fact, Listed

_LOG = logging.getLogger(__name__)


class Job(msgspec.Struct, frozen=True):
    """What to build, and where."""

    reference: Reference
    """Or the pattern of a gallery."""
    cwd: Path
    path: tuple[str, ...]
    """Folders for the front of `sys.path`, absolute."""
    python: str
    timeout: float
    memory: int
    device: Device = "auto"
    inputs: str = ""
    allow: tuple[str, ...] = (EVERYTHING,)
    """The entries of the allow list that the reference's text matches; the worker checks the object."""
    inputs_allow: tuple[str, ...] = (EVERYTHING,)
    """The same for the function that makes the inputs."""


class Builder:
    """The workers and caches of one docs build.

    Args:
        cache: the folder that keeps what was built; None keeps nothing.
    """

    def __init__(self, cache: Path | None) -> None:
        self._cache = cache
        self._caches: dict[Path, Cache] = {}
        self._digest_of = cache_of(fingerprint.of_installed)
        self._workers: dict[tuple[object, ...], Worker] = {}

    def build(self, job: Job) -> Built:
        """Return a captured model.

        Raises:
            BmvisError: no model came of it.
        """
        if job.reference.is_checkpoint:
            read = checkpoint.read(job.cwd / job.reference.file)
            return _uncalled(read) if job.inputs else read
        asked = (
            job.reference.text,
            job.device,
            job.path,
            job.python,
            *([job.inputs] if job.inputs else []),
            *_allowed(job),
        )
        cache = self._cache_of(job)
        kept = cache.get(*asked) if cache else None
        if isinstance(kept, Built):
            return kept
        worker, started = self._worker(job), time.monotonic()
        try:
            built = worker.build(
                job.reference.text,
                device=job.device,
                path=job.path,
                inputs=job.inputs,
                allow=job.allow,
                inputs_allow=job.inputs_allow,
            )
        except WorkerError as error:
            if not job.inputs:
                raise
            return _untraced(worker.build(job.reference.text, device=job.device, path=job.path, allow=job.allow), error)
        _LOG.debug("%s: built in %.1f s by %s", job.reference.text, time.monotonic() - started, job.python)
        if cache:
            cache.put(built, *asked)
        return built

    def find_all(self, job: Job) -> Listed:
        """Return the models of a module that a pattern finds.

        Raises:
            BmvisError: the module cannot be imported.
        """
        asked = ("list", job.reference.text, job.path, job.python)
        cache = self._cache_of(job)
        kept = cache.get(*asked) if cache else None
        if isinstance(kept, Listed):
            return kept
        listed = self._worker(job).find_all(job.reference.text, path=job.path)
        if cache:
            cache.put(listed, *asked)
        return listed

    def installed_facts(self, folders: Iterable[str]) -> tuple[Fact, ...]:
        """Return the facts of `site-packages` folders, each read once in a build."""
        return tuple(Fact("installed", folder, self._digest_of(folder)) for folder in folders)

    def close(self) -> None:
        """End the worker processes. A later `build` starts others."""
        for worker in self._workers.values():
            worker.close()

    def _cache_of(self, job: Job) -> Cache | None:
        if self._cache and job.cwd not in self._caches:
            self._caches[job.cwd] = Cache(self._cache, job.cwd, self._digest_of)
        return self._caches.get(job.cwd)

    def _worker(self, job: Job) -> Worker:
        key = (job.cwd, job.python, job.timeout, job.memory)
        if key not in self._workers:
            self._workers[key] = Worker(job.cwd, python=job.python, timeout=job.timeout, memory=job.memory)
        return self._workers[key]


def _allowed(job: Job) -> tuple[object, ...]:
    """Return the part of a cache key that says under which entries the worker has checked the objects."""
    if job.allow == job.inputs_allow == (EVERYTHING,):
        return ()
    return ("allow", job.allow, job.inputs_allow)


def _untraced(built: Built, error: WorkerError) -> Built:
    """Return a model that could be built, with what ended the process when it was called."""
    problem = Problem(f"the model could not be called: {error.message}", error.hint, error.detail)
    return msgspec.structs.replace(built, model=msgspec.structs.replace(built.model, untraced=problem))


def _uncalled(built: Built) -> Built:
    problem = Problem("a checkpoint has no code to call", hint="remove the option inputs")
    return msgspec.structs.replace(built, model=msgspec.structs.replace(built.model, untraced=problem))
