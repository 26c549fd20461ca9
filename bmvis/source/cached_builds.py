"""Build a model or list the models of a module, from a valid cache entry or in a worker process. Internal."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from bmvis.errors import WorkerError
from bmvis.model.tree import Problem
from bmvis.options.inputs import canonical_text
from bmvis.source.build_job import BuildJob
from bmvis.source.cache import Cache
from bmvis.source.cache_folder import CacheFolder
from bmvis.source.cache_key import list_key, model_key
from bmvis.source.digest_memo import DigestMemo
from bmvis.source.module_folders import ModuleFolders
from bmvis.source.portable import portable_failure
from bmvis.source.search_path import with_search_path
from bmvis.source.syntax import with_syntax
from bmvis.worker.protocol import Built, Dependency, Failed, Listed, Request
from bmvis.worker.reply_errors import answered

if TYPE_CHECKING:  # a build without changes starts no worker
    from bmvis.worker.client import Worker
    from bmvis.worker.daemon_client import DaemonKey, Session

_Answer = TypeVar("_Answer", Built, Listed)
_LOG = logging.getLogger(__name__)


class Builder:
    """The workers and caches of one docs build.

    Args:
        cache: the folder of the cache; None for no cache.
        session: the builds that share worker processes; None to end the workers with `close`.
        digests: the digests that the host has read at the start of this build; None to read them.
    """

    def __init__(self, cache: Path | None, session: Session | None = None, digests: DigestMemo | None = None) -> None:
        self._cache = CacheFolder(cache) if cache else None
        self._session = session
        self._caches: dict[Path, Cache] = {}
        self._digests = digests or DigestMemo(self._cache)
        self._folders = ModuleFolders()
        self._workers: dict[tuple[object, ...], Worker] = {}

    def build(self, job: BuildJob) -> Built:
        """Return a captured model.

        Raises:
            BmvisError: the model could not be built or read.
        """
        if job.reference.is_checkpoint:
            from bmvis.source import checkpoint

            read = checkpoint.read(job.cwd / job.reference.file)
            if not job.is_called:
                return read
            what = "option inputs" if job.inputs else "option flow"
            return _uncalled(read, job, "a checkpoint has no code to call", f"remove the {what}")
        try:
            return self._answer(job, _request(job), model_key(job), Built)
        except WorkerError as error:
            if not job.is_called:
                raise
            plain = self.build(msgspec.structs.replace(job, inputs="", figure=False))
            text = f"the model could not be called: {error.message}"
            return msgspec.structs.replace(_uncalled(plain, job, text, error.hint, error.detail), is_retried=True)

    def find_all(self, job: BuildJob) -> Listed:
        """Return references to the models of a module that a pattern matches.

        Raises:
            BmvisError: the module cannot be imported.
        """
        request = Request(0, job.reference.text, "auto", job.path, listing=True, allow=job.allow, defaults=job.defaults)
        return self._answer(job, request, list_key(job), Listed)

    def installed_dependencies(self, folders: Iterable[str]) -> tuple[Dependency, ...]:
        """Return the dependencies of `site-packages` folders. Each folder is read once in a build."""
        return tuple(Dependency("installed", folder, self._digests.of_installed(folder)) for folder in folders)

    def close(self) -> None:
        """End the worker processes. A later `build` starts new ones."""
        for worker in self._workers.values():
            worker.close()

    def _answer(self, job: BuildJob, request: Request, key: tuple[object, ...], expected: type[_Answer]) -> _Answer:
        """Return the answer to a request from the cache, or from a worker.

        Raises:
            BmvisError: the request failed, in this build or an earlier one.
        """
        cache = self.cache_of(job.cwd)
        reply = cache.get(*key) if cache else None
        if not isinstance(reply, expected | Failed):
            started = time.monotonic()
            reply = with_search_path(self._worker(job).reply(request), job, self._folders)
            if isinstance(reply, Failed):
                reply = portable_failure(reply, job.cwd)
            else:
                reply = with_syntax(reply)
                _LOG.debug("%s: built in %.1f s by %s", request.reference, time.monotonic() - started, job.python)
            if cache:
                cache.put(reply, *key)
        answer = answered(reply)
        assert isinstance(answer, expected)
        return answer

    def cache_of(self, cwd: Path) -> Cache | None:
        """Return the cache for models that are built in a folder; None if there is no cache."""
        if self._cache and cwd not in self._caches:
            shared = next(iter(self._caches.values()), None)
            self._caches[cwd] = Cache(
                self._cache,
                cwd,
                self._digests.of_installed,
                shared.written if shared else None,
                self._digests.of_bmvis(),
            )
        return self._caches.get(cwd)

    def _worker(self, job: BuildJob) -> Worker:
        from bmvis.worker.client import Worker

        key = (job.cwd, job.python, job.timeout, job.memory)
        if key not in self._workers:
            self._workers[key] = Worker(
                job.cwd, python=job.python, timeout=job.timeout, memory=job.memory, daemon=self._daemon(job.python)
            )
        return self._workers[key]

    def _daemon(self, python: str) -> DaemonKey | None:
        """Return the worker process in memory that can build a model with this Python."""
        if self._session is None:
            return None
        from bmvis.source.worker_state import worker_state
        from bmvis.worker.daemon_client import DaemonKey

        return DaemonKey(self._session, partial(worker_state, python, self._digests))


def _request(job: BuildJob) -> Request:
    return Request(
        0,
        job.reference.text,
        job.device,
        job.path,
        inputs=job.inputs,
        allow=job.allow,
        inputs_allow=job.inputs_allow,
        figure=job.figure,
        defaults=job.defaults,
    )


def _uncalled(built: Built, job: BuildJob, message: str, hint: str, detail: str = "") -> Built:
    """Return a model with the reason why it was not called."""
    problem = Problem(message, hint, detail)
    if job.inputs:
        model = msgspec.structs.replace(built.model, untraced=problem, inputs=canonical_text(job.inputs))
    else:
        model = msgspec.structs.replace(built.model, undrawn=problem)
    return msgspec.structs.replace(built, model=model)
