"""The keys of the cache: what decides which model a request asks for, apart from files and versions."""

from __future__ import annotations

from bmvis.source.allowed_references import EVERYTHING
from bmvis.source.build_job import BuildJob

CacheKey = tuple[object, ...]


def model_key(job: BuildJob) -> CacheKey:
    """Return the key of a model. Files, libraries and versions are not in it: an entry lists those it depends on."""
    called = [*([job.inputs] if job.inputs else []), *(["figure"] if job.figure else [])]
    return (job.reference.text, job.device, job.path, job.python, *called, *_allowed(job), *job.defaults)


def list_key(job: BuildJob) -> CacheKey:
    """Return the key of the references that a pattern matches."""
    return ("list", job.reference.text, job.path, job.python, *_allowed(job), *job.defaults)


def _allowed(job: BuildJob) -> CacheKey:
    """Return the part of a key with the allow entries against which the worker has checked the objects."""
    if job.allow == job.inputs_allow == (EVERYTHING,):
        return ()
    return ("allow", job.allow, job.inputs_allow)
